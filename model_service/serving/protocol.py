"""uvicorn's HTTP protocol, with limits on slow clients and a way around ASGI for plain questions.

`GET /?uid=20` is answered as soon as its head has been parsed where the answer is kept, and by the queue where it has
to be computed: no task, no scope walked, no headers checked anew. httptools parses as before, and every request that is
not exactly such a one goes the ordinary way.
"""

import asyncio
import time
from collections.abc import Iterable, Sequence
from typing import Any, Final, cast

import orjson
from uvicorn.config import Config
from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol
from uvicorn.server import ServerState

from model_service.serving.api.middleware import FAILED
from model_service.serving.cache import EncodedResponse
from model_service.serving.errors import OverloadedError
from model_service.serving.front import Front, parse_fast_path, parse_single_get
from model_service.serving.pending import FastPathCycle
from model_service.serving.request_id import request_id
from model_service.serving.state import Model

MAX_CONNECTIONS: Final = 2000
KEEP_ALIVE_SECONDS: Final = 75.0  # longer than the load balancer's idle timeout, 60 s, so that it never loses a race
HEAD_SECONDS: Final = 10.0
UNREAD_SECONDS: Final = 30.0

_OK: Final = b"HTTP/1.1 200 OK\r\ndate: "
_OVERLOADED: Final = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\ndate: "
_OVERLOADED_BODY: Final = orjson.dumps({"success": False, "error": OverloadedError().message})
_FAILED: Final = b"HTTP/1.1 500 Internal Server Error\r\ndate: "
_CLOSE: Final = b"\r\nconnection: close"
_NOT_PLAIN: Final = frozenset((b"connection", b"content-length", b"expect", b"transfer-encoding", b"upgrade"))
_LAST: Final = b"content-type: application/json\r\nconnection: close\r\n"
_FULL: Final = b"HTTP/1.1 503 Service Unavailable\r\nretry-after: 1\r\n" + _LAST
_FULL_BODY: Final = b'{"success":false,"error":"too many connections are open; ask again in a second"}'
_MALFORMED: Final = b"HTTP/1.1 400 Bad Request\r\n" + _LAST
_MALFORMED_BODY: Final = b'{"success":false,"error":"this is no HTTP/1.1 request"}'


def is_bodyless(headers: Iterable[tuple[bytes, bytes]]) -> bool:
    """Whether a request with these headers is nothing but its head, and leaves its connection open."""
    return all(
        name not in _NOT_PLAIN or (name == b"connection" and value.lower() == b"keep-alive") for name, value in headers
    )


class Protocol(HttpToolsProtocol):
    """One connection.

    `sweep`, called about once a second, ends it: when a request's head takes longer than HEAD_SECONDS, when nothing is
    asked for KEEP_ALIVE_SECONDS, and when the client does not read what it asked for in UNREAD_SECONDS. Bodies have a
    limit of their own. Connections beyond MAX_CONNECTIONS are told so and closed.
    """

    def __init__(
        self,
        config: Config,
        server_state: ServerState,
        app_state: dict[str, Any],
        _loop: asyncio.AbstractEventLoop | None = None,
    ) -> None:
        super().__init__(config, server_state, app_state, _loop)
        self._front = cast(Front, self.app)
        self._one_too_many = False
        self._answered = self._within = False
        self._used = self._begun = self._unread = 0.0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        self._one_too_many = len(self.connections) >= MAX_CONNECTIONS
        self._used = time.monotonic()
        super().connection_made(transport)

    def data_received(self, data: bytes) -> None:
        if not self._reject_unparsed(data):
            super().data_received(data)

    def _reject_unparsed(self, data: bytes) -> bool:
        """While the queue is full, turn away a plain question in half of the time that it takes to parse it.

        Under overload most of the work is to say no; what is saved there goes into answers.
        """
        model = self._front.state.model
        if model is None or not model.answers.batcher.full or self._one_too_many or self._within or not self._free:
            return False
        found = parse_single_get(data)
        if found is None:
            return False
        target, headers = found
        question = parse_fast_path(target)
        if question is None or model.answers.cache.get(target) is not None or not is_bodyless(headers):
            return False
        self._enter(model, FastPathCycle(self, question, name=request_id(headers), started=time.monotonic()))
        return True

    @property
    def _free(self) -> bool:
        """Whether a plain question may be answered here and now: nothing else is to be written before."""
        idle = self.cycle is None or self.cycle.response_complete
        return idle and not self.flow.write_paused and not self._front.state.draining

    def on_message_begin(self) -> None:
        self._begun, self._within = time.monotonic(), True
        super().on_message_begin()

    def on_headers_complete(self) -> None:
        started, self._begun = self._begun, 0.0
        if self._one_too_many:
            self._reject_connection()
        elif not self._try_fast_path(started):
            super().on_headers_complete()

    def _try_fast_path(self, started: float) -> bool:
        """Answer, now or when it has been computed, if this is a plain question and nothing else is to be written."""
        state = self._front.state
        model = state.model
        if model is None:
            return False
        answer = model.answers.cache.get(self.url)
        question = parse_fast_path(self.url) if answer is None else None
        if (
            (answer is None and question is None)
            or not self._free
            or self.parser.get_method() != b"GET"
            or self.parser.get_http_version() != "1.1"
            or not is_bodyless(self.headers)
        ):
            return False
        self._answered = True
        name = request_id(self.headers)
        if answer is not None:
            state.counters.record_scores(answer.scores, answer.score_sum, kept=True)
            self._finish(200, started, name, (_OK, self._date, b"\r\n", answer.head, name, answer.tail))
        elif question is not None:
            self._enter(model, FastPathCycle(self, question, name=name, started=started))
        return True

    def _enter(self, model: Model, pending: FastPathCycle) -> None:
        """Have `tell` or `fail` called, at once when the queue is full."""
        self.cycle = cast(Any, pending)
        try:
            model.answers.batcher.submit(pending.question, pending)
        except OverloadedError as error:
            self.fail(pending, error)

    def tell(self, pending: FastPathCycle, answer: EncodedResponse) -> None:
        """Write the answer to a question that waited."""
        model = self._front.state.model
        if model is not None:
            model.answers.given(pending.question, answer)
        self._end(pending, 200, _OK, (answer.head, pending.name, answer.tail))

    def fail(self, pending: FastPathCycle, error: BaseException) -> None:
        """Write that there is no answer: 503 because of the load, 500 and a line in the log otherwise."""
        overloaded = isinstance(error, OverloadedError)
        if not overloaded:
            self._front.failed(error)
        body = _OVERLOADED_BODY if overloaded else FAILED
        version = self._front.state.version.encode()
        head = (
            b"content-type: application/json\r\ncontent-length: %d\r\nx-model-version: %s\r\nx-request-id: %s\r\n\r\n"
        )
        parts = (head % (len(body), version, pending.name), body)
        self._end(pending, 503 if overloaded else 500, _OVERLOADED if overloaded else _FAILED, parts)

    def _end(self, pending: FastPathCycle, status: int, begin: bytes, parts: Sequence[bytes]) -> None:
        pending.response_complete = True
        if self.transport.is_closing():
            return
        close = b"" if pending.keep_alive else _CLOSE
        self._finish(status, pending.started, pending.name, (begin, self._date, close, b"\r\n", *parts))
        if not pending.keep_alive:
            self.transport.close()
        elif self.pipeline:
            super().on_response_complete()  # begins the next one

    def _finish(self, status: int, started: float, name: bytes, parts: Sequence[bytes]) -> None:
        self.transport.write(b"".join(parts))
        self._used = time.monotonic()
        self._front.record_response(status, self._used - started, name)

    @property
    def _date(self) -> bytes:
        return self.server_state.default_headers[0][1]

    def on_body(self, body: bytes) -> None:
        if not self._answered:
            super().on_body(body)

    def on_message_complete(self) -> None:
        self._within = False
        if self._answered:
            self._answered = False
        else:
            super().on_message_complete()

    def on_response_complete(self) -> None:
        self._used = time.monotonic()
        super().on_response_complete()

    def pause_writing(self) -> None:
        self._unread = time.monotonic()
        super().pause_writing()

    def resume_writing(self) -> None:
        self._unread = 0.0
        super().resume_writing()

    def sweep(self, now: float) -> None:
        """End the connection if its client is too slow or has gone; `now` is `time.monotonic()`."""
        idle = not self._begun and (self.cycle is None or self.cycle.response_complete)
        if self._unread and now - self._unread > UNREAD_SECONDS:
            self.transport.abort()
        elif (self._begun and now - self._begun > HEAD_SECONDS) or (idle and now - self._used > KEEP_ALIVE_SECONDS):
            self.transport.close()

    def send_400_response(self, msg: str) -> None:
        """Tell that `msg` went wrong while parsing, as JSON; nothing is logged, since anybody can cause it at will."""
        state = self._front.state
        state.counters.record_response(400, 0.0)
        self._send_and_close(_MALFORMED, _MALFORMED_BODY)

    def _unsupported_upgrade_warning(self) -> None:
        """Not worth a line in the log: the request is answered as if it had not asked."""

    def _reject_connection(self) -> None:
        self._answered = True
        self._front.state.counters.record_rejection()
        self._front.state.counters.record_response(503, 0.0)
        self._send_and_close(_FULL + b"x-request-id: %s\r\n" % request_id(self.headers), _FULL_BODY)

    def _send_and_close(self, head: bytes, body: bytes) -> None:
        if self.transport.is_closing():
            return
        version = self._front.state.version.encode()
        self.transport.write(head + b"content-length: %d\r\nx-model-version: %s\r\n\r\n" % (len(body), version) + body)
        self.transport.close()
