"""The ratios that matter, read off one run's rows."""

from collections.abc import Sequence
from typing import Any

from benchmarks.sizes import SIZES
from benchmarks.summary import Ratio, Row

_PEERS = ("mlserver", "litserve", "bentoml", "ray")

_BEYOND_THE_CACHES = 1_000_000
"""Films from which on the factors have to come from memory, so that the time to stream them bounds an answer."""


def ratios(rows: Sequence[Row], kernels: Sequence[dict[str, Any]], overloads: Sequence[dict[str, Any]]) -> list[Ratio]:
    """Every claim about this run; a value is None where a contender that it needs has no numbers."""
    table = {(row.size, row.contender): row for row in rows if row.error is None}
    sizes = list(dict.fromkeys(row.size for row in rows))
    found: list[Ratio] = []
    for size in sizes:
        films = f"{SIZES[size].films:,} films"
        found += _kept(table, size, films) + _computed(table, size, films) + _own(table, size, films)
    for kernel in (one for one in kernels if one["films"] >= _BEYOND_THE_CACHES):
        films = f"{kernel['films']:,} films"
        found += [
            Ratio(
                claim=f"{films}: one answer, times streaming the factors",
                value=kernel["alone_over_stream"],
                at_most=1.3,
            ),
            Ratio(claim=f"{films}: 32 together over batched numpy", value=kernel["together_over_numpy"], at_least=3.5),
            *_approximate(kernel["approximate"], films),
        ]
    for overload in overloads:
        found += _overload(overload, f"{SIZES[overload['size']].films:,} films")
    return found


def over(table: dict[tuple[str, str], Row], size: str, ours: str, other: str) -> float | None:
    """How many times the requests/s of `other` those of `ours` are."""
    mine, theirs = table.get((size, ours)), table.get((size, other))
    if mine is None or theirs is None or not theirs.requests_per_second:
        return None
    return mine.requests_per_second / theirs.requests_per_second


def _kept(table: dict[tuple[str, str], Row], size: str, films: str) -> list[Ratio]:
    def of(other: str) -> float | None:
        return over(table, size, "ours-kept", other)

    found = [Ratio(claim=f"{films}: kept over raw ASGI's constant", value=of("constant-asgi"), at_least=0.9)]
    if (size, "tutorial-best") in table:
        found.append(Ratio(claim=f"{films}: kept over the tutorial's best", value=of("tutorial-best"), at_least=1500))
    return found


def _computed(table: dict[tuple[str, str], Row], size: str, films: str) -> list[Ratio]:
    def of(other: str) -> float | None:
        return over(table, size, "ours-computed", other)

    if SIZES[size].films < 10_000:
        wished = {"mlserver": 5.0, "litserve": 12.0, "bentoml": 12.0}
        found = [
            Ratio(claim=f"{films}: computed over {peer}", value=of(peer), at_least=low) for peer, low in wished.items()
        ]
        if (size, "tutorial-best") in table:
            claim = f"{films}: computed over the tutorial's best"
            found.append(Ratio(claim=claim, value=of("tutorial-best"), at_least=400))
        return found
    peers = [value for value in map(of, _PEERS) if value is not None]
    return [
        Ratio(claim=f"{films}: computed over the best peer", value=min(peers, default=None), at_least=5),
        Ratio(claim=f"{films}: computed over Starlette and numpy", value=of("starlette-numpy"), at_least=2),
    ]


def _own(table: dict[tuple[str, str], Row], size: str, films: str) -> list[Ratio]:
    row = table.get((size, "ours-computed"))
    within = 2.0 if SIZES[size].films >= 1_000_000 else 1.0
    spread = row.alone_p99_ms / row.alone_p50_ms if row and row.alone_p50_ms else None
    return [
        Ratio(claim=f"{films}: computed alone, p99 over p50", value=spread, at_most=4),
        Ratio(claim=f"{films}: seconds to the first answer", value=row.ready_seconds if row else None, at_most=within),
        Ratio(
            claim=f"{films}: resident MB beyond the weights' {SIZES[size].weights_mb:.0f}",
            value=row.resident_mb - SIZES[size].weights_mb if row else None,
            at_most=80,
        ),
    ]


def _approximate(found: dict[str, Any] | None, films: str) -> list[Ratio]:
    """None where the index was not measured, since its library is not there."""

    def of(name: str) -> float | None:
        return float(found[name]) if found else None

    return [
        Ratio(claim=f"{films}, index: one by one over numpy", value=of("over_numpy"), at_least=20),
        Ratio(claim=f"{films}, index: recall@10", value=of("recall_at_10"), at_least=0.98),
        Ratio(claim=f"{films}, index: seen films told", value=of("seen_films_told"), at_most=0),
    ]


def _overload(seen: dict[str, Any], films: str) -> list[Ratio]:
    wrong = sum(count for status, count in seen["statuses"].items() if status not in ("200", "503"))
    p99 = seen["latencies"].get("200", {}).get("p99_ms")
    recovered = seen["alone_after_ms"]["p50"] / seen["alone_before_ms"]["p50"]
    return [
        Ratio(claim=f"{films}, overload: answers that are neither 200 nor 503", value=float(wrong), at_most=0),
        Ratio(claim=f"{films}, overload: p99 of the 200s, ms", value=p99, at_most=250),
        Ratio(claim=f"{films}, overload: p50 a second after over before", value=recovered, at_most=1.25),
    ]
