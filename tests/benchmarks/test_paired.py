"""Claims about the comparison of two checkouts."""

from dataclasses import replace
from pathlib import Path

from benchmarks.contenders import CONTENDERS
from benchmarks.paired import Figure, _adapted, _figures, report
from benchmarks.paths import ROOT

COMPUTED = next(one for one in CONTENDERS if one.key == "ours-computed")
LOAD = {"requests_per_second": 100.0, "p50_ms": 1.0, "p99_ms": 2.0}


def record(checkout: str, round_: int, *, rate: float) -> dict[str, object]:
    """A measurement in the journal."""
    loads = {"load": {**LOAD, "requests_per_second": rate}, "single_connection": LOAD}
    key = {"size": "1682", "contender": "ours-cached", "round": round_, "checkout": checkout}
    return {**key, **loads, "resident_mb": 60.0, "ready_seconds": 0.5}


def test_a_ratio_above_one_is_better_in_both_directions() -> None:
    assert Figure(name="requests/s", before=[100.0], after=[200.0], higher=True).ratios == [2.0]
    assert Figure(name="ms", before=[4.0], after=[2.0], higher=False).ratios == [2.0]


def test_a_round_without_a_value_has_no_ratio_and_a_figure_of_such_rounds_is_marked() -> None:
    figure = Figure(name="ready s", before=[0.0], after=[1.0], higher=False)
    assert figure.ratios == []
    assert "| ready s | 0.00 | 1.00 | not comparable | |" in report([figure], Path("other"))


def test_figures_below_the_threshold_are_named() -> None:
    worse = Figure(name="worse", before=[100.0, 100.0, 100.0], after=[94.0, 90.0, 99.0], higher=True)
    better = Figure(name="better", before=[100.0], after=[96.0], higher=True)
    assert report([worse, better], Path("other")).endswith("Below 0.95: worse.")
    assert report([better], Path("other")).endswith("Below 0.95: none.")


def test_rounds_are_paired_whatever_their_order_in_the_journal() -> None:
    records = [record("after", 0, rate=110.0), record("before", 0, rate=100.0)]
    records += [record("before", 1, rate=200.0), record("after", 1, rate=180.0)]
    rate = next(figure for figure in _figures(records) if figure.name.endswith("requests/s"))
    assert rate.ratios == [1.1, 0.9]


def test_a_checkout_gets_the_names_of_variables_that_it_knows(tmp_path: Path) -> None:
    former = tmp_path / "model_service" / "serving"
    former.mkdir(parents=True)
    (former / "settings.py").write_text("WORKERS = SCORING_THREADS = KEEP_MIB = 1")
    assert _adapted(COMPUTED, root=ROOT) == COMPUTED
    variables = {"WORKERS": "1", "SCORING_THREADS": "1", "KEEP_MIB": "0"}
    assert _adapted(COMPUTED, root=tmp_path) == replace(COMPUTED, variables=variables)
