"""The catalogue of items: the file that holds it, a decoding cache, and search by title and genre.

The file has one JSON object a line, in the order of the model's item rows.
"""

import json
import mmap
import os
import re
import threading
import weakref
from array import array
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from itertools import islice
from json.encoder import encode_basestring
from pathlib import Path
from typing import Final, overload

import numpy as np
from numpy.typing import NDArray

MAX_CACHED_ITEMS: Final = 16_384  # decoded items held in memory: about 6 MB
_MAX_MATCHES: Final = 10_000
_VERIFIED_ITEMS: Final = 1 << 16  # lines verified at a time
_TEXT: Final = rb'"[^"\\\x00-\x1f]*+(?:\\(?:["\\bfnrt]|u00[01][0-9a-f])[^"\\\x00-\x1f]*+)*+"'
_LINE: Final = re.compile(  # what `encode_items` writes, five times faster than to decode it; the id is captured
    rb'^\{"genres": \[(?:%b(?:, %b)*)?\], "id": (%b), "title": %b, "year": (?:null|0|-?[1-9][0-9]{0,17})\}\n'
    % (_TEXT, _TEXT, _TEXT, _TEXT),
    re.MULTILINE,
)

Rows = NDArray[np.int32]
Mask = NDArray[np.bool_]


@dataclass(frozen=True, kw_only=True)
class Item:
    """A film: `id` as in the data, display `title`, `genres`, and the `year` of release where it is known."""

    id: str
    title: str
    genres: tuple[str, ...] = ()
    year: int | None = None


def encode_items(items: Iterable[Item]) -> bytes:
    """UTF-8 JSON lines, one item a line, keys sorted."""
    lines = (json.dumps(asdict(item), sort_keys=True, ensure_ascii=False) + "\n" for item in items)
    return "".join(lines).encode()


class MappedItems(Sequence[Item]):
    """The items of a file written by `encode_items`, read and decoded on access.

    Memory: 8 bytes an item for the line offsets.
    """

    def __init__(self, path: Path) -> None:
        """Open `path`; raises ValueError when it is empty or ends within a line."""
        self._file = os.open(path, os.O_RDONLY)
        weakref.finalize(self, os.close, self._file)
        text = mmap.mmap(self._file, 0, access=mmap.ACCESS_READ)  # only while the line ends are located
        ends = np.flatnonzero(np.frombuffer(text, np.uint8) == ord("\n"))
        size = len(text)
        del text
        self._starts = np.concatenate(([0], ends + 1))
        if self._starts[-1] != size:
            raise ValueError(f"{path.name} ends within a line")
        self._name = path.name

    def __len__(self) -> int:
        return len(self._starts) - 1

    def __iter__(self) -> Iterator[Item]:
        return (self[row] for row in range(len(self)))

    @overload
    def __getitem__(self, row: int) -> Item: ...
    @overload
    def __getitem__(self, row: slice) -> list[Item]: ...
    def __getitem__(self, row: int | slice) -> Item | list[Item]:
        if isinstance(row, slice):
            return [self[index] for index in range(*row.indices(len(self)))]
        if not 0 <= row < len(self):
            raise IndexError(f"row {row} of {len(self)}")
        fields = json.loads(self._line(row))
        fields["genres"] = tuple(fields["genres"])
        return Item(**fields)

    def verify(self, ids: Iterable[str]) -> None:
        """Raises ValueError unless every line is as `encode_items` writes it, with the id of its row in `ids` (I,)."""
        expected = iter(ids)
        for first in range(0, len(self), _VERIFIED_ITEMS):
            start, *ends = self._starts[first : first + _VERIFIED_ITEMS + 1].tolist()
            text = os.pread(self._file, ends[-1] - start, start)
            found = _LINE.findall(text)
            if len(found) < len(ends):
                row = next(row for row in range(first, first + len(ends)) if not _LINE.match(self._line(row)))
                raise ValueError(f"line {row + 1} of {self._name} is no film as training writes it")
            try:
                text.decode()
            except UnicodeDecodeError:
                raise ValueError(f"{self._name} is not UTF-8") from None
            wanted = "\n".join(map(encode_basestring, islice(expected, len(ends)))).encode()
            if b"\n".join(found) != wanted:
                pairs = zip(found, wanted.split(b"\n"), strict=True)
                row, (id_, other) = next((row, pair) for row, pair in enumerate(pairs, first) if pair[0] != pair[1])
                raise ValueError(
                    f"film {row} has the id {json.loads(id_)!r:.60} in {self._name}, "
                    f"{json.loads(other)!r:.60} in the weights"
                )

    def _line(self, row: int) -> bytes:
        start, end = self._starts[row : row + 2].tolist()
        return os.pread(self._file, end - start, start)


class CachedItems(Sequence[Item]):
    """Decodes items on access and caches up to MAX_CACHED_ITEMS of them; a full cache is emptied."""

    def __init__(self, items: Sequence[Item]) -> None:
        self._items = items
        self._cache: dict[int, Item] = {}

    def __len__(self) -> int:
        return len(self._items)

    @overload
    def __getitem__(self, row: int) -> Item: ...
    @overload
    def __getitem__(self, row: slice) -> Sequence[Item]: ...
    def __getitem__(self, row: int | slice) -> Item | Sequence[Item]:
        if isinstance(row, slice):
            return self._items[row]
        item = self._cache.get(row)
        if item is None:
            if len(self._cache) >= MAX_CACHED_ITEMS:
                self._cache = {}
            item = self._cache[row] = self._items[row]
        return item


class Catalogue:
    """Items by row, and search by title and genre; matches are ordered by number of ratings, most first.

    Titles and genres are indexed on the first search (3 s for a million items), in memory of about the titles' size.
    """

    def __init__(self, items: Sequence[Item], rating_counts: NDArray[np.int32]) -> None:
        """`items` (I,) in row order; small catalogues are decoded at once. rating_counts: (I,)."""
        self._items = items
        self._rating_counts = rating_counts
        self._lock = threading.Lock()
        self._text = b""  # case-folded titles, each between two line feeds
        self._starts: NDArray[np.int64] = np.zeros(0, np.int64)  # (I,) offset of each title in the text
        self._genres: dict[str, tuple[str, Rows]] = {}
        self.items = tuple(items) if len(items) <= MAX_CACHED_ITEMS else CachedItems(items)

    def rows_by_title(self, title: str) -> list[int]:
        """The rows of the items with this title, ignoring case, most rated first."""
        text = self._indexed_text()
        needle = b"\n" + _fold(title) + b"\n"
        offsets: list[int] = []
        at = text.find(needle)
        while at >= 0 and len(offsets) < _MAX_MATCHES:
            offsets.append(at + 1)
            at = text.find(needle, at + 1)
        return self._rows_at(offsets, len(offsets)) if offsets else []

    def search(self, text: str | None, n: int, *, mask: Mask | None = None) -> list[int]:
        """The rows of the `n` most rated items with `text` in the title, ignoring case; without `text`, of all items.

        mask: (I,) true for the items to search.
        """
        if text is None:
            rows = np.arange(len(self._items)) if mask is None else np.flatnonzero(mask)
            return self._most_rated(rows, n)
        titles, needle = self._indexed_text(), _fold(text)
        offsets: list[int] = []
        at = titles.find(needle)
        while at >= 0 and len(offsets) < _MAX_MATCHES:
            offsets.append(at)
            at = titles.find(needle, max(at + 1, titles.find(b"\n", at)))
        return self._rows_at(offsets, n, mask) if offsets else []

    def genres(self) -> list[str]:
        """All genre names, sorted."""
        self._indexed_text()
        return sorted(name for name, _ in self._genres.values())

    def genre_mask(self, genre: str) -> Mask | None:
        """(I,) true for the items of a genre, ignoring case; None for an unknown genre."""
        self._indexed_text()
        entry = self._genres.get(genre.casefold())
        if entry is None:
            return None
        mask = np.zeros(len(self._items), np.bool_)
        mask[entry[1]] = True
        return mask

    def _rows_at(self, offsets: list[int], n: int, mask: Mask | None = None) -> list[int]:
        """The rows of the titles that contain these offsets of the text."""
        rows = np.unique(np.searchsorted(self._starts, np.array(offsets, np.int64), side="right") - 1)
        return self._most_rated(rows if mask is None else rows[mask[rows]], n)

    def _most_rated(self, rows: NDArray[np.int64], n: int) -> list[int]:
        order = np.argsort(-self._rating_counts[rows].astype(np.int64), kind="stable")[:n]
        ordered: list[int] = rows[order].tolist()
        return ordered

    def _indexed_text(self) -> bytes:
        with self._lock:
            if not self._text:
                text, starts = bytearray(b"\n"), array("q")
                genres: dict[str, tuple[str, array[int]]] = {}
                for row in range(len(self._items)):
                    item = self._items[row]
                    starts.append(len(text))
                    text += _fold(item.title) + b"\n"
                    for genre in item.genres:
                        genres.setdefault(genre.casefold(), (genre, array("i")))[1].append(row)
                self._starts = np.frombuffer(starts, np.int64)
                self._genres = {key: (name, np.frombuffer(rows, np.int32)) for key, (name, rows) in genres.items()}
                self._text = bytes(text)
            return self._text


def _fold(title: str) -> bytes:
    return " ".join(title.casefold().split()).encode("utf-8", "replace")
