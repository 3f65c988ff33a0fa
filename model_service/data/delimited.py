"""Reads the ratings of a delimited text file: by pyarrow, or line by line where anything is out of the ordinary."""

import io
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, BinaryIO, Final

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from model_service.data.arrow import as_numpy
from model_service.data.dialect import Dialect
from model_service.data.files import DataFile
from model_service.data.id_column import IdColumn
from model_service.data.line_by_line import read_lines, whole
from model_service.data.problems import Problems
from model_service.data.table import BLANKS, CONTROL, WORDS, Plan, Table

if TYPE_CHECKING:
    from pyarrow import ChunkedArray

_BLOCK_BYTES: Final = 1 << 22
_PARSED_BYTES: Final = 1 << 24  # at a time; each part has a dictionary of ids of its own, which are joined
_PROGRESS_MIN_BYTES: Final = 1 << 24  # smaller files are read before a progress bar is visible
_SHORT_NUMBER: Final = "^(0|-?[1-9][0-9]{0,17})$"  # whole numbers in their only form, surely within 64 bits
_LINE_FEED: Final = 10
_UNIT: Final = b"\x1f"


def read_delimited(file: DataFile, dialect: Dialect, plan: Plan, problems: Problems, *, skip: bool) -> Table:
    """The rows of `file`; lines that cannot be read are added to `problems`, or left out and counted with `skip`."""
    table = None if skip else _read_at_once(file, dialect, plan)
    return table or read_lines(file, dialect, plan, problems, skip=skip)


def _read_at_once(file: DataFile, dialect: Dialect, plan: Plan) -> Table | None:
    """The table, None where it is not certain that each line is one row and each field what its column says."""
    import pyarrow as pa
    from pyarrow import csv

    separator = dialect.separator
    if separator == " " and not _single_blanks(dialect):
        return None
    if separator != "::" and not (len(separator) == 1 and separator.isascii()):  # pyarrow knows single bytes only
        return None
    names = [str(position) for position in range(dialect.columns)]
    text = pa.dictionary(pa.int32(), pa.string())
    types: dict[str, Any] = {str(plan.user): text, str(plan.item): text}
    if plan.value is not None:
        types[str(plan.value)] = text if plan.words else pa.float32()
    if plan.time is not None:
        types[str(plan.time)] = _time_type(dialect, plan)
    with progress(file) as bar, file.open() as raw:
        counting = _Counting(raw, separator, bar)
        # A plain file is read by pyarrow itself while its lines are counted: that takes a third less time.
        source = file.path if file.path is not None and separator != "::" else pa.PythonFile(counting, mode="r")
        counter = threading.Thread(target=counting.count_all) if source is file.path else None
        if counter is not None:
            counter.start()
        try:
            found = csv.read_csv(
                source,
                read_options=csv.ReadOptions(
                    column_names=names,
                    skip_rows=int(dialect.names is not None),
                    block_size=_PARSED_BYTES,
                    encoding="utf8" if dialect.encoding == "utf-8-sig" else dialect.encoding,
                ),
                parse_options=csv.ParseOptions(
                    delimiter=_UNIT.decode() if separator == "::" else separator,
                    quote_char='"' if dialect.quoted else False,
                ),
                convert_options=csv.ConvertOptions(
                    include_columns=[*types],
                    column_types=types,
                    null_values=sorted(plan.missing_texts),
                    decimal_point=dialect.decimal,
                ),
            )
        except (pa.ArrowInvalid, UnicodeError):
            return None
        finally:
            if counter is not None:
                counter.join()
    if len(found) + int(dialect.names is not None) != counting.lines or counting.odd(quoted=dialect.quoted):
        return None
    return _table(found, dialect, plan)


@contextmanager
def progress(file: DataFile) -> Iterator["tqdm[Any]"]:
    """A progress bar in bytes, for files that take longer than a moment."""
    small = file.size is not None and file.size < _PROGRESS_MIN_BYTES
    with tqdm(
        total=file.size,
        desc=f"reading {file.name}",
        unit="B",
        unit_scale=True,
        unit_divisor=1024,
        delay=0 if file.size is not None else 2,
        disable=small,
    ) as bar:
        yield bar


def _table(found: Any, dialect: Dialect, plan: Plan) -> Table | None:
    from pyarrow import compute

    with ThreadPoolExecutor(2) as pool:  # pyarrow and numpy release the GIL
        users, items = pool.map(_ids, (found.column(str(plan.user)), found.column(str(plan.item))))
    if users is None or items is None:
        return None
    if dialect.names and users.ids.row(dialect.names[plan.user]) is not None:  # perhaps the header again
        return None
    values = times = None
    if plan.value is not None:
        column = found.column(str(plan.value))
        if plan.words:
            codes, words = _encoded(column)
            if not {word.strip().lower() for word in words} <= WORDS.keys():
                return None
            values = np.array([WORDS[word.strip().lower()] for word in words], np.float32)[codes]
        else:
            values = as_numpy(column)
            if np.count_nonzero(~np.isfinite(values)) != column.null_count:
                return None
    if plan.time is not None:
        column = found.column(str(plan.time))
        if column.null_count:
            return None
        if plan.date is None:
            found_times = as_numpy(column)
            if not (found_times.min() > -(2.0**63) and found_times.max() < 2.0**63):  # nor is that of what is no number
                return None
            times = whole(found_times)
        elif hasattr(column.type, "unit"):
            times = as_numpy(compute.cast(column, "int64"))
        else:
            codes, dates = _encoded(column)
            try:
                times = np.array([plan.date(date.strip()) for date in dates], np.int64)[codes]
            except (ValueError, OverflowError):
                return None
    return Table(
        users=users,
        items=items,
        values=values,
        times=times,
        lines=1 + int(dialect.names is not None),
    )


def _ids(column: "ChunkedArray") -> IdColumn | None:
    """The column, None where an id does not stand in the file as it is."""
    from pyarrow import compute

    column = column.unify_dictionaries()
    if not column.num_chunks:
        return None
    codes, distinct = [as_numpy(chunk.indices) for chunk in column.chunks], column.chunk(0).dictionary
    if compute.all(compute.match_substring_regex(distinct, _SHORT_NUMBER)).as_py():
        return IdColumn.numbered(codes, as_numpy(compute.cast(distinct, "int64")))
    texts = distinct.to_pylist()
    return IdColumn.encoded(codes, texts) if all(map(_is_plain, texts)) else None


def _encoded(column: "ChunkedArray") -> tuple[NDArray[np.int32], list[str]]:
    """The codes of a column, and the text of each code."""
    column = column.unify_dictionaries()
    texts = column.chunk(0).dictionary.to_pylist() if column.num_chunks else []
    return np.concatenate([as_numpy(chunk.indices) for chunk in column.chunks]), texts


def _is_plain(id_: str) -> bool:
    """Whether an id stands in the file as it is: not empty, without blanks around it."""
    return bool(id_) and id_ == id_.strip(BLANKS) and not CONTROL.search(id_)


def _single_blanks(dialect: Dialect) -> bool:
    return all(all(row) and len(row) == dialect.columns for row in dialect.rows)


def _time_type(dialect: Dialect, plan: Plan) -> Any:
    import pyarrow as pa

    fields = [row[plan.time] for row in dialect.rows if plan.time is not None and plan.time < len(row)]
    if plan.date is None:
        return pa.float64()  # as an integer pyarrow reads 0x10 as well
    if all(len(field) in (10, 19) and field[4] == "-" for field in fields):
        return pa.timestamp("s")
    return pa.dictionary(pa.int32(), pa.string())


class _Counting(io.RawIOBase):
    """A stream on its way to pyarrow, whose lines and quotes are counted; `::` becomes one character."""

    def __init__(self, raw: BinaryIO, separator: str, bar: "tqdm[Any]") -> None:
        self._raw, self._bar = raw, bar
        self._colons = separator == "::"
        self._mark = separator.encode()
        self._held, self._last = b"", b"\n"
        self._breaks = self._quotes = self._openings = self._closings = 0
        self._bare_returns = False

    @property
    def lines(self) -> int:
        """How many lines there are, the last one with or without a line feed."""
        return self._breaks + (self._last != b"\n")

    def odd(self, *, quoted: bool) -> bool:
        """Whether quotes are anything but a pair around a field, or stand where none were expected."""
        if not self._quotes:
            return False
        if not quoted:
            return self._mark in (b",", b";")
        closings = self._closings + (self._last == b'"')
        return not self._quotes == 2 * self._openings == 2 * closings

    def count_all(self) -> None:
        """Count to the end of the stream; a stream that cannot be read has no lines."""
        try:
            while self.read(_BLOCK_BYTES):
                pass
        except OSError:
            self._breaks = -1

    def readable(self) -> bool:
        return True

    def read(self, size: int = -1) -> bytes:
        chunk = self._raw.read(_BLOCK_BYTES if size < 0 else size)
        self._bar.update(len(chunk))
        self._count(chunk)
        if not self._colons:
            return chunk
        data = self._held + chunk
        self._held = b""
        if chunk and data.endswith(b":"):
            kept = len(data.rstrip(b":"))
            data, self._held = data[:kept], data[kept:]
            if not data:
                return self.read(size)
        return data.replace(b"::", _UNIT)

    def _count(self, chunk: bytes) -> None:
        if not chunk:
            return
        self._breaks += int(np.count_nonzero(np.frombuffer(chunk, np.uint8) == _LINE_FEED))
        quotes = chunk.count(b'"') if b'"' in chunk else 0  # finding none takes a fifth of counting
        if quotes or self._last == b'"':
            seen = self._last + chunk
            self._quotes += quotes
            self._openings += seen.count(self._mark + b'"') + seen.count(b'\n"')
            self._closings += seen.count(b'"' + self._mark) + seen.count(b'"\n') + seen.count(b'"\r')
        self._last = chunk[-1:]
