"""HTTP/1.1 connections with bounds: uvicorn's httptools protocol with limits on what a client may send and hold."""

import asyncio
import time
from collections.abc import Callable
from http import HTTPStatus
from typing import Any, Final, cast

from httptools import HttpParserError, HttpParserUpgrade
from uvicorn.config import Config
from uvicorn.protocols.http.flow_control import HIGH_WATER_LIMIT, FlowControl
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from model_service.serving.connections import Admission, ConnectionTable
from model_service.serving.errors import RETRY_AFTER_SECONDS, error_body
from model_service.serving.service import RecommenderService
from model_service.serving.telemetry.recorder import request_id

MAX_LINE_BYTES: Final = 16 * 1024  # as the load balancer's own limits, so that it passes on nothing that is refused
MAX_HEAD_BYTES: Final = 64 * 1024
MAX_HEADERS: Final = 100
MAX_FRAMING_BYTES: Final = 128 * 1024  # chunk sizes, their extensions and the trailers of one body
KEEP_ALIVE_SECONDS: Final = 75.0  # longer than the load balancer's idle timeout, 60 s, which so never loses a race
HEAD_SECONDS: Final = 10.0
UNREAD_SECONDS: Final = 30.0
PROBE_TARGETS: Final = frozenset((b"/health", b"/ready"))
RETRY_AFTER: Final = f"retry-after: {RETRY_AFTER_SECONDS}\r\n".encode()

_TOO_MANY: Final = "too many connections are open; ask again in a second"
_END_OF_HEAD: Final = b"\r\n\r\n"
_PIECES_PER_TURN: Final = 64  # of one connection, before the others have their turn
_UNSENT_BYTES: Final = 8 * 1024  # of responses, above which no further request of the connection is parsed
_HEADER_BYTES: Final = 200  # of memory for a header beside its text


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


class BoundedProtocol(HttpToolsProtocol):
    """One connection; a subclass may answer requests without ASGI.

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
        self.cross_origin = service.cross_origin
        self._table = table
        self._admission = Admission.REQUESTS
        self._answered = False  # the message that is being parsed is not for ASGI: what follows its head is discarded
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
        if not self._answer_unparsed(data):
            self._parse(data)

    def _answer_unparsed(self, data: bytes) -> bool:
        """Whether `data`, a whole head and nothing else, was answered without parsing it; a subclass may do so."""
        return False

    def _answer(self, started: float) -> bool:
        """Whether the parsed head is answered without ASGI; started: `time.monotonic()` at its first byte."""
        return False

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
        self._answered = self._answer(started)
        if not self._answered:
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
        if not self._answered and self._pending:
            self._request_bytes += len(body)
            self.cycle.body += body
            self.cycle.message_event.set()

    def on_message_complete(self) -> None:
        self._in_message = False
        if self._answered:
            self._answered = False
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
        if self._pending or self._unread_since or self.transport.is_closing():
            self._leave(self.transport.abort)
        else:
            self._refuse(503, _TOO_MANY, RETRY_AFTER)

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
        self._refuse(503, _TOO_MANY, RETRY_AFTER + b"x-request-id: %s\r\n" % request_id)

    def _refuse(self, status: int, message: str, headers: bytes = b"") -> None:
        """Answer what is no acceptable request and close; not logged, since any client can cause it at will."""
        self._answered = True  # the rest of the message is discarded
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
