"""ASGI middleware: the path prefix, HEAD, CORS, response headers, the request record, and a 500 for an exception."""

import time
from collections.abc import Sequence

from starlette.responses import Response
from starlette.types import ASGIApp, Message, Receive, Scope, Send

from model_service.serving.errors import FAILED_BODY, error_body
from model_service.serving.service import RecommenderService
from model_service.serving.telemetry.recorder import PROBE_PATHS, request_id


class ResponseMiddleware:
    """Adds to every response the model version, the request id, CORS headers and, while draining, `connection: close`.

    Answers HEAD as GET without the body, preflight requests, and 404 to paths outside the path prefix.
    """

    def __init__(self, app: ASGIApp, service: RecommenderService) -> None:
        self._app = app
        self._service = service
        self._prefix = service.settings.root_path

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        started = time.monotonic()
        id_, method = request_id(scope["headers"]), scope["method"]
        status, response_started = 500, False
        path, app = self._route(scope)

        async def send_with_headers(message: Message) -> None:
            nonlocal status, response_started
            if message["type"] == "http.response.start":
                status, response_started = message["status"], True
                message["headers"] = [*message["headers"], *self._headers(scope, id_)]
            elif method == "HEAD" and message["type"] == "http.response.body":
                message = {**message, "body": b""}
            await send(message)

        root_path = "" if path == scope["path"] else self._prefix
        inner = {**scope, "root_path": root_path, "method": "GET" if method == "HEAD" else method}
        try:
            await app(inner, receive, send_with_headers)
        except Exception as error:
            self._service.recorder.record_failure(path, error)
            if response_started:
                raise
            await Response(FAILED_BODY, 500, media_type="application/json")(scope, receive, send_with_headers)
        finally:
            seconds = time.monotonic() - started
            self._service.recorder.record_response(method, path, status, seconds, id_)

    def _route(self, scope: Scope) -> tuple[str, ASGIApp]:
        """The path without the prefix, and what answers the request."""
        path: str = scope["path"]
        preflight = self._service.cross_origin.preflight(scope["method"], scope["headers"])
        if preflight is not None:
            return path, Response(status_code=204, headers={name.decode(): value.decode() for name, value in preflight})
        if not self._prefix or path in PROBE_PATHS:
            return path, self._app
        if path == self._prefix or path.startswith(self._prefix + "/"):
            return path.removeprefix(self._prefix), self._app
        message = f"{path[:100]}: every path here begins with {self._prefix}, as in {self._prefix}/docs"
        return path, Response(error_body(message), 404, media_type="application/json")

    def _headers(self, scope: Scope, id_: bytes) -> Sequence[tuple[bytes, bytes]]:
        headers = [(b"x-model-version", self._service.version.encode()), (b"x-request-id", id_)]
        if self._service.draining:
            headers.append((b"connection", b"close"))
        return [*headers, *self._service.cross_origin.headers(scope["headers"])]
