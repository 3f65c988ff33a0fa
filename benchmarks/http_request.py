"""Single HTTP requests to a port of this machine."""

import http.client
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Response:
    """status: of the HTTP response."""

    status: int
    body: bytes


@dataclass(frozen=True, kw_only=True)
class Request:
    """A GET of `path`, or with a body a POST of JSON."""

    path: str
    body: bytes | None = None

    def encode(self) -> bytes:
        """The request as wrk sends it."""
        if self.body is None:
            return f"GET {self.path} HTTP/1.1\r\nHost: localhost\r\n\r\n".encode()
        head = f"POST {self.path} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n"
        return f"{head}Content-Length: {len(self.body)}\r\n\r\n".encode() + self.body

    def send(self, connection: http.client.HTTPConnection) -> Response:
        """Send on a connection, which stays open; raises OSError or HTTPException."""
        headers = {"Content-Type": "application/json"} if self.body is not None else {}
        connection.request("GET" if self.body is None else "POST", self.path, self.body, headers)
        response = connection.getresponse()
        return Response(status=response.status, body=response.read())


def connect(port: int, *, timeout: float = 30) -> http.client.HTTPConnection:
    """A connection to a port of this machine; close it with contextlib.closing."""
    return http.client.HTTPConnection("127.0.0.1", port, timeout=timeout)
