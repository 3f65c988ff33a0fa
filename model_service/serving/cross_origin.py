"""Which web pages of other origins may read the responses: the headers of the CORS protocol.

Source: https://fetch.spec.whatwg.org ("HTTP extensions", "CORS protocol").
"""

from collections.abc import Iterable, Sequence
from typing import Final

Headers = Iterable[tuple[bytes, bytes]]

MAX_AGE_SECONDS: Final = 7200  # of a preflight's answer; browsers keep none for longer than 2 to 24 hours
_ORIGIN: Final = b"access-control-allow-origin"
_EXPOSED: Final = (b"access-control-expose-headers", b"x-model-version, x-request-id, retry-after")
_VARY: Final = (b"vary", b"origin")
_PREFLIGHT: Final = (
    (b"access-control-allow-methods", b"GET, HEAD, POST"),
    (b"access-control-allow-headers", b"content-type, x-request-id"),
    (b"access-control-max-age", b"%d" % MAX_AGE_SECONDS),
)


class CrossOrigin:
    """The response headers that let pages of `origins` read responses; without credentials. False without origins."""

    def __init__(self, origins: Sequence[str]) -> None:
        """origins: as browsers send them; ("*",) for all of them; none: no page of another origin."""
        everyone = "*" in origins
        self._headers = {origin: ((_ORIGIN, origin), _EXPOSED, _VARY) for origin in map(str.encode, origins)}
        self._others = ((_ORIGIN, b"*"), _EXPOSED) if everyone else (_VARY,)
        self._lines = {origin: _lines(headers) for origin, headers in self._headers.items()}
        self._other_lines = _lines(self._others)

    def __bool__(self) -> bool:
        return bool(self._headers)

    def headers(self, request: Headers) -> Sequence[tuple[bytes, bytes]]:
        """The headers of the response to a request with these headers."""
        return self._headers.get(_origin(request), self._others) if self._headers else ()

    def lines(self, request: Headers) -> bytes:
        """`headers` as lines of an HTTP/1.1 head, each with its end."""
        return self._lines.get(_origin(request), self._other_lines) if self._headers else b""

    def preflight(self, method: str, request: Headers) -> Sequence[tuple[bytes, bytes]] | None:
        """The further headers of the answer to a preflight request, which has the status 204; None for other requests.

        For another origin there are none, and so the browser refuses the page its request.
        """
        if not self._headers or method != "OPTIONS":
            return None
        names = {name for name, _ in request}
        if not {b"origin", b"access-control-request-method"} <= names:
            return None
        return _PREFLIGHT if self.headers(request)[0][0] == _ORIGIN else ()


def _origin(request: Headers) -> bytes:
    return next((value for name, value in request if name == b"origin"), b"")


def _lines(headers: Headers) -> bytes:
    return b"".join(b"%s: %s\r\n" % header for header in headers)
