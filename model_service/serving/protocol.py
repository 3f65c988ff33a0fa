"""HTTP/1.1 connections: uvicorn's httptools protocol with client limits, and the fast path around ASGI.

A connection has one request at a time: what its client sends behind it stays unparsed until the response is written.

The fast path serves `GET /?uid=…` and `GET /?uid=…&n=…`, below the path prefix where there is one, from the connection
itself: from the response cache as soon as the head is parsed, otherwise through the micro-batcher. It creates no task
and no ASGI scope. Every other request takes the ASGI path.
"""

import asyncio
import re
import time
from collections.abc import Callable, Sequence
from http import HTTPStatus
from typing import Any, Final, Self, cast

from httptools import HttpParserError, HttpParserUpgrade
from uvicorn.config import Config
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT, FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from model_service.serving.cache import EncodedResponse
from model_service.serving.connections import Admission, ConnectionTable
from model_service.serving.cross_origin import Headers
from model_service.serving.errors import FAILED_BODY, OVERLOADED_BODY, RETRY_AFTER_SECONDS, OverloadedError, error_body
from model_service.serving.recommender import DEFAULT_N, RecommendRequest
from model_service.serving.service import LoadedModel, RecommenderService
from model_service.serving.telemetry.recorder import request_id

MAX_LINE_BYTES: Final = 16 * 1024  # as the load balancer's own limits, so that it passes on nothing that is refused
MAX_HEAD_BYTES: Final = 64 * 1024
MAX_HEADERS: Final = 100
MAX_FRAMING_BYTES: Final = 128 * 1024  # chunk sizes, their extensions and the trailers of one body
KEEP_ALIVE_SECONDS: Final = 75.0  # longer than the load balancer's idle timeout, 60 s, which so never loses a race
HEAD_SECONDS: Final = 10.0
UNREAD_SECONDS: Final = 30.0
PROBE_TARGETS: Final = frozenset((b"/health", b"/ready"))

_RETRY: Final = f"retry-after: {RETRY_AFTER_SECONDS}\r\n".encode()
_OK: Final = b"HTTP/1.1 200 OK\r\ndate: "
_UNAVAILABLE: Final = b"HTTP/1.1 503 Service Unavailable\r\n" + _RETRY
_OVERLOADED: Final = _UNAVAILABLE + b"date: "
_FAILED: Final = b"HTTP/1.1 500 Internal Server Error\r\ndate: "
_CLOSE: Final = b"\r\nconnection: close"
_END_OF_HEAD: Final = b"\r\n\r\n"
_PIECES_PER_TURN: Final = 64  # of one connection, before the others have their turn
_UNSENT_BYTES: Final = 8 * 1024  # of responses, above which no further request of the connection is parsed
_HEADER_BYTES: Final = 200  # of memory for a header beside its text
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
    """Whether a request with these headers names one host, has no body and leaves its connection open."""
    hosts = 0
    for name, value in headers:
        if name == b"host":
            hosts += 1
        elif name in _ASGI_HEADERS and (name != b"connection" or value.lower() != b"keep-alive"):
            return False
    return hosts == 1


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


class RestFirstFlow(FlowControl):
    """Flow control of a connection that parses what it has received already before it reads on."""

    def __init__(self, transport: asyncio.Transport, parse_rest: Callable[[], None]) -> None:
        super().__init__(transport)
        self._parse_rest = parse_rest

    def resume_reading(self) -> None:
        """Called by uvicorn's cycle, which waits for more of the body."""
        if self.read_paused:
            self._parse_rest()

    def resume_transport(self) -> None:
        """Read on: nothing is left to parse."""
        super().resume_reading()


class HttpProtocol(HttpToolsProtocol):
    """One connection.

    What was received is parsed in pieces that end where a message does, and the rest waits while a response is pending
    or unread. A head or the framing of a body beyond its limit is refused before it is parsed.

    `sweep`, called about once a second, closes the connection when a request's head takes longer than HEAD_SECONDS,
    when it is idle for KEEP_ALIVE_SECONDS, or when the client does not read for UNREAD_SECONDS. The limits of bodies
    are the API's. `table` has the limits of all connections together.
    """

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        *,
        service: RecommenderService,
        table: ConnectionTable,
    ) -> None:
        super().__init__(config, server_state, app_state)
        self._service = service
        self._recorder = service.recorder
        self._prefix = service.settings.root_path.encode()
        self.cross_origin = service.cross_origin
        self._table = table
        self._admission = Admission.REQUESTS
        self._fast_path = False  # the message that is being parsed is not for ASGI: what follows its head is discarded
        self._in_message = self._eof = self._parsing = False
        self._rest, self._parsed, self._tail = b"", 0, b""  # received, its parsed part, the last bytes of a message
        self._head_bytes = self._framing_bytes = self._body_bytes = self._body_left = self._request_bytes = 0
        self._last_used = self._head_started = self._unread_since = 0.0
        self.buffered = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._last_used = time.monotonic()
        super().connection_made(transport)
        self.flow = RestFirstFlow(transport, self._parse_rest)
        transport.set_write_buffer_limits(high=_UNSENT_BYTES)
        self._admission = self._table.admit(self._last_used)
        if self._admission is Admission.NOTHING:
            self._refuse_connection(b"%016x" % id(self))

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        self._rest = b""
        self.flow = self.cycle = self.scope = cast(Any, None)  # what refers back to this object
        self._table.account(self, 0)

    def eof_received(self) -> bool:  # type: ignore[override]
        """Keep a half-closed connection while responses are pending; they are the last ones."""
        self._eof = not self._in_message and (self._pending or bool(self._rest))
        return self._eof

    def data_received(self, data: bytes) -> None:
        if (
            self._in_message
            or self._rest
            or not 4 <= len(data) <= MAX_LINE_BYTES
            or data.find(_END_OF_HEAD) != len(data) - 4
            or (self.cycle is not None and not self.cycle.response_complete)
            or self.flow.write_paused
        ):
            self._rest, self._parsed = self._rest[self._parsed :] + data, 0
            self._parse_rest()
            return
        model = self._service.model
        if model is None or not model.batcher.full or not self._reject_unparsed(data, model):
            self._parse(data)

    def _parse(self, piece: bytes) -> None:
        try:
            self.parser.feed_data(piece)
        except HttpParserUpgrade:
            pass  # ignored: it is answered as a request without it
        except HttpParserError:
            self._refuse(400, "this is no HTTP/1.1 request")

    def _parse_rest(self) -> None:
        """Parse what was received until a response has to be awaited, and read on when nothing is left."""
        if self._parsing or self.transport.is_closing():
            return
        self._parsing = True
        for _ in range(_PIECES_PER_TURN):
            if self._parsed >= len(self._rest) or self._has_to_wait or self.transport.is_closing():
                break
            self._parse_piece()
        else:
            self.loop.call_soon(self._parse_rest)
        self._parsing = False
        if self._parsed >= len(self._rest) or self.transport.is_closing():
            self._rest, self._parsed = b"", 0
            self._finish_rest()
        else:
            self.flow.pause_reading()
        self._account()

    def _finish_rest(self) -> None:
        if self._eof and (self._in_message or not self._pending):
            self.transport.close()
        if self._eof or self.transport.is_closing():
            return
        if not self._has_to_wait:
            cast(RestFirstFlow, self.flow).resume_transport()
        elif self._in_message:
            self.flow.pause_reading()

    @property
    def _pending(self) -> bool:
        return self.cycle is not None and not self.cycle.response_complete

    @property
    def _has_to_wait(self) -> bool:
        """Whether nothing may be parsed: the client does not read, or a response or the reader of a body is awaited."""
        return self.flow.write_paused or (
            self._pending and (not self._in_message or len(self.cycle.body) > HIGH_WATER_LIMIT)
        )

    def _parse_piece(self) -> None:
        start, end = self._parsed, self._piece_end()
        piece = self._rest[start:end]
        if self._head_bytes + len(piece) > MAX_HEAD_BYTES and self._head_started:
            self._refuse_head()
            return
        self._parsed = end
        in_body, body_bytes = self._in_message and not self._head_started, self._body_bytes
        self._parse(piece)
        if not self._in_message:
            self._tail = b""
            return
        self._tail = (self._tail + piece)[-3:]
        if self._head_started:
            self._head_bytes += len(piece)
            if len(self.url) > MAX_LINE_BYTES or len(self.headers) > MAX_HEADERS:
                self._refuse_head()
        elif in_body:
            self._framing_bytes += len(piece) - (self._body_bytes - body_bytes)
            if self._framing_bytes > MAX_FRAMING_BYTES or len(self.headers) > 2 * MAX_HEADERS:
                self._refuse(431, f"the chunks' framing and trailers are longer than {MAX_FRAMING_BYTES} bytes")

    def _piece_end(self) -> int:
        """Where the next piece ends: at the latest with the message, so that none has parts of two."""
        start, rest = self._parsed, self._rest
        limit = min(start + MAX_LINE_BYTES, len(rest))
        if self._body_left:
            return min(start + self._body_left, limit)
        joint = (self._tail + rest[start : start + 3]).find(_END_OF_HEAD)
        if joint >= 0:
            return start + joint + 4 - len(self._tail)
        end = rest.find(_END_OF_HEAD, start, limit)
        return limit if end < 0 else end + 4

    def _account(self) -> None:
        """Report the bytes that this connection holds."""
        held = len(self._rest) + self._head_bytes + self._framing_bytes + self._request_bytes
        if self._head_started:
            held += _HEADER_BYTES * len(self.headers)
        if self.flow.write_paused:
            held += self.transport.get_write_buffer_size()
        if held != self.buffered and self in self.connections:
            self._table.account(self, held)

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

    def on_message_begin(self) -> None:
        if self.cycle is not None and not self.cycle.response_complete:
            raise ValueError("a message begins within a piece")
        self._head_started, self._in_message = time.monotonic(), True
        self.url, self.headers, self.expect_100_continue = b"", [], False

    def on_headers_complete(self) -> None:
        if self._admission is not Admission.REQUESTS and self.url not in PROBE_TARGETS:
            self._refuse_connection(request_id(self.headers))
            return
        if self._head_bytes or len(self.headers) > MAX_HEADERS:
            if len(self.url) > MAX_LINE_BYTES or len(self.headers) > MAX_HEADERS or self._has_long_header():
                self._refuse_head()
                return
            self._head_bytes = 0
        started, self._head_started = self._head_started, 0.0
        if not self._serve_fast_path(started):
            self._start_asgi()

    def _has_long_header(self) -> bool:
        return any(len(name) + len(value) > MAX_LINE_BYTES - 4 for name, value in self.headers)

    def _start_asgi(self) -> None:
        names = [name for name, _ in self.headers]
        if names.count(b"host") != 1 and (b"host" in names or self.parser.get_http_version() == "1.1"):
            self._refuse(400, "an HTTP/1.1 request has to have one Host header")
            return
        url, headers, expect = self.url, self.headers, self.expect_100_continue
        super().on_message_begin()  # makes the ASGI scope, which the fast path does without
        self.url, self.expect_100_continue = url, expect
        self.headers.extend(headers)
        super().on_headers_complete()
        if self._admission is not Admission.REQUESTS:
            self.cycle.keep_alive = False
        text = 2 * len(self.url) + sum(len(name) + len(value) for name, value in self.headers)
        self._request_bytes = text + _HEADER_BYTES * len(names)
        self._body_bytes = self._framing_bytes = 0
        self._body_left = int(next((value for name, value in self.headers if name == b"content-length"), 0))
        self._account()

    def on_body(self, body: bytes) -> None:
        self._body_bytes += len(body)
        if self._body_left:
            self._body_left -= len(body)
        if not self._fast_path and self._pending:
            self._request_bytes += len(body)
            self.cycle.body += body
            self.cycle.message_event.set()

    def on_message_complete(self) -> None:
        self._in_message = False
        if self._fast_path:
            self._fast_path = False
        else:
            self._body_left = self._framing_bytes = 0
            self.scope = cast(Any, None)
            if self._pending:
                self.cycle.more_body = False
                self.cycle.message_event.set()
            else:
                self.cycle = cast(Any, None)
        self.headers = cast(Any, None)  # an idle connection holds nothing of its last request

    def on_response_complete(self) -> None:
        """Called by uvicorn's cycle when the response is written."""
        self.server_state.total_requests += 1
        self._last_used = time.monotonic()
        self._request_bytes = 0
        if not self._in_message:
            self.cycle = cast(Any, None)
        self._parse_rest()

    def pause_writing(self) -> None:
        self._unread_since = time.monotonic()
        super().pause_writing()
        self._account()

    def resume_writing(self) -> None:
        self._unread_since = 0.0
        super().resume_writing()
        self.loop.call_soon(self._parse_rest)

    @property
    def quiet_since(self) -> float:
        """Since when, in `time.monotonic()`, the client keeps the connection waiting; infinity while it waits."""
        if self._unread_since:
            return self._unread_since
        return float("inf") if self._pending else self._head_started or self._last_used

    def shed(self) -> None:
        """Close the connection at once, with a 503 where no other response was begun."""
        self._recorder.record_rejection()
        if self._pending or self._unread_since:
            self._leave(self.transport.abort)
        else:
            self._refuse(503, "too many connections are open; ask again in a second", _RETRY)

    def sweep(self, now: float) -> None:
        """Close the connection if its client is too slow or idle; `now` is `time.monotonic()`."""
        idle = not self._head_started and not self._pending
        unread_since = self._unread_since or (self._last_used if self.transport.is_closing() else now)
        if now - unread_since > UNREAD_SECONDS:
            self.transport.abort()
        elif (self._head_started and now - self._head_started > HEAD_SECONDS) or (
            idle and now - self._last_used > self._max_idle_seconds
        ):
            self.transport.close()

    @property
    def _max_idle_seconds(self) -> float:
        return KEEP_ALIVE_SECONDS if self._admission is Admission.REQUESTS else HEAD_SECONDS

    def _refuse_head(self) -> None:
        if len(self.url) > MAX_LINE_BYTES:
            self._refuse(414, f"the request line is longer than {MAX_LINE_BYTES} bytes")
            return
        self._refuse(
            431,
            f"the head is longer than {MAX_HEAD_BYTES} bytes, has a line of more than {MAX_LINE_BYTES} bytes or more "
            f"than {MAX_HEADERS} headers",
        )

    def _refuse_connection(self, request_id: bytes) -> None:
        self._recorder.record_rejection()
        message = "too many connections are open; ask again in a second"
        self._refuse(503, message, _RETRY + b"x-request-id: %s\r\n" % request_id)

    def _refuse(self, status: int, message: str, headers: bytes = b"") -> None:
        """Answer what is no acceptable request and close; not logged, since any client can cause it at will."""
        self._fast_path = True  # the rest of the message is discarded
        if self.transport.is_closing():
            return
        self._recorder.count_response(status, 0.0)
        if self._pending and getattr(self.cycle, "response_started", False):
            self._leave(self.transport.abort)
            return
        headers += self.cross_origin.lines(self.headers or ())
        body, phrase = error_body(message), HTTPStatus(status).phrase
        head = (
            f"HTTP/1.1 {status} {phrase}\r\ncontent-type: application/json\r\nconnection: close\r\n"
            f"content-length: {len(body)}\r\nx-model-version: {self._service.version}\r\n"
        )
        self.transport.write(head.encode() + headers + b"\r\n" + body)
        self._leave(self.transport.abort if self.transport.get_write_buffer_size() else self.transport.close)

    def _leave(self, end: Callable[[], None]) -> None:
        """End the connection by `end`: its memory and its place are free at once, and its cycle writes no more."""
        if self._pending:
            self.cycle.disconnected = True
            self.cycle.body = bytearray()
            self.cycle.message_event.set()
        end()
        self._rest, self._parsed, self.url, self.headers, self.scope = b"", 0, b"", [], cast(Any, {})
        self.connections.discard(self)
        self._table.account(self, 0)
