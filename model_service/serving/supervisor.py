"""Worker processes: how many CPUs there are for them, and their supervisor."""

import http.client
import json
import math
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from model_service.serving.telemetry.emf import EmfReporter
from model_service.serving.telemetry.metrics import Metrics

_SIGNALS: Final = {signal.SIGTERM, signal.SIGINT, signal.SIGCHLD}
_MAX_RESTARTS: Final = 5
_RESTART_WINDOW_SECONDS: Final = 60.0
_ECS_METADATA: Final = "ECS_CONTAINER_METADATA_URI_V4"
_ECS_METADATA_TIMEOUT_SECONDS: Final = 1.0


class Supervisor:
    """Forks one worker per listening socket and replaces workers that exit.

    The sockets stay open here, so that connections queued for a dead worker are accepted by its replacement. More than
    5 exits within a minute are not recoverable by a restart: the other workers are stopped and `run` returns 1, so that
    the task is replaced. SIGTERM and SIGINT are forwarded to the workers, and `run` returns when they have exited.
    """

    def __init__(
        self,
        work: Callable[[int], int],
        listeners: Sequence[socket.socket],
        metrics: Metrics,
        reporter: EmfReporter | None,
        *,
        drain_seconds: float,
    ) -> None:
        """work: runs in a worker with its number and returns its exit status."""
        self._work = work
        self._listeners = listeners
        self._metrics = metrics
        self._reporter = reporter
        self._drain_seconds = drain_seconds
        self._workers: dict[int, int] = {}  # process id to worker number
        self._exits: list[float] = []
        self._close_at: float | None = None
        self._status = 0

    def run(self) -> int:
        """Supervise until all workers have exited; returns 0 after a requested shutdown."""
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        for worker in range(len(self._listeners)):
            self._fork(worker)
        while self._workers:
            received = signal.sigtimedwait(_SIGNALS, 1.0)
            if received is not None and received.si_signo != signal.SIGCHLD:
                self._stop(signal.Signals(received.si_signo))
            self._reap()
            if self._close_at is not None and time.monotonic() >= self._close_at:
                self._close_listeners()
            if self._reporter is not None:
                self._reporter.tick()
        if self._reporter is not None:
            self._reporter.write()
        return self._status

    def _fork(self, worker: int) -> None:
        process = os.fork()
        if process:
            self._workers[process] = worker
            return
        status = 1
        try:
            for number, listener in enumerate(self._listeners):
                if number != worker:
                    listener.close()
            signal.pthread_sigmask(signal.SIG_UNBLOCK, _SIGNALS)
            status = self._work(worker)
        finally:
            sys.stdout.flush()
            sys.stderr.flush()
            os._exit(status)

    def _stop(self, number: signal.Signals) -> None:
        first = self._close_at is None
        delay = self._drain_seconds if first and number == signal.SIGTERM else 0.0
        self._close_at = time.monotonic() + delay
        for process in self._workers:
            os.kill(process, number)
        if delay == 0:
            self._close_listeners()

    def _close_listeners(self) -> None:
        """Refuse connections as soon as the workers have closed their sockets."""
        for listener in self._listeners:
            listener.close()

    def _reap(self) -> None:
        while self._workers:
            process, status = os.waitpid(-1, os.WNOHANG)
            if process == 0:
                return
            worker = self._workers.pop(process)
            self._metrics.reset_gauges(worker)
            if self._close_at is not None:
                self._status = self._status or abs(os.waitstatus_to_exitcode(status))
            elif self._restarted_too_often():
                self._status = 1
                self._stop(signal.SIGINT)
            else:
                self._fork(worker)

    def _restarted_too_often(self) -> bool:
        now = time.monotonic()
        self._exits = [moment for moment in self._exits if now - moment < _RESTART_WINDOW_SECONDS] + [now]
        return len(self._exits) > _MAX_RESTARTS


def available_cpus(environment: Mapping[str, str], cgroup: Path = Path("/sys/fs/cgroup")) -> float:
    """The CPUs this task may use: the least of the affinity mask, the cgroup quota (v2 or v1) and the ECS task limit.

    A Fargate task of a quarter of a CPU sees two CPUs and no quota; only the task's metadata has the limit.
    Source: "Amazon ECS task metadata endpoint version 4", Amazon ECS Developer Guide (`Limits.CPU`, in vCPU).
    """
    limits = (len(os.sched_getaffinity(0)), _quota_v2(cgroup), _quota_v1(cgroup), _ecs_limit(environment))
    return min(limit for limit in limits if limit)


def whole_cpus(cpus: float) -> int:
    """The number of processes, or threads, for `cpus`: rounded down, at least one."""
    return max(1, math.floor(cpus))


def _quota_v2(cgroup: Path) -> float | None:
    try:
        quota, period = (cgroup / "cpu.max").read_text().split()
        return None if quota == "max" else int(quota) / int(period)
    except (OSError, ValueError):
        return None


def _quota_v1(cgroup: Path) -> float | None:
    try:
        quota = int((cgroup / "cpu" / "cpu.cfs_quota_us").read_text())
        period = int((cgroup / "cpu" / "cpu.cfs_period_us").read_text())
    except (OSError, ValueError):
        return None
    return quota / period if quota > 0 and period > 0 else None


def _ecs_limit(environment: Mapping[str, str]) -> float | None:
    """The task's vCPUs from its metadata endpoint; None without one."""
    address = urlsplit(environment.get(_ECS_METADATA, ""))
    if address.scheme != "http" or not address.hostname:
        return None
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=_ECS_METADATA_TIMEOUT_SECONDS)
    try:
        connection.request("GET", f"{address.path}/task")
        limit = json.load(connection.getresponse())["Limits"]["CPU"]
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError):
        return None
    finally:
        connection.close()
    return float(limit) if isinstance(limit, int | float) and limit > 0 else None
