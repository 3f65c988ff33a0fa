"""HTTP/1.1 connections: uvicorn's httptools protocol with client limits, and the fast path around ASGI.

A connection has one request at a time: what its client sends behind it stays unparsed until the response is written.

The fast path serves `GET /?uid=…` and `GET /?uid=…&n=…`, below the path prefix where there is one, from the connection
itself: from the response cache as soon as the head is parsed, otherwise through the micro-batcher. It creates no task
and no ASGI scope. Every other request takes the ASGI path.
"""

import time
from collections.abc import Sequence
from typing import Any, Final, Self, cast

from model_service.serving.bounded_protocol import RETRY_AFTER, BoundedProtocol
from model_service.serving.cache import EncodedResponse
from model_service.serving.connections import Admission, ConnectionTable
from model_service.serving.cross_origin import Headers
from model_service.serving.errors import FAILED_BODY, OVERLOADED_BODY, OverloadedError
from model_service.serving.fast_path import is_bodyless_keep_alive, parse_fast_path, parse_single_get, strip_prefix
from model_service.serving.recommender import RecommendRequest
from model_service.serving.service import LoadedModel, RecommenderService
from model_service.serving.telemetry.recorder import request_id

_OK: Final = b"HTTP/1.1 200 OK\r\ndate: "
_FAILED: Final = b"HTTP/1.1 500 Internal Server Error\r\ndate: "
_CLOSE: Final = b"\r\nconnection: close"
_OVERLOADED: Final = b"HTTP/1.1 503 Service Unavailable\r\n" + RETRY_AFTER + b"date: "


class FastPathCycle:
    """An in-flight fast-path request: the waiter that the batcher resolves and the cycle that uvicorn inspects.

    uvicorn reads `response_complete` before it starts the next request, sets `keep_alive` to False on shutdown, and on
    a disconnect sets `disconnected` and calls `message_event.set()`.
    """

    __slots__ = (
        "_protocol",
        "cross_origin",
        "disconnected",
        "keep_alive",
        "request",
        "request_id",
        "response_complete",
        "started",
    )

    def __init__(self, protocol: "HttpProtocol", request: RecommendRequest, headers: Headers, started: float) -> None:
        """started: `time.monotonic()` at the first byte of the request."""
        self._protocol = protocol
        self.request = request
        self.request_id = request_id(headers)
        self.cross_origin = protocol.cross_origin.lines(headers)
        self.started = started
        self.keep_alive = True
        self.response_complete = self.disconnected = False

    def done(self) -> bool:
        """Whether the response is no longer awaited."""
        return self.disconnected or self.response_complete

    def set_result(self, response: EncodedResponse, /) -> None:
        """Send the response."""
        self._protocol.send_response(self, response)

    def set_exception(self, error: BaseException, /) -> None:
        """Send a 503 or 500."""
        self._protocol.send_error(self, error)

    @property
    def message_event(self) -> Self:
        """Stands in for the asyncio.Event of uvicorn's own cycle."""
        return self

    def set(self) -> None:
        """Nothing waits on this event."""


class HttpProtocol(BoundedProtocol):
    """One connection: the fast path where a request qualifies for it, otherwise ASGI."""

    def __init__(self, *connection: Any, service: RecommenderService, table: ConnectionTable) -> None:
        """connection: uvicorn's own arguments."""
        super().__init__(*connection, service=service, table=table)
        self._prefix = service.settings.root_path.encode()

    def _answer_unparsed(self, data: bytes) -> bool:
        model = self._service.model
        return model is not None and model.batcher.full and self._reject_unparsed(data, model)

    def _reject_unparsed(self, data: bytes, model: LoadedModel) -> bool:
        """With a full queue, reject a fast-path request in half the time that parsing it takes.

        Under overload most of the work is rejecting; the time saved goes into responses. An equal request that is
        queued already is joined.
        """
        if self._admission is not Admission.REQUESTS:
            return False
        parsed = parse_single_get(data)
        if parsed is None:
            return False
        target, headers = parsed
        if self._prefix:
            target = strip_prefix(target, self._prefix)
        request = parse_fast_path(target, numbers=model.user_numbers)
        if request is None or model.cache.get(target) is not None or not self._bypasses_asgi(headers):
            return False
        self._submit(model, FastPathCycle(self, request, headers, time.monotonic()))
        return True

    def _answer(self, started: float) -> bool:
        """Serve the parsed head, now from the cache or later by the batcher, if it qualifies for the fast path."""
        model = self._service.model
        if model is None:
            return False
        target = strip_prefix(self.url, self._prefix) if self._prefix else self.url
        response = model.cache.get(target)
        request = parse_fast_path(target, numbers=model.user_numbers) if response is None else None
        if (
            (response is None and request is None)
            or self.parser.get_method() != b"GET"
            or self.parser.get_http_version() != "1.1"
            or not self._bypasses_asgi(self.headers)
        ):
            return False
        if response is not None:
            self._recorder.record_cache_hit(response)
            id_, lines = request_id(self.headers), self.cross_origin.lines(self.headers)
            self._write(200, started, id_, (_OK, self._date, b"\r\n", lines, response.head, id_, response.tail))
        elif request is not None:
            self._submit(model, FastPathCycle(self, request, self.headers, started))
        return True

    def _bypasses_asgi(self, headers: Headers) -> bool:
        """The preconditions of the fast path beside the request line: the response may be written here and now.

        The service is not draining, and the request is its head alone.
        """
        return not self._service.draining and is_bodyless_keep_alive(headers)

    def _submit(self, model: LoadedModel, cycle: FastPathCycle) -> None:
        self.cycle = cast(Any, cycle)
        try:
            model.batcher.submit(cycle.request, cycle)
        except OverloadedError as error:
            self.send_error(cycle, error)

    def send_response(self, cycle: FastPathCycle, response: EncodedResponse) -> None:
        """Write the response to a request that was queued."""
        self._complete(cycle, 200, _OK, (response.head, cycle.request_id, response.tail))

    def send_error(self, cycle: FastPathCycle, error: BaseException) -> None:
        """Write a 503 when the queue was full, otherwise a 500, whose cause is logged."""
        overloaded = isinstance(error, OverloadedError)
        if not overloaded:
            self._recorder.record_failure("/", error)
        body = OVERLOADED_BODY if overloaded else FAILED_BODY
        head = (
            b"content-type: application/json\r\ncontent-length: %d\r\nx-model-version: %s\r\nx-request-id: %s\r\n\r\n"
        )
        parts = (head % (len(body), self._service.version.encode(), cycle.request_id), body)
        self._complete(cycle, 503 if overloaded else 500, _OVERLOADED if overloaded else _FAILED, parts)

    def _complete(self, cycle: FastPathCycle, status: int, status_line: bytes, parts: Sequence[bytes]) -> None:
        cycle.response_complete = True
        if self.transport.is_closing():
            return
        close = b"" if cycle.keep_alive else _CLOSE
        head = (status_line, self._date, close, b"\r\n", cycle.cross_origin)
        self._write(status, cycle.started, cycle.request_id, (*head, *parts))
        if not cycle.keep_alive:
            self.transport.close()
        elif self.flow.read_paused or self._rest or self._eof:
            self._parse_rest()

    def _write(self, status: int, started: float, request_id: bytes, parts: Sequence[bytes]) -> None:
        self.transport.write(b"".join(parts))
        self._last_used = time.monotonic()
        self._recorder.record_fast_path(status, self._last_used - started, request_id)

    @property
    def _date(self) -> bytes:
        return self.server_state.default_headers[0][1]
