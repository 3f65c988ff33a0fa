"""Requests at a fixed rate, whether or not the earlier ones were answered: what a crowd does, and wrk does not.

A latency is counted from the moment of sending; how late that was is told beside it, since on a machine with few
processors the crowd itself may not keep pace. Runs in a process of its own:
`python -m benchmarks.open_loop PORT RATE SECONDS USERS`, results as JSON.
"""

import asyncio
import json
import sys
import time
from array import array
from collections import Counter
from typing import Any

import numpy as np
import uvloop

from benchmarks.http_client import encode_request

_MOST_CONNECTIONS = 2048
_TICK_SECONDS = 0.001
_FINISH_SECONDS = 10.0


class _Caller(asyncio.Protocol):
    """A connection with at most one request under way."""

    def __init__(self, crowd: "Crowd") -> None:
        self._crowd = crowd
        self._transport: asyncio.WriteTransport | None = None
        self._sent = 0.0
        self._busy = False
        self._received = b""
        self._wanted = 0

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        self._transport = transport  # type: ignore[assignment]

    def send(self, request: bytes) -> None:
        """Send `request` now."""
        assert self._transport is not None  # noqa: S101 connected before it is used
        self._sent, self._busy = time.perf_counter(), True
        self._transport.write(request)

    def data_received(self, data: bytes) -> None:
        self._received += data
        if not self._wanted:
            end = self._received.find(b"\r\n\r\n")
            if end < 0:
                return
            head = self._received[:end].lower()
            at = head.find(b"content-length:")
            self._wanted = end + 4 + int(head[at + 15 :].split(b"\r\n", 1)[0]) if at >= 0 else end + 4
        if len(self._received) < self._wanted:
            return
        status, closing = int(self._received[9:12]), b"connection: close" in self._received[: self._wanted].lower()
        self._received, self._wanted, self._busy = b"", 0, False
        self._crowd.answered(self, status, self._sent, reusable=not closing)

    def connection_lost(self, error: Exception | None) -> None:
        self._crowd.lost(self, self._busy)


class Crowd:
    """`rate` requests a second for `seconds` to `port`, over as many connections as that takes."""

    def __init__(self, port: int, rate: float, seconds: float, requests: list[bytes]) -> None:
        self._port, self._rate, self._seconds, self._requests = port, rate, seconds, requests
        self._idle: list[_Caller] = []
        self._opening = self._open = 0
        self._sent = self._pending = 0
        self._statuses: Counter[int] = Counter()  # 0: the connection broke
        self._latencies: dict[int, array[float]] = {}
        self._lags: array[float] = array("d")
        self._tasks: set[asyncio.Task[None]] = set()

    async def run(self) -> dict[str, Any]:
        """What was seen; latencies in milliseconds."""
        begun = time.perf_counter()
        while (now := time.perf_counter() - begun) < self._seconds:
            due = int(now * self._rate)
            while self._sent < due and self._idle:
                caller = self._idle.pop()
                caller.send(self._requests[self._sent % len(self._requests)])
                self._lags.append((time.perf_counter() - begun - self._sent / self._rate) * 1e3)
                self._sent, self._pending = self._sent + 1, self._pending + 1
            missing = min(due - self._sent - self._opening, 64, _MOST_CONNECTIONS - self._open - self._opening)
            for _ in range(missing):
                self._opening += 1
                task = asyncio.ensure_future(self._connect())
                self._tasks.add(task)
                task.add_done_callback(self._tasks.discard)
            await asyncio.sleep(_TICK_SECONDS)
        patience = time.perf_counter() + _FINISH_SECONDS
        while self._pending and time.perf_counter() < patience:
            await asyncio.sleep(0.01)
        self._statuses[0] += self._pending
        return self._told()

    def answered(self, caller: _Caller, status: int, sent: float, *, reusable: bool) -> None:
        """An answer has come."""
        self._pending -= 1
        self._statuses[status] += 1
        self._latencies.setdefault(status, array("d")).append((time.perf_counter() - sent) * 1e3)
        if reusable:
            self._idle.append(caller)

    def lost(self, caller: _Caller, busy: bool) -> None:
        """A connection is gone; with `busy`, a request of it was never answered."""
        self._open -= 1
        if busy:
            self._pending -= 1
            self._statuses[0] += 1
        if caller in self._idle:
            self._idle.remove(caller)

    async def _connect(self) -> None:
        try:
            _, caller = await asyncio.get_running_loop().create_connection(
                lambda: _Caller(self), "127.0.0.1", self._port
            )
            self._open += 1
            self._idle.append(caller)
        except OSError:
            await asyncio.sleep(0.05)
        finally:
            self._opening -= 1

    def _told(self) -> dict[str, Any]:
        percentiles = {
            str(status): dict(
                zip(("p50_ms", "p99_ms", "max_ms"), np.percentile(times, (50, 99, 100)).tolist(), strict=True)
            )
            for status, times in self._latencies.items()
        }
        statuses = {str(status): count for status, count in sorted(self._statuses.items()) if count}
        return {
            "offered_per_second": self._rate,
            "sent_per_second": self._sent / self._seconds,
            "lag_ms": dict(zip(("p50", "p99"), np.percentile(self._lags or [0.0], (50, 99)).tolist(), strict=True)),
            "connections": self._open,
            "statuses": statuses,
            "latencies": percentiles,
        }


def main() -> None:
    """Run the crowd of the command line and print what it saw."""
    port, rate, seconds, users = sys.argv[1:5]
    requests = [encode_request(f"/?uid={uid}", None) for uid in range(1, int(users) + 1)]
    print(json.dumps(uvloop.run(Crowd(int(port), float(rate), float(seconds), requests).run())))


if __name__ == "__main__":
    main()
