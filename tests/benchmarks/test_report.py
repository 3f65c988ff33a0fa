"""Medians, targets and the page made of them."""

import json
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from benchmarks.paths import HERE
from benchmarks.plot import draw
from benchmarks.records import median
from benchmarks.report import Row, Target, markdown, number, rows, table_of, targets
from tests.benchmarks.make import failure, kernel, measurement, overload

_MACHINE = {
    "processor": "A processor",
    "cores": 2,
    "memory_gib": 4.0,
    "system": "Linux 6",
    "load_before": 0.1,
    "commit": "abc1234",
    "versions": {"Python": "3.11.2"},
}


def _result(
    table: Sequence[Row] = (), kernels: Sequence[object] = (), overloads: Sequence[object] = ()
) -> dict[str, Any]:
    return {
        "date": "today",
        "command": "python -m benchmarks",
        "machine": _MACHINE,
        "rounds": 3,
        "seconds": 3.0,
        "rows": [asdict(row) for row in table],
        "kernels": list(kernels),
        "overload": list(overloads),
        "failures": ["scoring: killed"],
    }


def _values(found: list[Target]) -> dict[str, Target]:
    return {target.name: target for target in found}


def test_a_row_is_the_median_of_the_rounds_that_succeeded() -> None:
    rounds = [measurement("ray", rate, number=at) for at, rate in enumerate((100.0, 900.0, 300.0))]
    (row,) = rows([*rounds, failure("ray", number=3)])
    assert (row.requests_per_second, row.rounds, row.error) == (300.0, 3, None)


def test_a_contender_that_never_succeeded_is_reported_with_the_reason() -> None:
    (row,) = rows([failure("ray"), failure("ray", number=1)])
    assert row.error == "it exited with status 3: no such module"


def test_the_median_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="nothing"):
        median([])


def test_ratios_are_taken_within_a_size_and_held_against_their_limits() -> None:
    table = rows(
        [
            measurement("ours-cached", 9_500),
            measurement("constant-asgi", 10_000),
            measurement("ours-computed", 9_000),
            measurement("mlserver", 2_000),
            measurement("litserve", 500),
            measurement("mlserver", 10, size="62000"),
        ]
    )
    found = _values(targets(_result(table)))
    assert found["1,682 films: cached over raw ASGI's constant"].met is True
    assert found["1,682 films: computed over mlserver"].value == 4.5
    assert found["1,682 films: computed over mlserver"].met is False
    assert found["1,682 films: computed over litserve"].met is True
    assert found["1,682 films: computed over bentoml"].met is None


def test_the_best_peer_is_the_one_that_leaves_the_least() -> None:
    table = rows(
        [
            measurement("ours-computed", 3_000, size="62000"),
            measurement("mlserver", 600, size="62000"),
            measurement("ray", 100, size="62000"),
        ]
    )
    assert _values(targets(_result(table)))["62,000 films: computed over the best peer"].value == 5.0


def test_memory_is_counted_beyond_the_weights() -> None:
    table = rows([measurement("ours-computed", 1_000, size="1000000", mb=400.0)])
    found = _values(targets(_result(table)))
    target = next(target for claim, target in found.items() if claim.startswith("1,000,000 films: resident MB"))
    assert target.value == pytest.approx(400.0 - 278.8, abs=1)
    assert target.met is False


@pytest.mark.parametrize(
    ("changes", "claim"),
    [
        ({"statuses": {"0": 1, "200": 10}}, "neither 200 nor 503"),
        ({"statuses": {"200": 10, "500": 1}}, "neither 200 nor 503"),
        ({"latencies": {"200": {"p50_ms": 1.0, "p99_ms": 251.0}}}, "p99 of the 200s"),
        ({"single_connection_after_ms": {"p50": 1.3, "p99": 2.0}}, "a second after"),
    ],
)
def test_each_way_of_bearing_overload_badly_is_seen(changes: dict[str, object], claim: str) -> None:
    missed = [target.name for target in targets(_result(overloads=[overload(**changes)])) if not target.met]
    assert len(missed) == 1
    assert claim in missed[0]


@pytest.mark.parametrize(
    ("found", "missed"),
    [
        ({"speedup_over_numpy": 20.0, "recall_at_10": 0.98, "seen_items_returned": 0}, []),
        (
            {"speedup_over_numpy": 19.0, "recall_at_10": 0.97, "seen_items_returned": 1},
            ["over numpy", "recall@10", "seen films"],
        ),
    ],
)
def test_the_index_has_to_be_quick_right_and_silent_of_seen_films(found: dict[str, float], missed: list[str]) -> None:
    told = [target.name for target in targets(_result(kernels=[kernel() | {"approximate": found}])) if not target.met]
    assert len(told) == len(missed)
    assert all(part in claim for part, claim in zip(missed, told, strict=True))


def test_an_index_that_was_not_measured_claims_nothing() -> None:
    found = [one for one in targets(_result(kernels=[kernel() | {"approximate": None}])) if "index" in one.name]
    assert [one.value for one in found] == [None] * 3


def test_where_no_request_was_answered_the_page_has_no_time() -> None:
    page = markdown(_result(overloads=[overload(latencies={}, statuses={})]), plot=None)
    assert "p99 of the 200s unknown (there were none), of the 503s unknown (there were none)" in page


def test_overload_borne_well_misses_nothing() -> None:
    assert all(target.met for target in targets(_result(overloads=[overload()])))


def test_the_page_tells_machine_numbers_and_failures() -> None:
    table = rows([measurement("ours-cached", 23_456.7), failure("ray"), measurement("constant-asgi", 20_000)])
    page = markdown(_result(table, [kernel()], [overload()]), plot="results.png")
    assert "| **ours**, cached | 23,457 | 1.00 | 2.00 |" in page
    assert "Not measured: Ray Serve: it exited with status 3: no such module" in page
    assert "| 1,682 films: cached over raw ASGI's constant | 1.17 | ≥ 0.9 | yes |" in page
    assert "| ours: single | 12.0 | 1.20 |" in page
    assert "Failed: scoring: killed" in page
    assert "A processor, 2 cores" in page
    columns = {line.count("|") for line in page.splitlines() if line.startswith(("| **ours", "| Ray", "| raw ASGI"))}
    assert columns == {9}


@pytest.mark.parametrize(
    ("value", "told"), [(26_812.4, "26,812"), (123.4, "123"), (12.34, "12.3"), (0.718, "0.72"), (0.0, "0.00")]
)
def test_numbers_keep_three_digits(value: float, told: str) -> None:
    assert number(value) == told


def test_the_plot_shows_every_size_and_leaves_failures_out(tmp_path: Path) -> None:
    table = rows([measurement("ours-cached", 100), failure("ray"), measurement("ours-cached", 50, size="62000")])
    draw(table, tmp_path / "plot.png")
    assert (tmp_path / "plot.png").read_bytes().startswith(b"\x89PNG")


def test_there_is_no_plot_of_nothing(tmp_path: Path) -> None:
    draw([Row(size="1682", contender="ray", rounds=0, error="no")], tmp_path / "plot.png")
    assert not (tmp_path / "plot.png").exists()


def test_the_published_page_is_that_of_the_published_result() -> None:
    result = json.loads((HERE / "results.json").read_text())
    assert (HERE / "results.md").read_text() == markdown(result, plot="results.png"), "make docs"
    assert len(table_of(result)) == len(result["rows"])
