"""Encoded responses, and a byte-bounded cache of them, one per model version."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

_OVERHEAD_BYTES: Final = 400  # the objects around a response: measured with tracemalloc, rounded up


@dataclass(frozen=True, slots=True)
class EncodedResponse:
    """A 200 response with a JSON body, split where the value of the request id is inserted.

    head: header lines from the content type to the name of the request id header. tail: the end of the headers and
    the body. scores, score_sum: number and sum of the predicted ratings, in stars, for the metrics. empty: no items.
    """

    head: bytes
    tail: bytes
    scores: int
    score_sum: float
    cold_start: bool = False
    empty: bool = False

    @property
    def body(self) -> bytes:
        """The JSON body."""
        return self.tail[4:]


def encode_response(
    body: bytes, model_version: str, scores: Sequence[float], *, cold_start: bool = False, empty: bool = False
) -> EncodedResponse:
    """`body` with its headers; scores: the predicted ratings in it, in stars. empty: it recommends nothing."""
    head = _encode_head(len(body), model_version)
    return EncodedResponse(head, b"\r\n\r\n" + body, len(scores), float(sum(scores)), cold_start, empty)


@lru_cache(maxsize=4096)
def _encode_head(length: int, model_version: str) -> bytes:
    lines = f"content-type: application/json\r\ncontent-length: {length}\r\nx-model-version: {model_version}\r\n"
    return lines.encode() + b"x-request-id: "


class ResponseCache:
    """Responses by request target, bounded in bytes; approximately least recently used.

    Two generations: a hit moves a response to the young generation. When that holds half of the bytes it becomes the
    old one, and the previous old one is dropped. A hit so costs one dictionary look-up.
    """

    def __init__(self, max_bytes: int) -> None:
        """max_bytes: of keys, bodies and objects together; 0 caches nothing."""
        self._max_generation_bytes = max_bytes // 2
        self._young: dict[bytes, EncodedResponse] = {}
        self._old: dict[bytes, EncodedResponse] = {}
        self._young_bytes = self._old_bytes = 0

    def get(self, key: bytes) -> EncodedResponse | None:
        """The cached response; None on a miss."""
        response = self._young.get(key)
        if response is None and (response := self._old.get(key)) is not None:
            self.put(key, response)
        return response

    def put(self, key: bytes, response: EncodedResponse) -> None:
        """Cache `response` under `key`; a response that exceeds the bound by itself is not cached."""
        size = len(key) + len(response.tail) + _OVERHEAD_BYTES
        if size > self._max_generation_bytes or key in self._young:
            return
        if self._young_bytes + size > self._max_generation_bytes:
            self._old, self._old_bytes = self._young, self._young_bytes
            self._young, self._young_bytes = {}, 0
        self._young[key] = response
        self._young_bytes += size

    def __len__(self) -> int:
        return len(self._young.keys() | self._old.keys())

    @property
    def bytes_held(self) -> int:
        """An upper bound of the memory of all cached responses."""
        return self._young_bytes + self._old_bytes
