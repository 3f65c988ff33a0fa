"""Twice the load that our service can take: is it told so at once, and is it over when the load is?"""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.contenders import Contender
from benchmarks.http_client import Connection
from benchmarks.measure import CONNECTIONS, start, users_of
from benchmarks.sizes import Size
from benchmarks.wrk import run_crowd, run_wrk

FACTOR = 2.0
_CAPACITY_SECONDS = 4.0
_CONNECTIONS = 2000  # as many as a process of ours holds: beyond, connections are refused, not requests
_CALM_SECONDS = 1.0
_SINGLE_REQUESTS = 1000


def measure_overload(contender: Contender, size: Size, artifact: Path, *, seconds: float) -> dict[str, Any]:
    """What clients see before, during and a second after FACTOR times the load that `contender` takes at most."""
    requests = [contender.ask(uid) for uid in users_of(size, 4096)]
    with start(contender, size, artifact) as server:
        most = run_wrk(server.port, requests, connections=CONNECTIONS, seconds=_CAPACITY_SECONDS)
        time.sleep(_CALM_SECONDS)
        before = one_by_one(server.port, requests)
        offered = FACTOR * most.requests_per_second
        seen = run_crowd(server.port, requests, per_second=offered, connections=_CONNECTIONS, seconds=seconds)
        time.sleep(_CALM_SECONDS)
        after = one_by_one(server.port, requests)
        resident = server.resident_mb()
    return {
        "size": size.name,
        "seconds": seconds,
        "takes_per_second": most.requests_per_second,
        "alone_before_ms": before,
        "alone_after_ms": after,
        "resident_mb": resident,
        **seen,
    }


def one_by_one(port: int, requests: Sequence[bytes]) -> dict[str, float]:
    """p50 and p99 in ms of single requests on one connection."""
    times = []
    with Connection(port, timeout=30) as connection:
        for request in requests[:_SINGLE_REQUESTS]:
            started = time.perf_counter()
            connection.ask(request)
            times.append((time.perf_counter() - started) * 1e3)
    p50, p99 = np.percentile(times, (50, 99)).tolist()
    return {"p50": p50, "p99": p99}
