"""From single measurements to medians and ratios."""

import statistics
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from benchmarks.contenders import CONTENDERS, Kind
from benchmarks.records import Measurement


@dataclass(frozen=True, kw_only=True)
class Row:
    """A contender on a size: medians over the rounds that succeeded; `error` when none did."""

    size: str
    contender: str
    label: str
    kind: Kind
    rounds: int
    error: str | None = None
    requests_per_second: float = 0.0
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    alone_p50_ms: float = 0.0
    alone_p99_ms: float = 0.0
    resident_mb: float = 0.0
    ready_seconds: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Ratio:
    """A figure of this run beside what was wished for: `at_least` or `at_most`."""

    claim: str
    value: float | None
    at_least: float | None = None
    at_most: float | None = None

    @property
    def met(self) -> bool | None:
        """Whether the wish came true; None when something it needs was not measured."""
        if self.value is None:
            return None
        low = self.at_least is None or self.value >= self.at_least
        return low and (self.at_most is None or self.value <= self.at_most)


def median(values: Iterable[float]) -> float:
    """The middle one, or the mean of the middle two; raises ValueError without any."""
    found = list(values)
    if not found:
        raise ValueError("there is no median of nothing")
    return float(statistics.median(found))


def rows(measurements: Sequence[Measurement]) -> list[Row]:
    """A row for each contender and size that was tried, in the order of the contenders, sizes as they came."""
    sizes = list(dict.fromkeys(one.size for one in measurements))
    found = []
    for size in sizes:
        for contender in CONTENDERS:
            mine = [one for one in measurements if (one.size, one.contender) == (size, contender.key)]
            if mine:
                found.append(_row(size, contender.key, contender.label, contender.kind, mine))
    return found


def _row(size: str, key: str, label: str, kind: Kind, mine: Sequence[Measurement]) -> Row:
    good = [one for one in mine if one.load and one.alone]
    if not good:
        return Row(size=size, contender=key, label=label, kind=kind, rounds=0, error=mine[-1].error)
    loads, alone = [one.load for one in good if one.load], [one.alone for one in good if one.alone]
    return Row(
        size=size,
        contender=key,
        label=label,
        kind=kind,
        rounds=len(good),
        requests_per_second=median(load.requests_per_second for load in loads),
        p50_ms=median(load.p50_ms for load in loads),
        p99_ms=median(load.p99_ms for load in loads),
        alone_p50_ms=median(load.p50_ms for load in alone),
        alone_p99_ms=median(load.p99_ms for load in alone),
        resident_mb=median(one.resident_mb or 0.0 for one in good),
        ready_seconds=median(one.ready_seconds or 0.0 for one in good),
    )
