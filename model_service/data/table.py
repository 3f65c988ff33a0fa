"""A table of ratings as it stands in a file: which columns are read, and what is in them."""

import re
from array import array
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from model_service.data.id_column import IdColumn

BLANKS: Final = " \t"
CONTROL: Final = re.compile("[\x00-\x1f\x7f-\x9f\ufeff]")
WORDS: Final = {
    **dict.fromkeys(
        ("true", "yes", "y", "like", "liked", "up", "thumbs_up", "thumbsup", "positive", "recommended"), 1.0
    ),
    **dict.fromkeys(("false", "no", "n", "dislike", "disliked", "down", "thumbs_down", "thumbsdown", "negative"), 0.0),
    "not recommended": 0.0,
}
"""Thumbs in words."""


@dataclass(frozen=True, kw_only=True)
class Plan:
    """The positions of the columns that are read, and how values and times are written.

    date: parses a date; None: times are numbers. words: values are thumbs in words. missing_texts:
    as in `ReadOptions`.
    """

    user: int
    item: int
    value: int | None = None
    time: int | None = None
    date: Callable[[str], int] | None = None
    words: bool = False
    missing_texts: frozenset[str] = frozenset()


@dataclass(kw_only=True)
class Table:
    """N rows of a file.

    values: NaN where the field means "not rated"; None without a column. times: numbers as written, or seconds of
    dates; None without a column. lines: (N,) numbers from 1, or that of the first row where rows are consecutive lines.
    skipped: how many rows were left out, by reason. encoding: where it turned out to be another one than the dialect's.
    """

    users: IdColumn  # (N,)
    items: IdColumn  # (N,)
    values: NDArray[np.float32] | None  # (N,)
    times: NDArray[Any] | None  # (N,)
    lines: NDArray[np.int64] | int = 1
    skipped: dict[str, int] = field(default_factory=dict)
    blank_lines: int = 0
    encoding: str | None = None

    def __len__(self) -> int:
        return len(self.users)

    @property
    def rows(self) -> int:
        """All rows that the file has."""
        return len(self) + sum(self.skipped.values())

    def line(self, row: int) -> int:
        """The line of a row, from 1."""
        return self.lines + row if isinstance(self.lines, int) else int(self.lines[row])


class Codes:
    """Numbers the distinct texts of a column as they come."""

    def __init__(self) -> None:
        self.texts: dict[str, int] = {}

    def __call__(self, text: str) -> int:
        return self.texts.setdefault(text, len(self.texts))

    def column(self, codes: "array[int]") -> IdColumn:
        """The column with these codes."""
        return IdColumn.encoded([np.array(codes, np.int32)], [*self.texts])
