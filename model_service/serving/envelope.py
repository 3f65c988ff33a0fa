"""What every answer has in common: the model's version, a request id, a line in the log."""

import logging
import secrets
import time
from collections.abc import Iterable

from starlette.responses import JSONResponse
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from model_service.serving.state import ServiceState

_log = logging.getLogger("model_service.access")
_PROBES = ("/health", "/ready")
_ID_HEADERS = (b"x-request-id", b"x-amzn-trace-id")  # the second is set by the load balancer
_ID_LENGTH = 128
_FAILED = JSONResponse({"success": False, "error": "the service failed; its log says why"}, 500)


class Envelope:
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
        request_id = _request_id(scope["headers"])
        status, begun = 500, False

        async def send_with_headers(message: Message) -> None:
            nonlocal status, begun
            if message["type"] == "http.response.start":
                status, begun = message["status"], True
                message["headers"] = [*message["headers"], *self._headers(request_id)]
            await send(message)

        try:
            await self._app(scope, receive, send_with_headers)
        except Exception:
            _log.exception("a request failed", extra={"path": scope["path"]})
            if begun:
                raise
            await _FAILED(scope, receive, send_with_headers)
        finally:
            level = logging.DEBUG if scope["path"] in _PROBES else logging.INFO
            if _log.isEnabledFor(level):
                fields = {
                    "method": scope["method"],
                    "path": scope["path"],
                    "status": status,
                    "milliseconds": round((time.perf_counter() - started) * 1000, 2),
                    "request_id": request_id.decode("latin-1"),
                }
                _log.log(level, "request", extra=fields)

    def _headers(self, request_id: bytes) -> list[tuple[bytes, bytes]]:
        headers = [(b"x-model-version", self._state.version.encode()), (b"x-request-id", request_id)]
        if self._state.draining:
            headers.append((b"connection", b"close"))
        return headers


def _request_id(headers: Iterable[tuple[bytes, bytes]]) -> bytes:
    given = dict(headers)
    for name in _ID_HEADERS:
        value = given.get(name, b"")
        if value and len(value) <= _ID_LENGTH and value.isascii():
            return value
    return secrets.token_hex(8).encode()
