"""What every answer has in common: the model's version, a request id, a line in the log."""

import logging
import time

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from model_service.serving.request_id import request_id
from model_service.serving.state import ServiceState

_log = logging.getLogger("model_service.access")
PROBES = ("/health", "/ready", "/metrics")
FAILED = b'{"success":false,"error":"the service failed; its log says why"}'


class ResponseMiddleware:
    """An ASGI application around another: its headers and its log, and an answer when the other one fails.

    Requests are logged at INFO, the probes of health checks at DEBUG.
    """

    def __init__(self, app: ASGIApp, state: ServiceState) -> None:
        self._app = app
        self._state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.perf_counter()
        name = request_id(scope["headers"])
        status, begun = 500, False

        async def send_with_headers(message: Message) -> None:
            nonlocal status, begun
            if message["type"] == "http.response.start":
                status, begun = message["status"], True
                message["headers"] = [*message["headers"], *self._headers(name)]
            await send(message)

        try:
            await self._app(scope, receive, send_with_headers)
        except Exception:
            _log.exception("a request failed", extra={"path": scope["path"]})
            if begun:
                raise
            await Response(FAILED, 500, media_type="application/json")(scope, receive, send_with_headers)
        finally:
            seconds = time.perf_counter() - started
            if scope["path"] not in PROBES:
                self._state.counters.record_response(status, seconds)
            level = logging.DEBUG if scope["path"] in PROBES else logging.INFO
            if _log.isEnabledFor(level):
                fields = {
                    "method": scope["method"],
                    "path": scope["path"],
                    "status": status,
                    "milliseconds": round(seconds * 1000, 2),
                    "request_id": name.decode("latin-1"),
                }
                _log.log(level, "request", extra=fields)

    def _headers(self, name: bytes) -> list[tuple[bytes, bytes]]:
        headers = [(b"x-model-version", self._state.version.encode()), (b"x-request-id", name)]
        if self._state.draining:
            headers.append((b"connection", b"close"))
        return headers
