"""Streaming reader for rating files of any size, with a progress bar for large ones."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from model_service.data.ratings import DataError

if TYPE_CHECKING:
    from pyarrow import Array, RecordBatch

_FIELDS = ("user", "film", "rating", "time")
_BAD_VALUE = re.compile(r"column #(\d+): Row #(\d+): CSV conversion error to (\w+): invalid value '(.*)'", re.DOTALL)
_BAD_LINE = re.compile(r"Row #(\d+): Expected \d+ columns, got (\d+)")
_BLOCK_BYTES = 1 << 24
_PROGRESS_MIN_BYTES = 1 << 24  # smaller files are read before a progress bar is visible

_MILLISECONDS_FROM = 10**11  # a time of this size in seconds is in the year 5138


@dataclass(frozen=True, kw_only=True)
class Columns:
    """N ratings as they stand in a file; `times` in seconds, None when a field is no time or all are equal."""

    users: NDArray[np.int64]  # (N,)
    items: NDArray[np.int64]  # (N,)
    values: NDArray[np.float32]  # (N,)
    times: NDArray[np.int64] | None  # (N,)


def read_columns(file: Path, *, separator: str, header: bool) -> Columns:
    """The ratings of a text file with the fields user, film, rating and time on each line.

    A time is a number of seconds or milliseconds, or a date as ISO 8601 writes it; other times are ignored.
    separator: one character, or one character twice. Memory: the four arrays and one block of text.
    Raises DataError when the file has no ratings or a line cannot be parsed.
    """
    from pyarrow import ArrowInvalid

    blocks: tuple[list[NDArray[Any]], ...] = ([], [], [])
    times: list[NDArray[np.int64]] | None = []
    try:
        for batch in _batches(file, separator, header):
            for block, column in zip(blocks, batch.columns[:3], strict=True):
                block.append(column.to_numpy(zero_copy_only=False).copy())
            parsed = None if times is None else _parse_times(batch.columns[3])
            times = None if times is None or parsed is None else [*times, parsed]
    except ArrowInvalid as error:
        if "Empty CSV file" not in str(error):
            raise DataError(f"{file}: {_describe_error(str(error), separator)}") from None
    if not sum(map(len, blocks[0])):
        raise DataError(f"{file} holds no ratings")
    users, items, values = (_concatenate(block) for block in blocks)
    seconds = None if times is None else _concatenate(times)
    if seconds is not None and (seconds == seconds[0]).all():
        seconds = None
    return Columns(users=users, items=items, values=values, times=seconds)


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
            disable=size < _PROGRESS_MIN_BYTES,
        ) as bar,
        csv.open_csv(
            pa.PythonFile(raw, mode="r"),
            read_options=csv.ReadOptions(
                use_threads=False, block_size=_BLOCK_BYTES, column_names=names, skip_rows=int(header)
            ),
            parse_options=csv.ParseOptions(delimiter=separator[0], quote_char=False),
            convert_options=csv.ConvertOptions(
                include_columns=list(_FIELDS),
                column_types=dict(zip(_FIELDS, (pa.int64(), pa.int64(), pa.float32(), pa.string()), strict=True)),
                null_values=[],
            ),
        ) as reader,
    ):
        for batch in reader:
            bar.update(min(raw.tell(), size) - bar.n)
            yield batch
        bar.update(size - bar.n)


def _parse_times(column: "Array") -> NDArray[np.int64] | None:
    """Times in seconds; None when one cannot be read."""
    import pyarrow as pa
    from pyarrow import compute

    for kind in (pa.int64(), pa.float64(), pa.timestamp("s")):
        try:
            parsed = compute.cast(compute.utf8_trim_whitespace(column), kind)
        except pa.ArrowInvalid:
            continue
        seconds = parsed.to_numpy(zero_copy_only=False).astype(
            "int64" if kind != pa.timestamp("s") else "datetime64[s]"
        )
        numbers: NDArray[np.int64] = seconds.astype(np.int64)
        return numbers // 1000 if len(numbers) and abs(int(numbers[0])) >= _MILLISECONDS_FROM else numbers
    return None


def _names(separator: str) -> list[str]:
    """Column names as pyarrow sees them: its separators have one character, so `a::b` has an empty column between."""
    between = [""] * (len(separator) - 1)
    return [name for field in _FIELDS for name in (field, *between)][: len(_FIELDS) * len(separator) - len(between)]


def _describe_error(problem: str, separator: str) -> str:
    """Translate an error of pyarrow into field names and line numbers, from 1."""
    shown = {"\t": "tab stops"}.get(separator, separator)
    if value := _BAD_VALUE.search(problem):
        column, line, kind, text = value.groups()
        expected = "a whole number" if kind.startswith("int") else "a number"
        return f"line {line}: the {_names(separator)[int(column)]} is {text[:40]!r}, which is not {expected}"
    if bad := _BAD_LINE.search(problem):
        line, columns = bad.groups()
        count = (int(columns) - 1) // len(separator) + 1
        return f"line {line} has {count} of the 4 fields user, film, rating and time, separated by {shown}"
    return f"cannot be parsed: {problem}"


def _concatenate(blocks: list[NDArray[Any]]) -> NDArray[Any]:
    """Concatenate and empty `blocks`: each is freed once it is copied, so peak memory is not twice the data."""
    result = np.empty(sum(map(len, blocks)), dtype=blocks[0].dtype)
    end = len(result)
    while blocks:
        block = blocks.pop()
        result[end - len(block) : end] = block
        end -= len(block)
    return result
