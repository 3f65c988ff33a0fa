"""Times as numbers or dates, in seconds since 1970."""

from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from typing import Final

import numpy as np
from numpy.typing import NDArray

from model_service.data.dialect import NUMBER

UNITS: Final = ((1e17, "nanoseconds", 10**9), (1e14, "microseconds", 10**6), (1e11, "milliseconds", 1000))
"""Numbers of this size are of this unit: in seconds they would lie after the year 5000."""
_FIRST, _LAST = 3e8, 4.1e9  # seconds
_FORMATS: Final = (
    "%Y-%m-%d %H:%M:%S",
    "%Y/%m/%d %H:%M:%S",
    "%Y/%m/%d %H:%M",
    "%Y/%m/%d",
    "%Y%m%dT%H%M%S",
    "%Y%m%d",
    "%d.%m.%Y",
    "%d.%m.%Y %H:%M:%S",
    "%d.%m.%Y %H:%M",
    "%m %d, %Y",
    "%d %b %Y",
    "%b %d, %Y",
    "%a %b %d %H:%M:%S %z %Y",
    "%a, %d %b %Y %H:%M:%S %z",
)
_AMBIGUOUS: Final = (
    "%d/%m/%Y",
    "%m/%d/%Y",
    "%d/%m/%Y %H:%M:%S",
    "%m/%d/%Y %H:%M:%S",
    "%d/%m/%Y %H:%M",
    "%m/%d/%Y %H:%M",
    "%m/%d/%Y %I:%M:%S %p",
    "%m/%d/%Y %I:%M %p",
)


def to_seconds(numbers: NDArray[np.number]) -> tuple[NDArray[np.int64], str]:
    """(N,) whole seconds, and the unit of `numbers` (N,), told by their size."""
    size = max(float(numbers.max()), -float(numbers.min())) if len(numbers) else 0.0
    for least, unit, per_second in UNITS:
        if size >= least:
            seconds = numbers // per_second
            return seconds.astype(np.int64), unit
    return numbers.astype(np.int64, copy=False), "seconds"


def in_seconds(numbers: NDArray[np.number]) -> NDArray[np.bool_]:
    """(N,) which of `numbers` (N,) are times of the years 1980 to 2100 in seconds."""
    return (numbers >= _FIRST) & (numbers <= _LAST)


def date_parser(sample: Sequence[str]) -> Callable[[str], int] | None:
    """What turns a field written like all of `sample` into seconds; None when they are no dates that can be told.

    It raises ValueError for another field. Day and month are told apart by a day above 12; without one, no parser.
    """
    fields = [field for field in sample if field]
    if not fields:
        return None
    for parse in (_iso, *(_strptime(form) for form in _FORMATS)):
        if _reads(parse, fields):
            return parse
    fitting = [parse for parse in (_strptime(form) for form in _AMBIGUOUS) if _reads(parse, fields)]
    return fitting[0] if len(fitting) == 1 else None


def is_date(field: str) -> bool:
    """Whether a field is a date, though day and month may not be told apart."""
    return any(_reads(parse, [field]) for parse in (_iso, *map(_strptime, (*_FORMATS, *_AMBIGUOUS))))


def is_time(value: float) -> bool:
    """Whether a number may be a time: the years 1980 to 2100, in seconds or a finer unit."""
    for least, _, per_second in UNITS:
        if value >= least:
            value /= per_second
            break
    return _FIRST <= value <= _LAST


def are_numbers(sample: Sequence[str]) -> bool:
    """Whether every field is a number."""
    return bool(sample) and all(NUMBER.fullmatch(field) for field in sample)


def are_compact_dates(sample: Sequence[str]) -> bool:
    """Whether every field is a date such as 20050402, which as a number of seconds would lie in 1970."""
    compact = all(len(field) == 8 and field[:2] in ("19", "20") for field in sample)
    return compact and bool(sample) and _reads(_strptime("%Y%m%d"), sample)


def _iso(field: str) -> int:
    if not field[:4].isdigit() or field[4:5] != "-":
        raise ValueError(field)
    return _seconds(datetime.fromisoformat(field.removesuffix(" UTC")))


def _strptime(form: str) -> Callable[[str], int]:
    return lambda field: _seconds(datetime.strptime(field, form))


def _seconds(moment: datetime) -> int:
    return int((moment if moment.tzinfo else moment.replace(tzinfo=UTC)).timestamp())


def _reads(parse: Callable[[str], int], fields: Sequence[str]) -> bool:
    try:
        for field in fields:
            parse(field)
    except (ValueError, OverflowError, OSError):
        return False
    return True
