"""The application as the server knows it, with what a connection needs to answer plain questions by itself."""

import logging
import re
from typing import Final

from starlette.types import ASGIApp, Receive, Scope, Send

from model_service.serving.batching import RecommendRequest
from model_service.serving.state import ServiceState

_log = logging.getLogger("model_service.access")
_WHOLE: Final = re.compile(rb"GET ([!-~]{1,64}) HTTP/1\.1\r\n((?:[A-Za-z0-9-]{1,64}:[\t -~]*\r\n)+)\r\n")
_PLAIN: Final = re.compile(rb"/\?uid=(-?[0-9]{1,18})(?:&n=(100|[1-9][0-9]?))?")  # needs no check of its bounds


def parse_fast_path(target: bytes) -> RecommendRequest | None:
    """What a request target asks that is exactly `/?uid=…` or `/?uid=…&n=…`, None for every other one."""
    plain = _PLAIN.fullmatch(target)
    if plain is None:
        return None
    uid, n = plain.groups()
    return RecommendRequest(int(uid), int(n) if n else 10)


def parse_single_get(data: bytes) -> tuple[bytes, list[tuple[bytes, bytes]]] | None:
    """Target and headers of `data` that is the head of one GET and nothing else, None where that is not certain."""
    whole = _WHOLE.fullmatch(data)
    if whole is None:
        return None
    target, lines = whole.groups()
    pairs = (line.split(b":", 1) for line in lines[:-2].split(b"\r\n"))
    return target, [(name.lower(), value.strip()) for name, value in pairs]


class Front:
    """An ASGI application that is `app`, beside the state and the log of what is answered without it."""

    def __init__(self, app: ASGIApp, state: ServiceState, *, log_every: int) -> None:
        self._app = app
        self.state = state
        self._log_every = log_every
        self._until_log = log_every

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._app(scope, receive, send)

    def record_response(self, status: int, seconds: float, request_name: bytes) -> None:
        """Count an answer to a plain question; of the good ones, log one in so many."""
        self.state.counters.record_response(status, seconds)
        if status == 200 and self._log_every:
            self._until_log -= 1
            if self._until_log <= 0:
                self._until_log = self._log_every
                fields = {
                    "method": "GET",
                    "path": "/",
                    "status": 200,
                    "milliseconds": round(1000 * seconds, 3),
                    "request_id": request_name.decode("latin-1"),
                    "one_in": self._log_every,
                }
                _log.info("request", extra=fields)

    def failed(self, error: BaseException) -> None:
        """Log why a plain question could not be answered."""
        _log.error("a request failed", exc_info=error, extra={"path": "/"})
