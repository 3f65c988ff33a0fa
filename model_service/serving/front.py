"""What is asked most goes past the web framework: `GET /?uid=20` is answered here, all else by the application."""

import logging
import re
import time
from typing import Final

import orjson
from starlette.types import ASGIApp, Receive, Scope, Send

from model_service.serving.errors import OverloadedError
from model_service.serving.request_id import request_id
from model_service.serving.state import ServiceState
from model_service.serving.waiting import Question

_log = logging.getLogger("model_service.access")
_PLAIN: Final = re.compile(rb"uid=(-?[0-9]{1,18})(?:&n=(100|[1-9][0-9]?))?")  # needs no check of its bounds
_OVERLOADED: Final = orjson.dumps({"success": False, "error": OverloadedError().message})
FAILURE: Final = "model_service.failure"
"""Where a scope has the exception to be told instead of an answer."""
_BODY_HEADERS: Final = frozenset((b"content-length", b"transfer-encoding", b"expect", b"upgrade"))


def has_body(headers: list[tuple[bytes, bytes]]) -> bool:
    """Whether there is, or may be, more to the request than its head."""
    return any(name in _BODY_HEADERS for name, _ in headers)


class Front:
    """An ASGI application before `app`, which answers with the same model the same way."""

    def __init__(self, app: ASGIApp, state: ServiceState, *, log_every: int) -> None:
        self._app = app
        self.state = state
        self._log_every = log_every
        self._until_log = log_every

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        model = self.state.model
        if (
            scope["type"] == "http"
            and scope["path"] == "/"
            and scope["method"] == "GET"
            and model is not None
            and not self.state.draining
            and (plain := _PLAIN.fullmatch(scope["query_string"]))
            and not has_body(scope["headers"])
        ):
            started = time.perf_counter()
            uid, n = plain.groups()
            question = Question(int(uid), int(n) if n else 10)
            try:
                answer = await model.answers.recommend(question)
            except OverloadedError as error:
                name = request_id(scope["headers"])
                await _send(send, error.status, _OVERLOADED, model.version, name, (b"retry-after", b"1"))
                self.state.counters.answered(error.status, time.perf_counter() - started)
                return
            except Exception as error:
                scope[FAILURE] = error
            else:
                name = request_id(scope["headers"])
                await _send(send, 200, answer.body, model.version, name)
                self.answered(time.perf_counter() - started, name)
                return
        await self._app(scope, receive, send)

    def answered(self, seconds: float, request_name: bytes) -> None:
        """Count recommendations that went out, and log one in so many."""
        self.state.counters.answered(200, seconds)
        if self._log_every:
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


async def _send(send: Send, status: int, body: bytes, version: str, name: bytes, *more: tuple[bytes, bytes]) -> None:
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", str(len(body)).encode()),
        (b"x-model-version", version.encode()),
        (b"x-request-id", name),
        *more,
    ]
    await send({"type": "http.response.start", "status": status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
