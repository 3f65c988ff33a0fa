"""Several processes that serve the same model, and the one that watches over them."""

import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Sequence
from typing import Final

from model_service.serving.telemetry.emf import Reporter
from model_service.serving.telemetry.metrics import Metrics

_SIGNALS: Final = {signal.SIGTERM, signal.SIGINT, signal.SIGCHLD}
_MAX_RESTARTS: Final = 5
_RESTART_WINDOW_SECONDS: Final = 60.0


class Supervisor:
    """Forks a worker for each listening socket, and a new one for each that ends by itself.

    A socket stays open here, so connections that wait for a dead worker are served by the next one. When workers die
    more than 5 times within a minute there is something that a restart does not mend: the rest are ended and `run`
    returns 1, so that the task is replaced. SIGTERM and SIGINT are handed to the workers, and `run` returns when they
    are done.
    """

    def __init__(
        self,
        work: Callable[[int], int],
        listeners: Sequence[socket.socket],
        metrics: Metrics,
        reporter: Reporter | None,
        *,
        drain_seconds: float,
    ) -> None:
        self._work = work
        self._listeners = listeners
        self._metrics = metrics
        self._reporter = reporter
        self._drain_seconds = drain_seconds
        self._workers: dict[int, int] = {}  # process id: number of the worker
        self._deaths: list[float] = []
        self._closing_at: float | None = None
        self._status = 0

    def run(self) -> int:
        """Watch until all workers have ended; returns 0 when that was asked for."""
        signal.pthread_sigmask(signal.SIG_BLOCK, _SIGNALS)
        for worker in range(len(self._listeners)):
            self._fork(worker)
        while self._workers:
            received = signal.sigtimedwait(_SIGNALS, 1.0)
            if received is not None and received.si_signo != signal.SIGCHLD:
                self._end(signal.Signals(received.si_signo))
            self._reap()
            if self._closing_at is not None and time.monotonic() >= self._closing_at:
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

    def _end(self, number: signal.Signals) -> None:
        first = self._closing_at is None
        wait = self._drain_seconds if first and number == signal.SIGTERM else 0.0
        self._closing_at = time.monotonic() + wait
        for process in self._workers:
            os.kill(process, number)
        if wait == 0:
            self._close_listeners()

    def _close_listeners(self) -> None:
        """Connections are refused as soon as the workers have closed theirs."""
        for listener in self._listeners:
            listener.close()

    def _reap(self) -> None:
        while self._workers:
            process, status = os.waitpid(-1, os.WNOHANG)
            if process == 0:
                return
            worker = self._workers.pop(process)
            self._metrics.reset_gauges(worker)
            if self._closing_at is not None:
                self._status = self._status or abs(os.waitstatus_to_exitcode(status))
            elif self._restarted_too_often():
                self._status = 1
                self._end(signal.SIGINT)
            else:
                self._fork(worker)

    def _restarted_too_often(self) -> bool:
        now = time.monotonic()
        self._deaths = [moment for moment in self._deaths if now - moment < _RESTART_WINDOW_SECONDS] + [now]
        return len(self._deaths) > _MAX_RESTARTS
