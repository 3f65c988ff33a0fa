"""ASGI middleware: response headers, the request record, and a 500 in place of an unhandled exception."""

import time

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from model_service.serving.errors import FAILED_BODY
from model_service.serving.service import RecommenderService
from model_service.serving.telemetry.recorder import request_id


class ResponseMiddleware:
    """Adds the model version, the request id and, while draining, `connection: close` to every response."""

    def __init__(self, app: ASGIApp, service: RecommenderService) -> None:
        self._app = app
        self._service = service

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.monotonic()
        id_ = request_id(scope["headers"])
        status, response_started = 500, False

        async def send_with_headers(message: Message) -> None:
            nonlocal status, response_started
            if message["type"] == "http.response.start":
                status, response_started = message["status"], True
                message["headers"] = [*message["headers"], *self._headers(id_)]
            await send(message)

        try:
            await self._app(scope, receive, send_with_headers)
        except Exception as error:
            self._service.recorder.record_failure(scope["path"], error)
            if response_started:
                raise
            await Response(FAILED_BODY, 500, media_type="application/json")(scope, receive, send_with_headers)
        finally:
            seconds = time.monotonic() - started
            self._service.recorder.record_response(scope["method"], scope["path"], status, seconds, id_)

    def _headers(self, id_: bytes) -> list[tuple[bytes, bytes]]:
        headers = [(b"x-model-version", self._service.version.encode()), (b"x-request-id", id_)]
        if self._service.draining:
            headers.append((b"connection", b"close"))
        return headers
