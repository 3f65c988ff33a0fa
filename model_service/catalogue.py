"""The catalogue of items: the file that holds it, a decoding cache, and search by words of the title and by genre.

The file has one JSON object a line, in the order of the model's item rows.
"""

import json
import mmap
import os
import re
import threading
import unicodedata
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
_MAX_WORDS: Final = 8  # of a search; each is looked for in all titles
_YEAR_BYTES: Final = len(" 1999")
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
    """Items by row, and search by title and genre.

    Titles and genres are indexed on the first search (5 s for a million items), in memory of about the titles' size.
    """

    def __init__(self, items: Sequence[Item], rating_counts: NDArray[np.int32]) -> None:
        """`items` (I,) in row order; small catalogues are decoded at once. rating_counts: (I,)."""
        self._items = items
        self._rating_counts = rating_counts
        self._lock = threading.Lock()
        self._index: _TitleIndex | None = None
        self._genres: dict[str, tuple[str, Rows]] = {}
        self.items = tuple(items) if len(items) <= MAX_CACHED_ITEMS else CachedItems(items)

    def rows_by_title(self, title: str) -> list[int]:
        """The rows of the items with this title, ignoring case, most rated first."""
        folded = _fold(title)
        same = [row for row in self._titles().equal(title).tolist() if _fold(self.items[row].title) == folded]
        return self._most_rated(np.array(same, np.int64), len(same)) if same else []

    def search(self, text: str | None, n: int, *, mask: Mask | None = None) -> list[int]:
        """The rows of the `n` items that match `text` best: every word of it is in the title, in any order.

        Case, accents and punctuation are ignored, and a part of a word is enough. First the items whose title has no
        other words but a year, then those that begin with `text`, then those with words that begin with its words; of
        these the most rated first. Without `text` the most rated of all items. mask: (I,) true for the items to search.
        """
        if text is None:
            rows = np.arange(len(self._items)) if mask is None else np.flatnonzero(mask)
            return self._most_rated(rows, n)
        rows, quality = self._titles().search(text)
        if mask is not None:
            rows, quality = rows[mask[rows]], quality[mask[rows]]
        return self._most_rated(rows, n, quality)

    def genres(self) -> list[str]:
        """All genre names, sorted."""
        self._titles()
        return sorted(name for name, _ in self._genres.values())

    def genre_mask(self, genre: str) -> Mask | None:
        """(I,) true for the items of a genre, ignoring case; None for an unknown genre."""
        self._titles()
        entry = self._genres.get(genre.casefold())
        if entry is None:
            return None
        mask = np.zeros(len(self._items), np.bool_)
        mask[entry[1]] = True
        return mask

    def _most_rated(self, rows: NDArray[np.int64], n: int, quality: NDArray[np.int8] | None = None) -> list[int]:
        counts = -self._rating_counts[rows].astype(np.int64)
        order = np.lexsort((counts,) if quality is None else (counts, quality))[:n]
        ordered: list[int] = rows[order].tolist()
        return ordered

    def _titles(self) -> "_TitleIndex":
        with self._lock:
            if self._index is None:
                genres: dict[str, tuple[str, array[int]]] = {}
                for row in range(len(self._items)):
                    for genre in self._items[row].genres:
                        genres.setdefault(genre.casefold(), (genre, array("i")))[1].append(row)
                self._genres = {key: (name, np.frombuffer(rows, np.int32)) for key, (name, rows) in genres.items()}
                self._index = _TitleIndex(item.title for item in self._items)
            return self._index


class _TitleIndex:
    """The titles' words in one text, searched in time that depends on its length and not on the number of matches."""

    def __init__(self, titles: Iterable[str]) -> None:
        text, starts = bytearray(b"\n"), array("q")
        for title in titles:
            starts.append(len(text))
            text += _words(title) + b"\n"
        self._starts = np.frombuffer(starts, np.int64)  # (I,) offset of each title in the text
        self._text = np.frombuffer(text, np.uint8)  # each title between two line feeds
        self._frequencies = np.bincount(self._text, minlength=256).tolist()

    def equal(self, title: str) -> NDArray[np.int64]:
        """The rows of the titles with the same words in the same order."""
        return self._rows(self._find(b"\n" + _words(title) + b"\n") + 1)

    def search(self, text: str) -> tuple[NDArray[np.int64], NDArray[np.int8]]:
        """The rows of the titles with all words of `text`, increasing, and how well each matches, 0 the best to 3."""
        phrase = _words(text)
        # The longest words are the rarest ones; what is beyond _MAX_WORDS is left out.
        words = sorted(dict.fromkeys(phrase.split()), key=len, reverse=True)[:_MAX_WORDS]
        if not words:
            return np.zeros(0, np.int64), np.zeros(0, np.int8)
        has_all = np.ones(len(self._starts), np.bool_)
        has_beginnings = has_all.copy()
        for word in words:
            places = self._find(word)
            rows = self._rows(places)
            has_all &= self._mask(rows)
            has_beginnings &= self._mask(rows[self._text[places - 1] <= ord(" ")])  # after a blank or a line feed
            if not has_all.any():
                break
        found = np.flatnonzero(has_all)
        quality = np.where(has_beginnings[found], 2, 3).astype(np.int8)
        quality[self._mask(self._rows(self._find(b"\n" + phrase) + 1))[found]] = 1
        quality[self._lengths(found) == len(phrase)] = 0
        return found, quality

    def _lengths(self, rows: NDArray[np.int64]) -> NDArray[np.int64]:
        """(m,) the bytes of these titles, without a year of four digits at their end."""
        ends = np.append(self._starts[1:], len(self._text))[rows] - 1
        lengths = ends - self._starts[rows]
        tail = self._text[np.maximum(ends[:, None] - _YEAR_BYTES + np.arange(_YEAR_BYTES), 0)]  # (m, 5)
        digits = (tail[:, 1:] >= ord("0")) & (tail[:, 1:] <= ord("9"))
        has_year = (lengths > _YEAR_BYTES) & (tail[:, 0] == ord(" ")) & digits.all(axis=1)
        return np.asarray(lengths - _YEAR_BYTES * has_year, np.int64)

    def _find(self, needle: bytes) -> NDArray[np.int64]:
        """The offsets of `needle` in the text, increasing."""
        text, last = self._text, len(self._text) - len(needle) + 1
        if last <= 0:
            return np.zeros(0, np.int64)
        first, *others = sorted(range(len(needle)), key=lambda offset: self._frequencies[needle[offset]])
        places = np.flatnonzero(text[first : last + first] == needle[first])  # all of the text only for the rarest byte
        for offset in others:
            places = places[text[places + offset] == needle[offset]]
        return places

    def _rows(self, places: NDArray[np.int64]) -> NDArray[np.int64]:
        """The rows of the titles that contain these increasing offsets of the text."""
        return np.asarray(np.searchsorted(self._starts, places, side="right") - 1, np.int64)

    def _mask(self, rows: NDArray[np.int64]) -> Mask:
        mask = np.zeros(len(self._starts), np.bool_)
        mask[rows] = True
        return mask


class _SearchForm(dict[int, str]):
    """For `str.translate`: each character as it is searched, without case, accents and punctuation."""

    def __missing__(self, code: int) -> str:
        character = chr(code)
        decomposed = unicodedata.normalize("NFKD", unicodedata.normalize("NFKD", character).casefold())
        self[code] = "".join(map(_search_form, decomposed))
        return self[code]


def _search_form(character: str) -> str:
    if "\u0300" <= character <= "\u036f":  # combining accents
        return ""
    kind = unicodedata.category(character)[0]
    return {"P": "", "Z": " ", "C": " "}.get(kind, _LETTERS.get(character, character))


# Letters that Unicode does not decompose.
_LETTERS: Final = {
    "æ": "ae",
    "ð": "d",
    "ø": "o",
    "þ": "th",
    "đ": "d",
    "ħ": "h",
    "\u0131": "i",
    "ł": "l",
    "œ": "oe",
    "ŧ": "t",
}
_SEARCH_FORM: Final = _SearchForm()


def _words(text: str) -> bytes:
    """The words of `text` as they are searched, between single blanks; `Spider-Man's` is one word."""
    return " ".join(text.translate(_SEARCH_FORM).split()).encode("utf-8", "replace")


def _fold(title: str) -> str:
    return " ".join(title.casefold().split())
