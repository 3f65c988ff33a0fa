"""Which requests the fast path serves: `GET /?uid=…` and `GET /?uid=…&n=…` without a body, on a kept connection."""

import re
from typing import Final

from model_service.serving.cross_origin import Headers
from model_service.serving.recommender import DEFAULT_N, RecommendRequest

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
