"""What the service counts, in memory that its workers share: mapped before they are forked, a row for each."""

import mmap
from bisect import bisect_left
from collections.abc import Iterator
from typing import Final

LATENCY_BOUNDS: Final = tuple(50e-6 * 2 ** (step / 2) for step in range(40))
"""Upper bounds in seconds, from 50 µs to 37 s by factors of √2; what takes longer has a bucket of its own."""

COUNTERS: Final = (
    "answered_2xx",
    "answered_3xx",
    "answered_4xx",
    "answered_5xx",
    "overloaded",
    "kept",
    "computed",
    "cold_starts",
    "empty",
    "score_sum",
    "scores",
    "batches",
    "latency_sum",
)
GAUGES: Final = ("connections", "waiting", "kept_bytes")
_NAMES: Final = (*COUNTERS, *GAUGES)
_BUCKETS: Final = len(_NAMES)  # where the latency's buckets begin
_ROW: Final = _BUCKETS + len(LATENCY_BOUNDS) + 1
_BYTES: Final = 8

_2XX: Final = _NAMES.index("answered_2xx")
_KEPT: Final = _NAMES.index("kept")
_COMPUTED: Final = _NAMES.index("computed")
_OVERLOADED: Final = _NAMES.index("overloaded")
_COLD: Final = _NAMES.index("cold_starts")
_EMPTY: Final = _NAMES.index("empty")
_SCORE_SUM: Final = _NAMES.index("score_sum")
_SCORES: Final = _NAMES.index("scores")
_LATENCY_SUM: Final = _NAMES.index("latency_sum")
_GAUGE: Final = {name: _NAMES.index(name) for name in (*GAUGES, "batches")}


class Counters:
    """One worker's row; written by that worker alone."""

    def __init__(self, row: "memoryview[float]") -> None:
        self._row = row

    def become(self, other: "Counters") -> None:
        """Count in the row of `other` from now on: after a fork, whoever holds this one stays as it is."""
        self._row = other._row

    def record_response(self, status: int, seconds: float) -> None:
        """A request was answered with `status` (100 to 599) after `seconds`."""
        row = self._row
        row[_2XX + min(max(status // 100 - 2, 0), 3)] += 1
        row[_LATENCY_SUM] += seconds
        row[_BUCKETS + bisect_left(LATENCY_BOUNDS, seconds)] += 1

    def record_scores(self, scores: int, score_sum: float, *, kept: bool) -> None:
        """Recommendations went out: how many films, the sum of their predicted ratings in stars."""
        row = self._row
        row[_KEPT if kept else _COMPUTED] += 1
        row[_SCORES] += scores
        row[_SCORE_SUM] += score_sum
        if not scores:
            row[_EMPTY] += 1

    def record_cold_start(self) -> None:
        """A user who is not in the data was told popular films."""
        self._row[_COLD] += 1

    def record_rejection(self) -> None:
        """A request was turned away; beside `answered(503, …)`."""
        self._row[_OVERLOADED] += 1

    def record_batch(self) -> None:
        """One pass over the factors, for however many requests."""
        self._row[_GAUGE["batches"]] += 1

    def set_gauge(self, name: str, value: float) -> None:
        """The present value of one of GAUGES."""
        self._row[_GAUGE[name]] = value


class Metrics:
    """The rows of all workers and their sum."""

    def __init__(self, workers: int = 1) -> None:
        self._memory = mmap.mmap(-1, workers * _ROW * _BYTES)
        self._rows = memoryview(self._memory).cast("d")
        self._workers = workers

    def counters(self, worker: int = 0) -> Counters:
        """The row of a worker, 0 <= worker < workers."""
        return Counters(self._rows[worker * _ROW : (worker + 1) * _ROW])

    def reset_gauges(self, worker: int) -> None:
        """A worker ended: what it had counted stays, its connections do not."""
        for name in GAUGES:
            self.counters(worker).set_gauge(name, 0.0)

    def read(self) -> "Reading":
        """The sums over all workers at this moment."""
        return Reading(tuple(sum(self._rows[slot::_ROW]) for slot in range(_ROW)))


class Reading:
    """Sums at one moment, or between two."""

    def __init__(self, sums: tuple[float, ...] = (0.0,) * _ROW) -> None:
        self._sums = sums

    def __getitem__(self, name: str) -> float:
        return self._sums[_NAMES.index(name)]

    def since(self, before: "Reading") -> "Reading":
        """What was counted after `before`; gauges are those of now."""
        pairs = zip(self._sums, before._sums, strict=True)
        gauges = range(len(COUNTERS), _BUCKETS)
        return Reading(tuple(now if slot in gauges else now - then for slot, (now, then) in enumerate(pairs)))

    @property
    def requests(self) -> float:
        """Answers of any status."""
        return sum(self[f"answered_{digit}xx"] for digit in "2345")

    @property
    def buckets(self) -> tuple[float, ...]:
        """Requests by latency, one number for each of LATENCY_BOUNDS and one for what took longer."""
        return self._sums[_BUCKETS:]

    def latency_sample(self, most: int) -> Iterator[float]:
        """At most `most` latencies in seconds that stand for all of them: evenly spaced quantiles, increasing.

        Within a bucket they are spread evenly, so each is right to a factor of √2.
        """
        count = sum(self.buckets)
        points = int(min(most, count))
        below, bucket = 0.0, 0
        for point in range(points):
            rank = (point + 0.5) / points * count
            while below + self.buckets[bucket] < rank:
                below += self.buckets[bucket]
                bucket += 1
            low = LATENCY_BOUNDS[bucket - 1] if bucket else 0.0
            high = LATENCY_BOUNDS[min(bucket, len(LATENCY_BOUNDS) - 1)]
            yield low + (high - low) * (rank - below) / self.buckets[bucket]
