"""uvicorn, set up for a container behind a load balancer."""

import signal
import sys
import time
from types import FrameType

import uvicorn

from model_service.serving.app import create_app
from model_service.serving.settings import Settings
from model_service.serving.state import ServiceState

_KEEP_ALIVE_SECONDS = 75  # longer than the load balancer's idle timeout (60), so that it is never raced
_FINISH_SECONDS = 20  # for requests in flight; ECS kills a task 30 s after SIGTERM unless told otherwise


class DrainingServer(uvicorn.Server):
    """Goes on serving for `drain_seconds` after the first SIGTERM, told as not ready, before it shuts down.

    By then a load balancer has stopped sending requests; a second signal ends the wait.
    """

    def __init__(self, config: uvicorn.Config, state: ServiceState, drain_seconds: float) -> None:
        super().__init__(config)
        self._state = state
        self._drain_seconds = drain_seconds
        self._end: float | None = None

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        first = not self._state.draining
        self._state.draining = True
        if sig == signal.SIGTERM and first and self._drain_seconds > 0:
            self._end = time.monotonic() + self._drain_seconds
        else:
            super().handle_exit(sig, frame)

    async def on_tick(self, counter: int) -> bool:
        if self._end is not None and time.monotonic() >= self._end:
            self.should_exit = True
        return await super().on_tick(counter)


def serve(settings: Settings) -> None:
    """Serve until SIGTERM or SIGINT; requests in flight are answered, then the process exits with status 0."""
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: sys.exit(0))  # uvicorn raises the signal again when it is done
    state = ServiceState()
    config = uvicorn.Config(
        create_app(settings, state),
        host=settings.host,
        port=settings.port,
        loop="uvloop",
        http="httptools",
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_keep_alive=_KEEP_ALIVE_SECONDS,
        timeout_graceful_shutdown=_FINISH_SECONDS,
    )
    DrainingServer(config, state, settings.drain_seconds).run()
