"""HTTP/1.1 connections: uvicorn's httptools protocol with client limits, and the fast path around ASGI.

The fast path serves `GET /?uid=…` and `GET /?uid=…&n=…`, below the path prefix where there is one, from the connection
itself: from the response cache as soon as the head is parsed, otherwise through the micro-batcher. It creates no task
and no ASGI scope. Every other request takes the ASGI path.
"""

import asyncio
import re
import time
from collections.abc import Sequence
from typing import Any, Final, Self, cast

from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from model_service.serving.cache import EncodedResponse
from model_service.serving.cross_origin import Headers
from model_service.serving.errors import FAILED_BODY, OVERLOADED_BODY, RETRY_AFTER_SECONDS, OverloadedError, error_body
from model_service.serving.recommender import DEFAULT_N, RecommendRequest
from model_service.serving.service import LoadedModel, RecommenderService
from model_service.serving.telemetry.recorder import request_id

MAX_CONNECTIONS: Final = 2000
KEEP_ALIVE_SECONDS: Final = 75.0  # longer than the load balancer's idle timeout, 60 s, which so never loses a race
HEAD_SECONDS: Final = 10.0
UNREAD_SECONDS: Final = 30.0

_RETRY: Final = f"retry-after: {RETRY_AFTER_SECONDS}\r\n".encode()
_OK: Final = b"HTTP/1.1 200 OK\r\ndate: "
_UNAVAILABLE: Final = b"HTTP/1.1 503 Service Unavailable\r\n" + _RETRY
_OVERLOADED: Final = _UNAVAILABLE + b"date: "
_FAILED: Final = b"HTTP/1.1 500 Internal Server Error\r\ndate: "
_CLOSE: Final = b"\r\nconnection: close"
_LAST_RESPONSE: Final = b"content-type: application/json\r\nconnection: close\r\n"
_TOO_MANY_CONNECTIONS: Final = _UNAVAILABLE + _LAST_RESPONSE
_TOO_MANY_CONNECTIONS_BODY: Final = error_body("too many connections are open; ask again in a second")
_MALFORMED: Final = b"HTTP/1.1 400 Bad Request\r\n" + _LAST_RESPONSE
_MALFORMED_BODY: Final = error_body("this is no HTTP/1.1 request")
_ASGI_HEADERS: Final = frozenset((b"connection", b"content-length", b"expect", b"transfer-encoding", b"upgrade"))
_SINGLE_GET: Final = re.compile(rb"GET ([!-~]{1,64}) HTTP/1\.1\r\n((?:[A-Za-z0-9-]{1,64}:[\t -~]*\r\n)+)\r\n")
_N: Final = rb"(?:&n=(100|[1-9][0-9]?))?"
_NUMBER_PATH: Final = re.compile(rb"/\?uid=(-?[0-9]{1,64})" + _N)  # within the bounds of uid and n
_TEXT_PATH: Final = re.compile(rb"/\?uid=([A-Za-z0-9._~-]{1,64})" + _N)


def parse_fast_path(target: bytes, *, numbers: bool = True) -> RecommendRequest | None:
    """The request of a target that is exactly `/?uid=…` or `/?uid=…&n=…`; None for every other target.

    numbers: whether the model's users have whole numbers as ids; otherwise an id of unreserved characters is one, too.
    """
    match = (_NUMBER_PATH if numbers else _TEXT_PATH).fullmatch(target)
    if match is None:
        return None
    uid, n = match.groups()
    return RecommendRequest(uid.decode(), int(n) if n else DEFAULT_N)


def strip_prefix(target: bytes, prefix: bytes) -> bytes:
    """`target` as it is without the path prefix, "" where it is not below it."""
    return target[len(prefix) :] if target.startswith(prefix + b"/") else b""


def parse_single_get(data: bytes) -> tuple[bytes, list[tuple[bytes, bytes]]] | None:
    """Target and headers of `data` that is exactly the head of one GET; None where that is not certain."""
    match = _SINGLE_GET.fullmatch(data)
    if match is None:
        return None
    target, lines = match.groups()
    pairs = (line.split(b":", 1) for line in lines[:-2].split(b"\r\n"))
    return target, [(name.lower(), value.strip()) for name, value in pairs]


def is_bodyless_keep_alive(headers: Headers) -> bool:
    """Whether a request with these headers has no body and leaves its connection open."""
    return all(
        name not in _ASGI_HEADERS or (name == b"connection" and value.lower() == b"keep-alive")
        for name, value in headers
    )


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


class HttpProtocol(HttpToolsProtocol):
    """One connection.

    `sweep`, called about once a second, closes it when a request's head takes longer than HEAD_SECONDS, when it is idle
    for KEEP_ALIVE_SECONDS, or when the client does not read for UNREAD_SECONDS. The limits of bodies are the API's.
    Connections beyond MAX_CONNECTIONS get a 503 and are closed.
    """

    def __init__(
        self, config: Config, server_state: ServerState, app_state: dict[str, Any], *, service: RecommenderService
    ) -> None:
        super().__init__(config, server_state, app_state)
        self._service = service
        self._recorder = service.recorder
        self._prefix = service.settings.root_path.encode()
        self.cross_origin = service.cross_origin
        self._over_limit = False
        self._fast_path = False  # the request that is being parsed is served by the fast path
        self._in_message = False
        self._last_used = self._head_started = self._unread_since = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._over_limit = len(self.connections) >= MAX_CONNECTIONS
        self._last_used = time.monotonic()
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        model = self._service.model
        if model is None or not model.batcher.full or not self._reject_unparsed(data, model):
            super().data_received(data)

    def _reject_unparsed(self, data: bytes, model: LoadedModel) -> bool:
        """With a full queue, reject a fast-path request in half the time that parsing it takes.

        Under overload most of the work is rejecting; the time saved goes into responses. An equal request that is
        queued already is joined.
        """
        if self._in_message or self._over_limit:
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

    def _serve_fast_path(self, started: float) -> bool:
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
        self._fast_path = True
        if response is not None:
            self._recorder.record_cache_hit(response)
            id_, lines = request_id(self.headers), self.cross_origin.lines(self.headers)
            self._write(200, started, id_, (_OK, self._date, b"\r\n", lines, response.head, id_, response.tail))
        elif request is not None:
            self._submit(model, FastPathCycle(self, request, self.headers, started))
        return True

    def _bypasses_asgi(self, headers: Headers) -> bool:
        """The preconditions of the fast path beside the request line: the response may be written here and now.

        No earlier response is pending on the connection, the client reads, the service is not draining, and the request
        is its head alone.
        """
        return (
            (self.cycle is None or self.cycle.response_complete)
            and not self.flow.write_paused
            and not self._service.draining
            and is_bodyless_keep_alive(headers)
        )

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
        elif self.pipeline:
            super().on_response_complete()  # starts the next pipelined request

    def _write(self, status: int, started: float, request_id: bytes, parts: Sequence[bytes]) -> None:
        self.transport.write(b"".join(parts))
        self._last_used = time.monotonic()
        self._recorder.record_fast_path(status, self._last_used - started, request_id)

    @property
    def _date(self) -> bytes:
        return self.server_state.default_headers[0][1]

    def on_message_begin(self) -> None:
        self._head_started, self._in_message = time.monotonic(), True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        started, self._head_started = self._head_started, 0.0
        if self._over_limit:
            self._reject_connection()
        elif not self._serve_fast_path(started):
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        if not self._fast_path:
            super().on_body(body)

    def on_message_complete(self) -> None:
        self._in_message = False
        if self._fast_path:
            self._fast_path = False
        else:
            super().on_message_complete()

    def on_response_complete(self) -> None:
        self._last_used = time.monotonic()
        super().on_response_complete()

    def pause_writing(self) -> None:
        self._unread_since = time.monotonic()
        super().pause_writing()

    def resume_writing(self) -> None:
        self._unread_since = 0.0
        super().resume_writing()

    def sweep(self, now: float) -> None:
        """Close the connection if its client is too slow or idle; `now` is `time.monotonic()`."""
        idle = not self._head_started and (self.cycle is None or self.cycle.response_complete)
        if self._unread_since and now - self._unread_since > UNREAD_SECONDS:
            self.transport.abort()
        elif (self._head_started and now - self._head_started > HEAD_SECONDS) or (
            idle and now - self._last_used > KEEP_ALIVE_SECONDS
        ):
            self.transport.close()

    def send_400_response(self, msg: str) -> None:
        """Answer a request that cannot be parsed as JSON; not logged, since any client can cause it at will."""
        self._recorder.count_response(400, 0.0)
        self._send_and_close(_MALFORMED, _MALFORMED_BODY)

    def _unsupported_upgrade_warning(self) -> None:
        """No log record: the upgrade is ignored."""

    def _reject_connection(self) -> None:
        self._fast_path = True  # the rest of the request is discarded
        self._recorder.record_rejection()
        self._recorder.count_response(503, 0.0)
        head = _TOO_MANY_CONNECTIONS + b"x-request-id: %s\r\n" % request_id(self.headers)
        head += self.cross_origin.lines(self.headers)
        self._send_and_close(head, _TOO_MANY_CONNECTIONS_BODY)

    def _send_and_close(self, head: bytes, body: bytes) -> None:
        if self.transport.is_closing():
            return
        version = self._service.version.encode()
        self.transport.write(head + b"content-length: %d\r\nx-model-version: %s\r\n\r\n" % (len(body), version) + body)
        self.transport.close()
