"""Measurements to summarise."""

from benchmarks.records import Measurement
from benchmarks.wrk import Load


def load(requests_per_second: float, *, p50_ms: float = 1.0, p99_ms: float = 2.0) -> Load:
    """A run of wrk."""
    return Load(
        requests_per_second=requests_per_second, p50_ms=p50_ms, p99_ms=p99_ms, max_ms=9.0, requests=100, failed=0
    )


def measurement(contender: str, rate: float, *, number: int = 0, size: str = "1682", mb: float = 60.0) -> Measurement:
    """A round that succeeded."""
    return Measurement(
        size=size,
        contender=contender,
        round=number,
        ready_seconds=0.5,
        resident_mb=mb,
        load=load(rate),
        single_connection=load(rate / 10),
    )


def failure(contender: str, *, number: int = 0, size: str = "1682") -> Measurement:
    """A round that failed."""
    return Measurement(size=size, contender=contender, round=number, error="it exited with status 3: no such module")


def overload(**changes: object) -> dict[str, object]:
    """What a crowd saw, nothing wrong with it."""
    return {
        "size": "62000",
        "capacity_per_second": 2500.0,
        "seconds": 30.0,
        "offered_per_second": 5000.0,
        "sent_per_second": 4999.0,
        "send_delay_ms": {"p50_ms": 0.1, "p99_ms": 3.0, "max_ms": 9.0},
        "statuses": {"200": 74_000, "503": 75_970},
        "latencies": {"200": {"p50_ms": 90.0, "p99_ms": 120.0}, "503": {"p50_ms": 1.0, "p99_ms": 4.0}},
        "single_connection_before_ms": {"p50": 1.0, "p99": 2.0},
        "single_connection_after_ms": {"p50": 1.1, "p99": 2.1},
        **changes,
    }


def kernel() -> dict[str, object]:
    """Scoring single_connection."""
    return {
        "engine": "native",
        "films": 1_000_000,
        "megabytes": 256.0,
        "milliseconds": {"stream: maximum, one core": 10.0, "ours: single": 12.0},
        "stream_ms": 10.0,
        "batch_1_over_stream": 1.2,
        "batch_speedup_over_numpy": 4.0,
        "same_top_10": True,
        "approximate": {"speedup_over_numpy": 22.0, "recall_at_10": 0.99, "seen_items_returned": 0},
    }
