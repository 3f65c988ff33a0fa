"""The least HTTP/1.1 client: one connection, ready-made requests, answers with a Content-Length or in chunks."""

import socket
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from benchmarks.errors import BenchmarkError


@dataclass(frozen=True, kw_only=True)
class Answer:
    """A response: its status, its header lines in lower case, its body."""

    status: int
    head: bytes
    body: bytes


def encode_request(path: str, body: bytes | None) -> bytes:
    """A GET of `path`, or a POST of the JSON `body`, as bytes for the wire."""
    if body is None:
        return f"GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
    head = f"POST {path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
    return f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body


class Connection:
    """A kept-alive connection to a port of this machine."""

    def __init__(self, port: int, *, timeout: float) -> None:
        self._socket = socket.create_connection(("127.0.0.1", port), timeout=timeout)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._rest = b""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._socket.close()

    def ask(self, request: bytes) -> Answer:
        """Send `request`, wait for its answer; raises BenchmarkError when that is no complete one."""
        self._socket.sendall(request)
        while b"\r\n\r\n" not in self._rest:
            self._receive()
        head, _, self._rest = self._rest.partition(b"\r\n\r\n")
        status, lowered = int(head[9:12]), head.lower()
        if b"transfer-encoding: chunked" in lowered:
            return Answer(status=status, head=lowered, body=self._chunks())
        length = next((int(line[15:]) for line in lowered.split(b"\r\n") if line.startswith(b"content-length:")), 0)
        while len(self._rest) < length:
            self._receive()
        body, self._rest = self._rest[:length], self._rest[length:]
        return Answer(status=status, head=lowered, body=body)

    def _chunks(self) -> bytes:
        body = b""
        while True:
            while b"\r\n" not in self._rest:
                self._receive()
            size_text, _, self._rest = self._rest.partition(b"\r\n")
            size = int(size_text.split(b";")[0], 16)
            while len(self._rest) < size + 2:
                self._receive()
            body, self._rest = body + self._rest[:size], self._rest[size + 2 :]
            if not size:
                return body

    def _receive(self) -> None:
        received = self._socket.recv(1 << 16)
        if not received:
            raise BenchmarkError("the connection was closed within an answer")
        self._rest += received
