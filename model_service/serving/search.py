"""Finding films by title and by genre, in memory of about the size of the titles."""

import threading
from array import array
from collections.abc import Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

from model_service.catalogue import Item
from model_service.serving.ranking.query import Mask, Rows

_MAX_MATCHES: Final = 10_000


class TitleIndex:
    """Titles and genres of all films, read when they are first needed (3 s for a million), then kept."""

    def __init__(self, items: Sequence[Item], counts: NDArray[np.int32]) -> None:
        """counts (I,): the ratings of each film; what is found is ordered by them."""
        self._items = items
        self._counts = counts
        self._lock = threading.Lock()
        self._text = b""
        self._starts: NDArray[np.int64] = np.zeros(0, np.int64)  # (I,) where each title begins in the text
        self._genres: dict[str, tuple[str, Rows]] = {}

    def row(self, title: str) -> int | None:
        """The row of the film with this title, whatever its case; of several the most rated one."""
        text = self._read()
        wanted = b"\n" + _folded(title) + b"\n"
        found: list[int] = []
        at = text.find(wanted)
        while at >= 0 and len(found) < _MAX_MATCHES:
            found.append(at + 1)
            at = text.find(wanted, at + 1)
        return self._most_rated(np.array(found, np.int64), 1)[0] if found else None

    def search(self, text: str | None, n: int, *, only: Mask | None = None) -> list[int]:
        """The rows of the `n` most rated films with `text` in their title, whatever its case; of all without it."""
        if text is None:
            rows = np.arange(len(self._items)) if only is None else np.flatnonzero(only)
            return self._order(rows, n)
        titles, wanted = self._read(), _folded(text)
        found: list[int] = []
        at = titles.find(wanted)
        while at >= 0 and len(found) < _MAX_MATCHES:
            found.append(at)
            at = titles.find(wanted, max(at + 1, titles.find(b"\n", at)))
        return self._most_rated(np.array(found, np.int64), n, only) if found else []

    def genres(self) -> list[str]:
        """The names of all genres, in order."""
        self._read()
        return sorted(name for name, _ in self._genres.values())

    def mask(self, genre: str) -> Mask | None:
        """(I,) true for the films of a genre, whatever the case of its name; None when there is none."""
        self._read()
        found = self._genres.get(genre.casefold())
        if found is None:
            return None
        mask = np.zeros(len(self._items), np.bool_)
        mask[found[1]] = True
        return mask

    def _most_rated(self, places: NDArray[np.int64], n: int, only: Mask | None = None) -> list[int]:
        rows = np.unique(np.searchsorted(self._starts, places, side="right") - 1)
        return self._order(rows if only is None else rows[only[rows]], n)

    def _order(self, rows: NDArray[np.int64], n: int) -> list[int]:
        order = np.argsort(-self._counts[rows].astype(np.int64), kind="stable")[:n]
        found: list[int] = rows[order].tolist()
        return found

    def _read(self) -> bytes:
        """The folded titles, each between two line feeds."""
        with self._lock:
            if not self._text:
                text, starts = bytearray(b"\n"), array("q")
                genres: dict[str, tuple[str, array[int]]] = {}
                for row in range(len(self._items)):
                    item = self._items[row]
                    starts.append(len(text))
                    text += _folded(item.title) + b"\n"
                    for genre in item.genres:
                        genres.setdefault(genre.casefold(), (genre, array("i")))[1].append(row)
                self._starts = np.frombuffer(starts, np.int64)
                self._genres = {key: (name, np.frombuffer(rows, np.int32)) for key, (name, rows) in genres.items()}
                self._text = bytes(text)
            return self._text


def _folded(title: str) -> bytes:
    return " ".join(title.casefold().split()).encode("utf-8", "replace")
