"""Films and the text file that holds them: one JSON object a line, in the order of the model's rows."""

import json
import mmap
import os
import weakref
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import overload

import numpy as np


@dataclass(frozen=True, kw_only=True)
class Item:
    """A film: `id` as in the data, `title` as people see it, `year` of release where it is known."""

    id: int
    title: str
    genres: tuple[str, ...] = ()
    year: int | None = None


def encode_items(items: Iterable[Item]) -> bytes:
    """UTF-8 JSON lines, one film a line, keys sorted."""
    lines = (json.dumps(asdict(item), sort_keys=True, ensure_ascii=False) + "\n" for item in items)
    return "".join(lines).encode()


class MappedItems(Sequence[Item]):
    """The films of a file written by `encode_items`, read and decoded one by one when asked.

    A catalogue of a million films so costs 8 MB to know where each one begins, and no objects.
    """

    def __init__(self, path: Path) -> None:
        """Open `path`; raises ValueError when it is empty."""
        self._file = os.open(path, os.O_RDONLY)
        weakref.finalize(self, os.close, self._file)
        text = mmap.mmap(self._file, 0, access=mmap.ACCESS_READ)  # until the next line is done with it
        ends = np.flatnonzero(np.frombuffer(text, np.uint8) == ord("\n"))
        del text
        self._starts = np.concatenate(([0], ends + 1))

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
        start, end = self._starts[row : row + 2].tolist()
        fields = json.loads(os.pread(self._file, end - start, start))
        fields["genres"] = tuple(fields["genres"])
        return Item(**fields)
