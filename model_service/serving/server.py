"""The server: uvicorn set up for a container behind a load balancer, one process or one per CPU."""

import asyncio
import errno
import gc
import logging
import os
import resource
import signal
import socket
import sys
import time
from collections.abc import Callable
from types import FrameType
from typing import Final, cast

import uvicorn

from model_service.artifact import ArtifactLoader
from model_service.serving.app import create_app
from model_service.serving.bounded_protocol import KEEP_ALIVE_SECONDS
from model_service.serving.connections import MAX_CONNECTIONS, PROBE_CONNECTIONS, ConnectionTable
from model_service.serving.protocol import HttpProtocol
from model_service.serving.service import RecommenderService
from model_service.serving.settings import Settings
from model_service.serving.supervisor import Supervisor, available_cpus, whole_cpus
from model_service.serving.telemetry.emf import EmfReporter
from model_service.serving.telemetry.metrics import Metrics

_SHUTDOWN_SECONDS: Final = 20  # for in-flight requests; by default ECS kills a task 30 s after SIGTERM
_BACKLOG: Final = 2048
_SOCKET_BUFFER_BYTES: Final = 32 * 1024
_MAX_ACCEPTS_PER_WAKEUP: Final = 256
_OTHER_DESCRIPTORS: Final = 128  # files, listeners and the event loop
_RESOURCE_ERRORS: Final = (errno.EMFILE, errno.ENFILE, errno.ENOBUFS, errno.ENOMEM)
_ACCEPT_PAUSE_SECONDS: Final = 0.1
_log = logging.getLogger(__name__)


class ConnectionAcceptor:
    """Accepts connections from a listening socket, many per event loop iteration, until it is closed.

    libuv's own server accepts one connection per iteration: under overload, when every open connection is served in
    between, new ones would wait for seconds to be rejected.
    """

    def __init__(self, listener: socket.socket, protocol_factory: Callable[[], asyncio.Protocol]) -> None:
        """`listener` listens already; `close` closes it."""
        self._listener, self._protocol_factory = listener, protocol_factory
        self._loop = asyncio.get_running_loop()
        self._connecting: set[asyncio.Task[object]] = set()
        listener.setblocking(False)
        self._loop.add_reader(listener, self._accept)

    def close(self) -> None:
        """Accept no more connections; open ones stay open."""
        if self._listener.fileno() >= 0:
            self._loop.remove_reader(self._listener)
            self._listener.close()

    async def wait_closed(self) -> None:
        """Return when every accepted connection has its protocol."""
        await asyncio.gather(*self._connecting, return_exceptions=True)

    def _accept(self) -> None:
        for _ in range(_MAX_ACCEPTS_PER_WAKEUP):
            try:
                connection, _ = self._listener.accept()
            except (BlockingIOError, InterruptedError, ConnectionAbortedError):
                return
            except OSError as error:
                if error.errno in _RESOURCE_ERRORS:
                    self._pause(error)
                return
            connection.setblocking(False)
            task: asyncio.Task[object] = self._loop.create_task(
                self._loop.connect_accepted_socket(self._protocol_factory, connection)
            )
            self._connecting.add(task)
            task.add_done_callback(self._connecting.discard)

    def _pause(self, error: OSError) -> None:
        """Leave connections in the backlog until descriptors or memory are free."""
        _log.error("no more connections can be opened for the moment", extra={"problem": error.strerror})
        self._loop.remove_reader(self._listener)
        self._loop.call_later(_ACCEPT_PAUSE_SECONDS, self._resume)

    def _resume(self) -> None:
        if self._listener.fileno() >= 0:
            self._loop.add_reader(self._listener, self._accept)


class DrainingServer(uvicorn.Server):
    """Serves for `drain_seconds` after the first SIGTERM while reporting not ready, then shuts down.

    In that time a load balancer stops sending requests; a second signal ends it at once. With `parent`, the id of the
    process that forked this one, the server stops when that process has exited.
    """

    def __init__(
        self,
        config: uvicorn.Config,
        service: RecommenderService,
        *,
        reporter: EmfReporter | None = None,
        parent: int | None = None,
    ) -> None:
        super().__init__(config)
        self._service = service
        self._reporter = reporter
        self._parent = parent
        self._stop_at: float | None = None
        self._table = ConnectionTable(cast("set[HttpProtocol]", self.server_state.connections))

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        await super().startup(sockets=[])
        acceptors = [ConnectionAcceptor(listener, self._protocol) for listener in sockets or ()]
        self.servers = [cast(asyncio.Server, acceptor) for acceptor in acceptors]

    def _protocol(self) -> asyncio.Protocol:
        state = self.lifespan.state
        return HttpProtocol(self.config, self.server_state, state, service=self._service, table=self._table)

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        first = not self._service.draining
        self._service.draining = True
        drain_seconds = self._service.settings.drain_seconds
        if sig == signal.SIGTERM and first and drain_seconds > 0:
            self._stop_at = time.monotonic() + drain_seconds
        else:
            super().handle_exit(sig, frame)

    async def on_tick(self, counter: int) -> bool:
        if counter % 10 == 0:
            self._every_second()
        if self._stop_at is not None and time.monotonic() >= self._stop_at:
            self.should_exit = True
        if self._parent not in (None, os.getppid()):
            self.should_exit = self.force_exit = True  # no supervisor is left to stop this worker
        return await super().on_tick(counter)

    def _every_second(self) -> None:
        now = time.monotonic()
        for connection in list(self.server_state.connections):
            if isinstance(connection, HttpProtocol):
                connection.sweep(now)
        recorder, model = self._service.recorder, self._service.model
        recorder.set_gauge("connections", len(self.server_state.connections))
        if model is not None:
            recorder.set_gauge("queue_size", len(model.batcher))
            recorder.set_gauge("cache_bytes", model.cache.bytes_held)
        if self._reporter is not None:
            self._reporter.tick()


def serve(settings: Settings, loader: ArtifactLoader) -> int:
    """Serve until SIGTERM or SIGINT and finish in-flight requests; returns the exit status, 0 after a signal.

    The model is loaded once and memory-mapped; workers are forked afterwards, share its pages, and listen on one port.
    """
    cpus = whole_cpus(available_cpus(os.environ))
    workers = settings.workers or cpus
    try:
        _listen(settings, shared=False).close()  # SO_REUSEPORT would not fail on a port that another program uses
        listeners = [_listen(settings, shared=workers > 1) for _ in range(workers)]
    except OSError as error:
        _log.critical(
            "cannot listen: free the port, or choose another one with PORT and another address with HOST",
            extra={"host": settings.host, "port": settings.port, "problem": error.strerror or str(error)},
        )
        return 1
    _allow_descriptors(MAX_CONNECTIONS + PROBE_CONNECTIONS + _OTHER_DESCRIPTORS)
    service = RecommenderService(settings, Metrics(workers))
    service.load(loader, threads=settings.scoring_threads or cpus)
    config, reporter = _config(service), _reporter(service)
    gc.freeze()  # workers share the pages of what lives as long as the process
    gc.enable()
    _log.info("serving", extra={"host": settings.host, "port": settings.port, "workers": workers})
    if workers == 1:
        return _run(config, service, listeners[0], reporter=reporter)
    parent = os.getpid()

    def work(worker: int) -> int:
        service.recorder.use_row(service.metrics.row(worker))
        return _run(config, service, listeners[worker], parent=parent)

    supervisor = Supervisor(work, listeners, service.metrics, reporter, drain_seconds=settings.drain_seconds)
    return supervisor.run()


def _allow_descriptors(count: int) -> None:
    """Raise this process's limit of open files to `count`, as far as its hard limit permits."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count if hard == resource.RLIM_INFINITY else min(count, hard)
    if soft != resource.RLIM_INFINITY and soft < wanted:
        resource.setrlimit(resource.RLIMIT_NOFILE, (wanted, hard))


def _config(service: RecommenderService) -> uvicorn.Config:
    return uvicorn.Config(
        create_app(service),
        interface="asgi3",
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="off",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        timeout_keep_alive=int(KEEP_ALIVE_SECONDS),
        timeout_graceful_shutdown=_SHUTDOWN_SECONDS,
        backlog=_BACKLOG,
    )


def _run(
    config: uvicorn.Config,
    service: RecommenderService,
    listener: socket.socket,
    *,
    reporter: EmfReporter | None = None,
    parent: int | None = None,
) -> int:
    """Run one server in this process until it has stopped."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))  # uvicorn raises the signal again after shutdown
    server = DrainingServer(config, service, reporter=reporter, parent=parent)
    try:
        server.run(sockets=[listener])
    except SystemExit as exit_:
        return exit_.code if isinstance(exit_.code, int) else 0
    finally:
        if reporter is not None:
            reporter.write()
    return 0


def _listen(settings: Settings, *, shared: bool) -> socket.socket:
    """A listening socket; shared: one of several between which the kernel distributes the connections."""
    family = socket.AF_INET6 if ":" in settings.host else socket.AF_INET
    address = (settings.host, settings.port)
    listener = socket.create_server(address, family=family, backlog=_BACKLOG, reuse_port=shared)
    for option in (socket.SO_RCVBUF, socket.SO_SNDBUF):  # inherited by its connections, and counted for the container
        listener.setsockopt(socket.SOL_SOCKET, option, _SOCKET_BUFFER_BYTES)
    return listener


def _reporter(service: RecommenderService) -> EmfReporter | None:
    settings = service.settings
    if settings.metrics_namespace is None:
        return None
    return EmfReporter(
        service.metrics,
        namespace=settings.metrics_namespace,
        service=settings.service_name,
        model_version=service.version,
        expected_score=service.expected_score,
        star_width=service.star_width,
    )
