"""Ids of users and items: texts, exactly as in the data, stored as numbers where all of them are whole numbers."""

from bisect import bisect_left, bisect_right
from collections.abc import Iterable, Iterator, Sequence
from itertools import pairwise
from typing import Any, overload

import numpy as np
from numpy.typing import NDArray

_MIN, _MAX = -(2**63), 2**63 - 1
_STEP = 16  # ids between two that are held for the search, whose memory is so well below that of the ids
_BLOCK = 1 << 16  # ids checked at a time


def whole_number(id_: str) -> int | None:
    """The number that `id_` writes in its only form: no leading zero, `+` or blank, and 64 bits; None for other ids."""
    try:
        number = int(id_)
    except ValueError:
        return None
    return number if _MIN <= number <= _MAX and str(number) == id_ else None


class Ids(Sequence[str]):
    """N distinct ids in increasing order: by value where all are whole numbers, otherwise by code point.

    Two ids are the same only when their texts are: `7` and `007` are two.
    """

    def __init__(self, values: NDArray[Any], offsets: NDArray[np.int64] | None = None) -> None:
        """values: (N,) int64, or with `offsets` (N + 1,) the ids' UTF-8, id i in values[offsets[i]:offsets[i + 1]].

        The arrays are held, not copied. Raises ValueError when types, offsets or order are wrong.
        """
        self.values, self.offsets = values, offsets
        if offsets is None:
            _check_dtype("ids", values, np.int64)
            ordered = bool((values[1:] > values[:-1]).all())
            self._numbers = values.data  # one element is read, and found, faster than in an array
        else:
            _check_dtype("ids", values, np.uint8)
            _check_dtype("offsets of ids", offsets, np.int64)
            if not len(offsets) or offsets[0] != 0 or offsets[-1] != len(values) or (offsets[1:] <= offsets[:-1]).any():
                raise ValueError("the offsets of ids do not increase from 0 to the length of their text")
            try:
                str(values.data, "utf-8")
            except UnicodeDecodeError:
                raise ValueError("the ids are not UTF-8") from None
            if (values[offsets[:-1]] & 0xC0 == 0x80).any():
                raise ValueError("the offsets of ids cut a character in two")
            ordered = _increase(values, offsets)
            self._text, self._ends = values.data, offsets.data
            self._sample = [self._bytes(row) for row in range(0, len(self), _STEP)]
        if not ordered:
            raise ValueError("the ids are not in increasing order, each once")

    @classmethod
    def of(cls, ids: Iterable[str]) -> "Ids":
        """The distinct ones of `ids`; raises ValueError for an empty id."""
        distinct = set(ids)
        numbers = [whole_number(id_) for id_ in distinct]
        if all(number is not None for number in numbers):
            return cls(np.array(sorted(number for number in numbers if number is not None), np.int64))
        texts = sorted(id_.encode() for id_ in distinct)
        ends = np.cumsum([0, *map(len, texts)], dtype=np.int64)
        return cls(np.frombuffer(b"".join(texts), np.uint8), ends)

    @property
    def are_numbers(self) -> bool:
        """Whether every id is a whole number."""
        return self.offsets is None

    def __len__(self) -> int:
        return len(self.values) if self.offsets is None else len(self.offsets) - 1

    def __iter__(self) -> Iterator[str]:
        if self.offsets is None:
            return map(str, self.values.tolist())
        ends = self.offsets.tolist()
        text = self.values.tobytes()
        return (text[start:end].decode() for start, end in pairwise(ends))

    @overload
    def __getitem__(self, row: int) -> str: ...
    @overload
    def __getitem__(self, row: slice) -> list[str]: ...
    def __getitem__(self, row: int | slice) -> str | list[str]:
        if isinstance(row, slice):
            return [self[index] for index in range(*row.indices(len(self)))]
        if not 0 <= row < len(self):
            raise IndexError(f"row {row} of {len(self)} ids")
        return str(self.values[row]) if self.offsets is None else self._bytes(row).decode()

    def row(self, id_: str) -> int | None:
        """The position of `id_`; None when it is not among the ids."""
        if self.offsets is None:
            try:
                row = bisect_left(self._numbers, int(id_))
            except ValueError:
                return None
            return row if row < len(self._numbers) and str(self._numbers[row]) == id_ else None
        row, found = self._first_from(id_)
        return row if found else None

    def after(self, id_: str) -> int:
        """The first position of an id greater than `id_`."""
        if self.offsets is not None:
            row, found = self._first_from(id_)
            return row + found
        number = whole_number(id_)
        return 0 if number is None else int(self.values.searchsorted(number, side="right"))

    def as_json(self, row: int) -> int | str:
        """The id at `row`: a number where all ids are."""
        return int(self.values[row]) if self.offsets is None else self[row]

    def _first_from(self, id_: str) -> tuple[int, bool]:
        """The first position of an id that is not less than `id_`, and whether it is the same."""
        key = id_.encode("utf-8", "surrogatepass")
        low = max(bisect_right(self._sample, key) - 1, 0) * _STEP
        ends = self._ends[low : low + _STEP + 1].tolist()
        first = ends[0]
        text = bytes(self._text[first : ends[-1]])
        at, high = 0, len(ends) - 1
        while at < high:
            middle = (at + high) // 2
            if text[ends[middle] - first : ends[middle + 1] - first] < key:
                at = middle + 1
            else:
                high = middle
        return low + at, at < len(ends) - 1 and text[ends[at] - first : ends[at + 1] - first] == key

    def _bytes(self, row: int) -> bytes:
        return bytes(self._text[self._ends[row] : self._ends[row + 1]])


def _check_dtype(what: str, array: NDArray[Any], dtype: type[np.generic]) -> None:
    if array.ndim != 1 or array.dtype != dtype:
        raise ValueError(f"the {what} are {array.dtype}{list(array.shape)}, expected one row of {np.dtype(dtype)}")


def _increase(text: NDArray[np.uint8], offsets: NDArray[np.int64]) -> bool:
    """Whether each id is greater than the one before it, byte by byte: eight of them at a time."""
    padded = np.concatenate((text, np.zeros(8, np.uint8)))
    words: NDArray[np.uint64] = np.ndarray(len(text) + 1, ">u8", padded.data, strides=(1,))

    def word(starts: NDArray[np.int64], ends: NDArray[np.int64]) -> NDArray[np.uint64]:
        missing = np.clip(8 - (ends - starts), 0, 8)
        found = words[np.minimum(starts, len(text))].astype(np.uint64)
        shift = (8 * np.minimum(missing, 7)).astype(np.uint64)
        return np.where(missing == 8, np.uint64(0), (found >> shift) << shift)

    for first in range(0, len(offsets) - 2, _BLOCK):
        bounds = offsets[first : first + _BLOCK + 2]
        left, middle, right = bounds[:-2], bounds[1:-1], bounds[2:]
        at = _shared_beginning(text, bounds)
        while len(left):
            one, other = word(left + at, middle), word(middle + at, right)
            if (one > other).any():
                return False
            same = one == other
            left, middle, right = left[same], middle[same], right[same]
            at += 8
            over = (left + at >= middle) & (middle + at >= right)
            if (middle[over] - left[over] >= right[over] - middle[over]).any():
                return False
            left, middle, right = left[~over], middle[~over], right[~over]
    return True


def _shared_beginning(text: NDArray[np.uint8], bounds: NDArray[np.int64]) -> int:
    """How many bytes all ids between `bounds` begin with; 0 also where only those of the first and last are so many."""
    first, last = (bytes(text[bounds[row] : bounds[row + 1]]) for row in (0, -2))
    pairs = enumerate(zip(first, last, strict=False))
    count = next((place for place, (one, other) in pairs if one != other), min(len(first), len(last)))
    if not count or (bounds[1:] - bounds[:-1] < count).any():
        return 0
    beginnings: NDArray[np.bytes_] = np.ndarray(len(text) - count + 1, f"S{count}", text.data, strides=(1,))
    return count if (beginnings[bounds[:-1]] == first[:count]).all() else 0
