"""Overload: status codes and latencies at twice the capacity, and the recovery afterwards."""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from benchmarks.contenders import Contender
from benchmarks.http_request import Request
from benchmarks.measure import CONNECTIONS, start, users_of
from benchmarks.paths import ROOT
from benchmarks.sizes import Size
from benchmarks.wrk import run_closed_loop, run_open_loop

FACTOR = 2.0
_CAPACITY_SECONDS = 4.0
_CONNECTIONS = 2000  # the maximum of one process; beyond it connections are refused, not requests
_CALM_SECONDS = 1.0


def measure_overload(
    contender: Contender, size: Size, artifact: Path, *, seconds: float, root: Path = ROOT
) -> dict[str, Any]:
    """Responses before, during and a second after FACTOR times the capacity of `contender`."""
    requests = [contender.request(uid) for uid in users_of(size, 4096)]
    with start(contender, size, artifact, root=root) as server:
        capacity = run_closed_loop(server.port, requests, connections=CONNECTIONS, seconds=_CAPACITY_SECONDS)
        time.sleep(_CALM_SECONDS)
        before = _single_connection(server.port, requests)
        offered = FACTOR * capacity.requests_per_second
        seen = run_open_loop(server.port, requests, per_second=offered, connections=_CONNECTIONS, seconds=seconds)
        time.sleep(_CALM_SECONDS)
        after = _single_connection(server.port, requests)
        resident = server.resident_mb()
    return {
        "size": size.name,
        "seconds": seconds,
        "capacity_per_second": capacity.requests_per_second,
        "single_connection_before_ms": before,
        "single_connection_after_ms": after,
        "resident_mb": resident,
        **seen,
    }


def _single_connection(port: int, requests: Sequence[Request]) -> dict[str, float]:
    """p50 and p99 in ms over one connection."""
    load = run_closed_loop(port, requests, connections=1, seconds=_CALM_SECONDS)
    return {"p50": load.p50_ms, "p99": load.p99_ms}
