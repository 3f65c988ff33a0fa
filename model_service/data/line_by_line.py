"""Reads the ratings of a text file line by line, and tells each line that cannot be read, with its number."""

import io
from array import array
from collections.abc import Iterator
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from model_service.data.dialect import (
    NAMES_OF_SEPARATORS,
    Dialect,
    detect_encoding,
    encoding_name,
    is_byte,
    refuse_other_scripts,
    split,
)
from model_service.data.files import DataFile
from model_service.data.problems import Problems, quoted
from model_service.data.ratings import DataError
from model_service.data.table import BLANKS, CONTROL, WORDS, Codes, Plan, Table

_SKIP: Final = "--bad-lines skip leaves such lines out"
_MAX_VALUE: Final = 3.4e38


class _OtherEncodingError(Exception):
    """A text that looked like UTF-8 is not."""


def read_lines(file: DataFile, dialect: Dialect, plan: Plan, problems: Problems, *, skip: bool) -> Table:
    """The rows of `file`. Lines that cannot be read are added to `problems`; with `skip` they are counted by reason."""
    try:
        return _Reader(file, dialect, plan, problems, skip=skip).read(dialect.encoding)
    except UnicodeError as error:  # of encodings with more bytes than one for each character
        raise DataError(
            f"{file.name} is damaged or no {encoding_name(dialect.encoding)} ({error.__class__.__name__}: "
            f"{getattr(error, 'reason', error)}); fetch it again, or --encoding names another one"
        ) from None
    except _OtherEncodingError:
        raw = file.read()
        encoding = detect_encoding(raw)
        refuse_other_scripts(file, raw, encoding)
        table = _Reader(file, dialect, plan, problems, skip=skip).read(encoding, told=True)
        table.encoding = None if encoding == "utf-8" else encoding
        return table


class _Reader:
    def __init__(self, file: DataFile, dialect: Dialect, plan: Plan, problems: Problems, *, skip: bool) -> None:
        self._file, self._dialect, self._plan = file, dialect, plan
        self._problems, self._skip = problems, skip
        self._quotes = dialect.quoted or dialect.separator in ",;"
        self._skipped: dict[str, int] = {}

    def read(self, encoding: str, *, told: bool = False) -> Table:
        plan, users, items = self._plan, Codes(), Codes()
        user_codes, item_codes, lines = array("i"), array("i"), array("q")
        values = array("f")
        times: array[float] = array("d")
        blank = 0
        header = self._dialect.names is not None
        for number, line in self._lines(encoding, told=told):
            if not line.strip():
                blank += 1
                continue
            if header:
                header = False
                continue
            row = self._row(number, line)
            if row is None:
                continue
            user, item, value, time = row
            user_codes.append(users(user))
            item_codes.append(items(item))
            lines.append(number)
            if plan.value is not None:
                values.append(value)
            if plan.time is not None:
                times.append(time)
        return Table(
            users=users.column(user_codes),
            items=items.column(item_codes),
            values=None if plan.value is None else np.array(values, np.float32),
            times=None if plan.time is None else whole(np.array(times)),
            lines=np.array(lines, np.int64),
            skipped=self._skipped,
            blank_lines=blank,
        )

    def _lines(self, encoding: str, *, told: bool) -> Iterator[tuple[int, str]]:
        seen_beyond_ascii = False
        with (
            self._file.open() as raw,
            io.TextIOWrapper(raw, encoding=encoding, errors="surrogateescape", newline=None) as text,
        ):
            bar = tqdm(text, desc=f"reading {self._file.name}", unit=" lines", unit_scale=True, delay=2)
            for number, line in enumerate(bar, 1):
                if not line.isascii():
                    if any(map(is_byte, line)):
                        if encoding == "utf-8" and not seen_beyond_ascii and not told:
                            raise _OtherEncodingError
                        self._bad(
                            f"the line is no {encoding.upper()}",
                            number,
                            ascii(line.rstrip("\n")),
                            "--encoding names another one; or " + _SKIP,
                        )
                        continue
                    seen_beyond_ascii = True
                yield number, line.rstrip("\n")

    def _row(self, number: int, line: str) -> tuple[str, str, float, float] | None:
        dialect, plan = self._dialect, self._plan
        fields = split(line, dialect.separator, self._quotes)
        if fields and dialect.names and [field.strip() for field in fields] == [*dialect.names]:
            self._bad("the header stands in the file again", number, quoted(line), _SKIP)
            return None
        if fields is None:
            self._bad("a quote is left open, or not at the end of its field", number, quoted(line), _SKIP)
            return None
        if len(fields) != dialect.columns:
            separated = NAMES_OF_SEPARATORS.get(dialect.separator, dialect.separator)
            where = "the header has" if dialect.names else "other lines have"
            expected = f"the {dialect.columns} that {where}, separated by {separated}"
            clause = f"the line has another number of fields than {expected}"
            self._bad(clause, number, f"{len(fields)} in {quoted(line)}", _SKIP)
            return None
        user, item = fields[plan.user].strip(BLANKS), fields[plan.item].strip(BLANKS)
        for role, position, id_ in (("user", plan.user, user), ("item", plan.item, item)):
            if not id_:
                self._bad(f"the {role} ({dialect.column(position)}) is empty", number, quoted(line), _SKIP)
                return None
            if CONTROL.search(id_):
                self._bad(
                    f"the {role} ({dialect.column(position)}) has a control character", number, quoted(id_), _SKIP
                )
                return None
        value = time = 0.0
        if plan.value is not None:
            found = self._value(fields[plan.value].strip())
            if found is None:
                clause = f"the value ({dialect.column(plan.value)}) is no number"
                fix = "--missing with such a text reads it as seen, not rated (`empty` is an empty field); or " + _SKIP
                self._bad(clause, number, f"{quoted(fields[plan.value])} in {quoted(line)}", fix)
                return None
            value = found
        if plan.time is not None:
            moment = self._time(fields[plan.time].strip())
            if moment is None:
                written = "date like those of the first lines" if plan.date else "number"
                clause = f"the time ({dialect.column(plan.time)}) is no {written}"
                self._bad(
                    clause,
                    number,
                    f"{quoted(fields[plan.time])} in {quoted(line)}",
                    "--time none ignores times; or " + _SKIP,
                )
                return None
            time = moment
        return user, item, value, time

    def _value(self, field: str) -> float | None:
        if field in self._plan.missing_texts:
            return float("nan")
        if self._plan.words:
            return WORDS.get(field.lower())
        value = self._dialect.number(field)
        return value if value is not None and abs(value) <= _MAX_VALUE else None

    def _time(self, field: str) -> float | None:
        if self._plan.date is None:
            time = self._dialect.number(field)
            return time if time is not None and abs(time) < 2**63 else None
        try:
            return self._plan.date(field)
        except (ValueError, OverflowError):
            return None

    def _bad(self, clause: str, number: int, shown: str, fix: str) -> None:
        if self._skip:
            self._skipped[clause] = self._skipped.get(clause, 0) + 1
        else:
            self._problems.add(clause, f"{self._file.name}, line {number}: {shown}", fix=fix)


def whole(times: NDArray[np.float64]) -> NDArray[Any]:
    """The times as whole numbers, if they are."""
    rounded = times.astype(np.int64)
    return rounded if (rounded == times).all() else times
