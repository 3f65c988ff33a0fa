"""Rating files of any size as three arrays: read in pieces, with a progress bar for the large ones."""

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from model_service.data.ratings import DataError

if TYPE_CHECKING:
    from pyarrow import RecordBatch

_FIELDS = ("user", "film", "rating", "time")
_BAD_VALUE = re.compile(r"column #(\d+): Row #(\d+): CSV conversion error to (\w+): invalid value '(.*)'", re.DOTALL)
_BAD_LINE = re.compile(r"Row #(\d+): Expected \d+ columns, got (\d+)")
_PIECE_BYTES = 1 << 24
_SILENT_BELOW = 1 << 24  # bytes that are read before a bar could be seen

Columns = tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.float32]]


def read_columns(file: Path, *, separator: str, header: bool) -> Columns:
    """Users (N,), films (N,) and ratings (N,) of a text file with user, film, rating and time in each line.

    `separator` is one character, or one character twice. Holds the three arrays and one piece of the text in
    memory at a time. Raises DataError when there is no rating or a line cannot be read.
    """
    from pyarrow import ArrowInvalid

    pieces: tuple[list[NDArray[Any]], ...] = ([], [], [])
    try:
        for batch in _batches(file, separator, header):
            for kept, column in zip(pieces, batch.columns, strict=True):
                kept.append(column.to_numpy(zero_copy_only=False).copy())
    except ArrowInvalid as error:
        if "Empty CSV file" not in str(error):
            raise DataError(f"{file}: {_in_words(str(error), separator)}") from None
    if not sum(map(len, pieces[0])):
        raise DataError(f"{file} holds no ratings")
    users, items, values = (_joined(kept) for kept in pieces)
    return users, items, values


def _batches(file: Path, separator: str, header: bool) -> Iterator["RecordBatch"]:
    import pyarrow as pa
    from pyarrow import csv

    names = _names(separator)
    size = file.stat().st_size
    with (
        file.open("rb") as raw,
        tqdm(
            total=size,
            desc=f"reading {file.name}",
            unit="B",
            unit_scale=True,
            unit_divisor=1024,
            disable=size < _SILENT_BELOW,
        ) as bar,
        csv.open_csv(
            pa.PythonFile(raw, mode="r"),
            read_options=csv.ReadOptions(
                use_threads=False, block_size=_PIECE_BYTES, column_names=names, skip_rows=int(header)
            ),
            parse_options=csv.ParseOptions(delimiter=separator[0], quote_char=False),
            convert_options=csv.ConvertOptions(
                include_columns=list(_FIELDS[:3]),
                column_types=dict(zip(_FIELDS, (pa.int64(), pa.int64(), pa.float32()), strict=False)),
                null_values=[],
            ),
        ) as reader,
    ):
        for batch in reader:
            bar.update(min(raw.tell(), size) - bar.n)
            yield batch
        bar.update(size - bar.n)


def _names(separator: str) -> list[str]:
    """The columns of a line; a::b is three of them to a reader that knows separators of one character."""
    between = [""] * (len(separator) - 1)
    return [name for field in _FIELDS for name in (field, *between)][: len(_FIELDS) * len(separator) - len(between)]


def _in_words(problem: str, separator: str) -> str:
    """What pyarrow says of a line, with the names that people know; lines count from 1."""
    shown = {"\t": "tab stops"}.get(separator, separator)
    if value := _BAD_VALUE.search(problem):
        column, line, kind, text = value.groups()
        wanted = "a whole number" if kind.startswith("int") else "a number"
        return f"line {line}: the {_names(separator)[int(column)]} is {text[:40]!r}, which is not {wanted}"
    if bad := _BAD_LINE.search(problem):
        line, columns = bad.groups()
        count = (int(columns) - 1) // len(separator) + 1
        return f"line {line} has {count} of the 4 fields user, film, rating and time, separated by {shown}"
    return f"it cannot be read: {problem}"


def _joined(pieces: list[NDArray[Any]]) -> NDArray[Any]:
    """The pieces in one array; they are let go one by one, so that no moment holds everything twice."""
    joined = np.empty(sum(map(len, pieces)), dtype=pieces[0].dtype)
    end = len(joined)
    while pieces:
        piece = pieces.pop()
        joined[end - len(piece) : end] = piece
        end -= len(piece)
    return joined
