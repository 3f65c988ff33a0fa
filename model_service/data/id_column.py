"""A column of ids: the distinct ids, and for each line the position of its id among them."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model_service.ids import Ids

_MIN_TABLE_SIZE = 1 << 20  # entries; a lookup table of this size is allowed for any number of ids


@dataclass(frozen=True, eq=False)
class IdColumn:
    """N ids of which each of `ids` occurs at least once."""

    rows: NDArray[np.int32]  # (N,) positions in `ids`
    ids: Ids

    @classmethod
    def of(cls, ids: "NDArray[np.int64] | Sequence[str]") -> "IdColumn":
        """The column with these ids: whole numbers as an array, or texts."""
        if isinstance(ids, np.ndarray):
            numbers, rows = _rows(ids)
            return cls(rows, Ids(numbers))
        distinct = Ids.of(ids)
        row = {id_: row for row, id_ in enumerate(distinct)}
        return cls(np.array([row[id_] for id_ in ids], np.int32), distinct)

    @classmethod
    def encoded(cls, codes: "Sequence[NDArray[np.integer]]", texts: Sequence[str]) -> "IdColumn":
        """The column with the ids texts[code], for the `codes` of parts of it; each text occurs in at least one line.

        A text may occur twice among `texts`.
        """
        distinct = Ids.of(texts)
        row = {id_: row for row, id_ in enumerate(distinct)}
        return cls(_placed(codes, np.array([row[text] for text in texts], np.int32)), distinct)

    @classmethod
    def numbered(cls, codes: "Sequence[NDArray[np.integer]]", numbers: NDArray[np.int64]) -> "IdColumn":
        """`encoded` for ids that are whole numbers, each once."""
        order = np.argsort(numbers)
        place = np.empty(len(order), np.int32)
        place[order] = np.arange(len(order), dtype=np.int32)
        return cls(_placed(codes, place), Ids(numbers[order]))

    @classmethod
    def concatenated(cls, columns: "Sequence[IdColumn]") -> "IdColumn":
        """The lines of all `columns`, one after the other."""
        if len(columns) == 1:
            return columns[0]
        first = np.cumsum([0, *(len(column.ids) for column in columns)])
        codes = [column.rows + np.int32(start) for column, start in zip(columns, first.tolist(), strict=False)]
        return cls.encoded(codes, [id_ for column in columns for id_ in column.ids])

    def __len__(self) -> int:
        return len(self.rows)

    def __iter__(self) -> Iterator[str]:
        texts = [*self.ids]
        return (texts[row] for row in self.rows.tolist())

    def take(self, positions: NDArray[np.integer]) -> "IdColumn":
        """The column of the lines at `positions`, which may be all or a part."""
        kept, rows = np.unique(self.rows[positions], return_inverse=True)
        if len(kept) == len(self.ids):
            return IdColumn(self.rows[positions], self.ids)
        return IdColumn(rows.astype(np.int32), Ids.of(self.ids[row] for row in kept.tolist()))


def _placed(codes: Sequence[NDArray[np.integer]], place: NDArray[np.int32]) -> NDArray[np.int32]:
    """place[code] for the codes of all parts."""
    rows = np.empty(sum(map(len, codes)), np.int32)
    at = 0
    for part in codes:
        np.take(place, part, out=rows[at : at + len(part)], mode="clip")  # without a check of each, which copies
        at += len(part)
    return rows


def _rows(ids: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int32]]:
    """The distinct ids in increasing order, and the position of each of `ids` among them."""
    lowest, span = (int(ids.min()), int(ids.max()) - int(ids.min()) + 1) if len(ids) else (0, 0)
    if span > 4 * len(ids) + _MIN_TABLE_SIZE:
        distinct, rows = np.unique(ids, return_inverse=True)
        return distinct, rows.astype(np.int32)
    present = np.zeros(span, dtype=np.bool_)  # a lookup table is faster than sorting where ids have few gaps
    present[ids - lowest] = True
    position = np.cumsum(present, dtype=np.int32) - np.int32(1)
    return np.flatnonzero(present).astype(np.int64) + lowest, position[ids - lowest]
