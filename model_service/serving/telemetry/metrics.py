"""Service metrics in shared memory, mapped before the workers are forked: one row of float64 per worker."""

import mmap
from collections.abc import Iterator
from typing import Final

LATENCY_BOUNDS: Final = tuple(50e-6 * 2 ** (step / 2) for step in range(40))
"""Upper bounds of the latency histogram in seconds, from 50 µs to 37 s by factors of √2; one more bucket above."""

COUNTERS: Final = (
    "responses_2xx",
    "responses_3xx",
    "responses_4xx",
    "responses_5xx",
    "rejections",
    "cache_hits",
    "computed",
    "cold_starts",
    "empty",
    "score_sum",
    "scores",
    "batches",
    "latency_sum",
)
GAUGES: Final = ("connections", "queue_size", "cache_bytes")
SLOTS: Final = {name: slot for slot, name in enumerate((*COUNTERS, *GAUGES))}
"""Metric name to its position in a row; the latency buckets follow."""
FIRST_BUCKET: Final = len(SLOTS)
_ROW: Final = FIRST_BUCKET + len(LATENCY_BOUNDS) + 1
_BYTES: Final = 8


class Metrics:
    """The rows of all workers and their sums."""

    def __init__(self, workers: int = 1) -> None:
        self._memory = mmap.mmap(-1, workers * _ROW * _BYTES)
        self._rows = memoryview(self._memory).cast("d")

    def row(self, worker: int = 0) -> "memoryview[float]":
        """The row of a worker, 0 <= worker < workers."""
        return self._rows[worker * _ROW : (worker + 1) * _ROW]

    def reset_gauges(self, worker: int) -> None:
        """Zero the gauges of a worker that ended; its counters stay."""
        row = self.row(worker)
        for name in GAUGES:
            row[SLOTS[name]] = 0.0

    def read(self) -> "Reading":
        """The current sums over all workers."""
        return Reading(tuple(sum(self._rows[slot::_ROW]) for slot in range(_ROW)))


class Reading:
    """Sums at one moment, or the difference between two."""

    def __init__(self, sums: tuple[float, ...] = (0.0,) * _ROW) -> None:
        self._sums = sums

    def __getitem__(self, name: str) -> float:
        return self._sums[SLOTS[name]]

    def since(self, earlier: "Reading") -> "Reading":
        """The counts after `earlier`; gauges keep their current value."""
        pairs = zip(self._sums, earlier._sums, strict=True)
        gauges = range(len(COUNTERS), FIRST_BUCKET)
        return Reading(tuple(now if slot in gauges else now - then for slot, (now, then) in enumerate(pairs)))

    @property
    def requests(self) -> float:
        """Responses of any status."""
        return sum(self[f"responses_{digit}xx"] for digit in "2345")

    @property
    def buckets(self) -> tuple[float, ...]:
        """The latency histogram: requests for each of LATENCY_BOUNDS, and above the last."""
        return self._sums[FIRST_BUCKET:]

    def latency_sample(self, size: int) -> Iterator[float]:
        """At most `size` latencies in seconds that represent all: evenly spaced quantiles, increasing.

        Interpolated linearly within a bucket, so that each is right to a factor of √2.
        """
        count = sum(self.buckets)
        points = int(min(size, count))
        below, bucket = 0.0, 0
        for point in range(points):
            rank = (point + 0.5) / points * count
            while below + self.buckets[bucket] < rank:
                below += self.buckets[bucket]
                bucket += 1
            low = LATENCY_BOUNDS[bucket - 1] if bucket else 0.0
            high = LATENCY_BOUNDS[min(bucket, len(LATENCY_BOUNDS) - 1)]
            yield low + (high - low) * (rank - below) / self.buckets[bucket]
