"""What the values are: ratings on a scale, counts, or nothing but clicks; and which of them mean "not rated"."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from model_service.data.arrow import as_numpy
from model_service.data.options import ReadOptions
from model_service.data.roles import COUNT_NAMES, normalised

Scale = tuple[float, float]
Kind = Literal["stars", "counts", "clicks"]

_USUAL: Final[tuple[Scale, ...]] = (
    (0.0, 1.0),
    (-1.0, 1.0),
    (1.0, 5.0),
    (0.5, 5.0),
    (0.0, 5.0),
    (1.0, 10.0),
    (0.0, 10.0),
    (-10.0, 10.0),
    (0.0, 100.0),
)
_TELLING: Final = 1000  # ratings; the lowest and the highest of fewer may not be the ends of the scale
_NINES: Final = (99.0, 999.0, 9999.0)  # as Jester's 99: written for a rating that is not there
_TOPS: Final = (5.0, 10.0)  # of usual scales; a few values above are errors
_MAX_ERRORS, _MAX_ERROR_SHARE, _MIN_TOP_SHARE, _MIN_RATINGS = 20, 0.01, 0.05, 20
_SKEWED: Final = 0.25  # of the range; the median of counts lies below, that of ratings above
_MANY: Final = 0.2
_SHOWN: Final = 10


@dataclass(frozen=True, eq=False)
class Frequencies:
    """The distinct values, increasing, and how often each occurs."""

    values: NDArray[np.float64]
    counts: NDArray[np.int64]

    @classmethod
    def of(cls, values: NDArray[np.float32]) -> "Frequencies":
        """Those of `values` (N,), without NaN."""
        import pyarrow as pa

        column = pa.Array.from_buffers(pa.float32(), len(values), [None, pa.py_buffer(np.ascontiguousarray(values))])
        found = column.value_counts()  # by hashing, in a tenth of the time of sorting
        distinct, counts = as_numpy(found.field(0)).astype(np.float64), as_numpy(found.field(1))
        order = np.argsort(distinct)[: np.count_nonzero(~np.isnan(distinct))]
        return cls(distinct[order], counts[order])

    def without(self, values: Sequence[float]) -> "Frequencies":
        """Without some values."""
        kept = ~np.isin(self.values.astype(np.float32), np.array(values, np.float32))
        return Frequencies(self.values[kept], self.counts[kept])

    def __len__(self) -> int:
        return int(self.counts.sum())

    @property
    def low(self) -> float:
        """The lowest value."""
        return float(self.values[0])

    @property
    def high(self) -> float:
        """The highest value."""
        return float(self.values[-1])

    @property
    def median(self) -> float:
        """The lower median."""
        return float(self.values[np.searchsorted(np.cumsum(self.counts), (len(self) + 1) // 2)])

    def above(self, value: float) -> int:
        """How many are greater."""
        return int(self.counts[self.values > value].sum())

    def share(self, value: float) -> float:
        """The share of a value."""
        return float(self.counts[self.values == value].sum()) / len(self)


@dataclass(frozen=True, kw_only=True)
class Meaning:
    """What values mean.

    scale: of stars. missing: numbers that mean "seen, not rated". outside: how many values are beyond the scale, and
    the rows and values of the first. why: what told so, for the report. rated: the values but those that mean
    "not rated".
    """

    kind: Kind
    scale: Scale | None = None
    missing: tuple[float, ...] = ()
    outside: int = 0
    outside_rows: tuple[int, ...] = ()
    outside_values: tuple[float, ...] = ()
    why: str
    rated: "Frequencies | None" = None
    warnings: tuple[str, ...] = ()


def interpret(values: NDArray[np.float32] | None, name: str, options: ReadOptions, *, words: bool = False) -> Meaning:
    """The meaning of `values` (N,), NaN where a text means "not rated", None without a value column.

    name: of their column, empty without a header. words: they were thumbs in words.
    """
    if values is None:
        return Meaning(kind="clicks", why="no value column: each line counts as one")
    frequencies = Frequencies.of(values)
    counted = options.values == "counts" or (options.values is None and normalised(name) in COUNT_NAMES)
    missing = _missing(frequencies, options, counted=counted)
    rated = frequencies.without(missing)
    if not len(rated):
        return Meaning(kind="clicks", missing=missing, why="no line has a rating: each counts as one")
    kind, why = _kind(rated, name, options, counted=counted)
    if words:
        kind, why = "stars", "words, as 1 and 0"
    scale: Scale | None = None
    low, high = 0.0, float(np.finfo(np.float32).max)
    if kind == "stars":
        low, high = scale = options.scale or ((0.0, 1.0) if words else _scale(rated))
        low, high = float(np.float32(low)), float(np.float32(high))  # as the values are
    beyond = rated.above(high) + int(rated.counts[rated.values < low].sum())
    rows: tuple[int, ...] = ()
    if beyond:
        outside = ((values < low) | (values > high)) & ~np.isin(values, missing)
        rows = tuple(np.flatnonzero(outside)[:_SHOWN].tolist())
    return Meaning(
        kind=kind,
        scale=scale,
        missing=missing,
        outside=beyond,
        outside_rows=rows,
        outside_values=tuple(values[list(rows)].tolist()),
        why=why,
        rated=rated,
        warnings=tuple(_warnings(rated, kind, options)),
    )


def _missing(found: Frequencies, options: ReadOptions, *, counted: bool) -> tuple[float, ...]:
    """The numbers that mean "not rated": as in the options, else -1 or nines that stand apart from all ratings."""
    if options.missing is not None:
        return tuple(number for text in options.missing if (number := _number(text)) is not None)
    if counted or options.scale is not None or len(found.values) < 3:
        return ()
    below = (-1.0,) if found.low == -1 and found.values[1] >= 0 and found.high > 1 else ()
    found = found.without(below)
    ends = [end for end in (found.low, found.high) if abs(end) in _NINES]
    others = found.without(ends)
    apart = len(others.values) > 1 and -_TOPS[-1] <= others.low and others.high <= _TOPS[-1]
    return (*below, *ends) if apart else below


def _kind(rated: Frequencies, name: str, options: ReadOptions, *, counted: bool) -> tuple[Kind, str]:
    if options.values is not None:
        return options.values, "as --values says"
    if options.scale is not None:
        return "stars", "as --scale says"
    low, high = rated.low, rated.high
    if low == high == 1:
        return "clicks", "every value is 1"
    if counted:
        return "counts", f'the column is called "{name}"'
    if low == high:
        return "stars", f"every value is {low:g}"
    if low < 0 or high <= _TOPS[-1] or _top_with_errors(rated) is not None:
        return "stars", f"values from {low:g} to {high:g}"
    if high <= 100 and rated.median >= low + _SKEWED * (high - low):
        return "stars", f"values from {low:g} to {high:g}"
    return "counts", f"values from {low:g} to {high:g}"


def _scale(rated: Frequencies) -> Scale:
    """The range of many values; of few the narrowest usual scale that holds them."""
    low, high = rated.low, _top_with_errors(rated) or rated.high
    if len(rated) >= _TELLING and low < high:
        return low, high
    whole = not (rated.values[rated.values <= high] % 1).any()
    for ends in _USUAL:
        if ends[0] <= low and high <= ends[1] and ends != ((0.5, 5.0) if whole else (1.0, 5.0)):
            return ends
    return (low, high) if low < high else (min(low, 0.0), max(high, 1.0))


def _top_with_errors(rated: Frequencies) -> float | None:
    """The top of a usual scale that all but a few values keep to, which are errors in the data; None without errors."""
    for top in _TOPS:
        beyond = rated.above(top)
        few = 0 < beyond <= max(1, _MAX_ERROR_SHARE * len(rated)) and beyond < _MAX_ERRORS
        if few and len(rated) >= _MIN_RATINGS and rated.share(top) >= _MIN_TOP_SHARE:
            return top
    return None


def _warnings(rated: Frequencies, kind: Kind, options: ReadOptions) -> Sequence[str]:
    if kind != "stars" or rated.low == rated.high:
        return []
    share = rated.share(rated.low)
    if options.missing is None and rated.low == 0 and rated.high > 1 and share >= _MANY:
        return [f"{share:.0%} of the values are 0: --missing 0 if that means that an item was seen and not rated"]
    if options.values is None and rated.low == 1 and rated.high > 2 and share > 0.5:
        return [f"{share:.0%} of the values are 1, the lowest: --values counts if they are plays, clicks or hours"]
    return []


def _number(text: str) -> float | None:
    try:
        return float(text)
    except ValueError:
        return None
