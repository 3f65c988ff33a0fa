"""uvicorn, set up for a container behind a load balancer: one process, or one for each CPU."""

import asyncio
import logging
import os
import signal
import socket
import sys
import time
from types import FrameType
from typing import cast

import uvicorn

from model_service.serving.accepting import ConnectionAcceptor
from model_service.serving.app import create_app
from model_service.serving.cpus import available_cpus, whole_cpus
from model_service.serving.front import Front
from model_service.serving.loading import Loading
from model_service.serving.protocol import KEEP_ALIVE_SECONDS, Protocol
from model_service.serving.settings import Settings
from model_service.serving.state import ServiceState
from model_service.serving.supervisor import Supervisor
from model_service.serving.telemetry.emf import Reporter
from model_service.serving.telemetry.metrics import Metrics

_FINISH_SECONDS = 20  # for requests in flight; ECS kills a task 30 s after SIGTERM unless told otherwise
_BACKLOG = 2048
_log = logging.getLogger(__name__)


class DrainingServer(uvicorn.Server):
    """Goes on serving for `drain_seconds` after the first SIGTERM, told as not ready, before it shuts down.

    By then a load balancer has stopped sending requests; a second signal ends the wait. With `watched_by`, the id of
    the process that forked this one, it ends when that one has.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        state: ServiceState,
        *,
        drain_seconds: float,
        reporter: Reporter | None = None,
        watched_by: int | None = None,
    ) -> None:
        super().__init__(config)
        self._state = state
        self._drain_seconds = drain_seconds
        self._reporter = reporter
        self._watched_by = watched_by
        self._end: float | None = None

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=[])
        self.servers = [
            cast(asyncio.Server, ConnectionAcceptor(listener, self._protocol)) for listener in sockets or ()
        ]

    def _protocol(self) -> asyncio.Protocol:
        return Protocol(self.config, self.server_state, self.lifespan.state)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        first = not self._state.draining
        self._state.draining = True
        if sig == signal.SIGTERM and first and self._drain_seconds > 0:
            self._end = time.monotonic() + self._drain_seconds
        else:
            super().handle_exit(sig, frame)

    async def on_tick(self, counter: int) -> bool:
        if counter % 10 == 0:
            self._every_second()
        if self._end is not None and time.monotonic() >= self._end:
            self.should_exit = True
        if self._watched_by not in (None, os.getppid()):
            self.should_exit = self.force_exit = True  # nobody is left who could ask for it
        return await super().on_tick(counter)

    def _every_second(self) -> None:
        now = time.monotonic()
        for connection in list(self.server_state.connections):
            if isinstance(connection, Protocol):
                connection.sweep(now)
        counters, model = self._state.counters, self._state.model
        counters.set_gauge("connections", len(self.server_state.connections))
        if model is not None:
            counters.set_gauge("waiting", len(model.answers.batcher))
            counters.set_gauge("kept_bytes", model.answers.cache.bytes_held)
        if self._reporter is not None:
            self._reporter.tick()


def serve(settings: Settings, loading: Loading) -> int:
    """Serve until SIGTERM or SIGINT; requests in flight are answered. Returns the exit status, 0 after a signal.

    The model is loaded once and mapped; workers are forked after that, share its pages, and listen on one port.
    """
    cpus = whole_cpus(available_cpus(os.environ))
    workers = settings.workers or cpus
    try:
        _listen(settings, shared=False).close()  # a port that is shared with a stranger would not be refused
        listeners = [_listen(settings, shared=workers > 1) for _ in range(workers)]
    except OSError as error:
        _log.critical(
            "cannot listen: free the port, or choose another one with PORT and another address with HOST",
            extra={"host": settings.host, "port": settings.port, "problem": error.strerror or str(error)},
        )
        return 1
    state = ServiceState(metrics=Metrics(workers))
    state.load(settings, loading, threads=settings.scoring_threads or cpus)
    front = Front(create_app(settings, state), state, log_every=settings.access_log_every)
    reporter = _reporter(settings, state)
    _log.info("serving", extra={"host": settings.host, "port": settings.port, "workers": workers})
    if workers == 1:
        return _run(front, settings, listeners[0], reporter=reporter)
    parent = os.getpid()

    def work(worker: int) -> int:
        state.use_worker_counters(worker)
        return _run(front, settings, listeners[worker], watched_by=parent)

    supervisor = Supervisor(work, listeners, state.metrics, reporter, drain_seconds=settings.drain_seconds)
    return supervisor.run()


def _run(
    front: Front,
    settings: Settings,
    listener: socket.socket,
    *,
    reporter: Reporter | None = None,
    watched_by: int | None = None,
) -> int:
    """One server in this process, until it has ended."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))  # uvicorn raises the signal again when it is done
    config = uvicorn.Config(
        front,
        interface="asgi3",
        loop="uvloop",
        http=Protocol,
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=int(KEEP_ALIVE_SECONDS),
        timeout_graceful_shutdown=_FINISH_SECONDS,
        backlog=_BACKLOG,
    )
    server = DrainingServer(
        config, front.state, drain_seconds=settings.drain_seconds, reporter=reporter, watched_by=watched_by
    )
    try:
        server.run(sockets=[listener])
    except SystemExit as ended:
        return ended.code if isinstance(ended.code, int) else 0
    finally:
        if reporter is not None:
            reporter.write()
    return 0


def _listen(settings: Settings, *, shared: bool) -> socket.socket:
    """A listening socket; with `shared`, one of several among which the kernel divides the connections."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    address = (settings.host, settings.port)
    return socket.create_server(address, family=family, backlog=_BACKLOG, reuse_port=shared)


def _reporter(settings: Settings, state: ServiceState) -> Reporter | None:
    if settings.metrics_namespace is None:
        return None
    return Reporter(
        state.metrics,
        namespace=settings.metrics_namespace,
        service=settings.service_name,
        model_version=state.version,
        expected_score=state.expected_score,
    )
