"""Answers that are ready to be sent: bounded in bytes, and as old as the model that made them, never older."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Final

_OVERHEAD_BYTES: Final = 400  # the objects around an answer: seen with tracemalloc, rounded up


@dataclass(frozen=True, slots=True)
class EncodedResponse:
    """A JSON body with status 200, in the pieces in which it is sent.

    head: header lines from the content type to the name of the request id, whose value goes between the two.
    tail: the end of the headers and the body.
    """

    head: bytes
    tail: bytes
    scores: int
    score_sum: float
    cold_start: bool = False

    @property
    def body(self) -> bytes:
        """The JSON."""
        return self.tail[4:]


def encode_response(
    body: bytes, model_version: str, scores: Sequence[float], *, cold_start: bool = False
) -> EncodedResponse:
    """`body` as an answer that tells films with these predicted ratings, in stars."""
    head = _head(len(body), model_version)
    return EncodedResponse(head, b"\r\n\r\n" + body, len(scores), float(sum(scores)), cold_start)


@lru_cache(maxsize=4096)
def _head(length: int, model_version: str) -> bytes:
    lines = f"content-type: application/json\r\ncontent-length: {length}\r\nx-model-version: {model_version}\r\n"
    return lines.encode() + b"x-request-id: "


class ResponseCache:
    """Answers by what was asked; those not asked for the longest time are dropped when `most_bytes` are held.

    Two generations: an answer that is asked for moves to the young one, and when that holds half of the bytes the old
    one is dropped. Finding an answer so costs one look into a dictionary.
    """

    def __init__(self, most_bytes: int) -> None:
        self._most = most_bytes // 2
        self._young: dict[bytes, EncodedResponse] = {}
        self._old: dict[bytes, EncodedResponse] = {}
        self._young_bytes = self._old_bytes = 0
        self._get_young = self._young.get

    def get(self, asked: bytes) -> EncodedResponse | None:
        """The answer to `asked`, None when it is not kept."""
        answer = self._get_young(asked)
        if answer is None and (answer := self._old.get(asked)) is not None:
            self.put(asked, answer)
        return answer

    def put(self, asked: bytes, answer: EncodedResponse) -> None:
        """Keep `answer` for as long as there is room."""
        size = len(asked) + len(answer.tail) + _OVERHEAD_BYTES
        if size > self._most or asked in self._young:
            return
        if self._young_bytes + size > self._most:
            self._old, self._old_bytes = self._young, self._young_bytes
            self._young, self._young_bytes = {}, 0
            self._get_young = self._young.get
        self._young[asked] = answer
        self._young_bytes += size

    def __len__(self) -> int:
        return len(self._young.keys() | self._old.keys())

    @property
    def bytes_held(self) -> int:
        """An upper bound of the memory of all answers."""
        return self._young_bytes + self._old_bytes
