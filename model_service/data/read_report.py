"""What was read: the layout as it was understood, what became of each row, and the shape of the data."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from model_service.data.items import ItemTable
from model_service.data.layout import Layout
from model_service.data.options import ReadOptions, as_arguments
from model_service.data.plan import Columns
from model_service.data.ratings import Ratings
from model_service.data.values import Frequencies, Meaning

_NULLS: Final = ("NULL", "null", "None", "nan", "NaN", "NA", "N/A", "\\N")
_EXAMPLES: Final = 3
_DECILES: Final = 10
_MAX_BARS: Final = 20  # of different values
_BAR: Final = 40  # characters
_SHOWN_FILES: Final = 8
_EARLIEST: Final = 10**8  # 1973; ratings that are older were not made on computers


@dataclass(frozen=True, kw_only=True)
class Rows:
    """What became of the rows: read = kept + skipped (by reason) + repeated, merged into another by `duplicates`."""

    read: int
    skipped: Mapping[str, int]
    blank_lines: int
    repeated: int
    repeated_pairs: int
    duplicates: str


@dataclass(frozen=True, kw_only=True)
class ReadReport:
    """A report for people (`text`), for the model's metadata (`to_dict`), and as a plot (`plot`)."""

    source: str
    files: Sequence[Mapping[str, Any]]
    unused: Sequence[str]
    columns: Mapping[str, str]
    values: str
    titles: Mapping[str, Any] | None
    rows: Rows
    kept: int
    users: Sequence[int]  # ratings of each user
    items: Sequence[int]  # ratings of each rated item
    unrated_items: int
    not_rated: int
    distribution: Sequence[tuple[float, int]]
    span: tuple[int, int] | None
    unit: str
    examples: Sequence[str]
    options: Sequence[str]
    warnings: Sequence[str]

    @classmethod
    def of(
        cls,
        ratings: Ratings,
        layout: Layout,
        columns: Columns,
        meaning: Meaning,
        titles: ItemTable | None,
        rows: Rows,
        *,
        unit: str,
        options: ReadOptions,
        encodings: Mapping[str, str | None],
    ) -> "ReadReport":
        """The report of ratings that were read as the other arguments tell."""
        users = np.bincount(ratings.user_rows, minlength=len(ratings.user_ids))
        items = np.bincount(ratings.item_rows, minlength=len(ratings.item_ids))
        named = {} if titles is None else titles.items
        listed = [named[id_] for id_ in ratings.item_ids if id_ in named]
        titled = sum(bool(item.title) for item in listed)
        warnings = [
            *columns.warnings,
            *meaning.warnings,
            *_warnings(ratings, columns, titles, len(listed), titled, encodings),
        ]
        return cls(
            source=ratings.source,
            files=[_file(one, encodings) for one in layout.ratings],
            unused=[*layout.unused, *(file.name for file in layout.items if titles and file.name != titles.file)],
            columns=_columns(columns),
            values=_values(meaning),
            titles=_titles(titles, titled, len(ratings.item_ids)),
            rows=rows,
            kept=len(ratings),
            users=users.tolist(),
            items=items.tolist(),
            unrated_items=len(ratings.unrated),
            not_rated=int(np.isnan(ratings.values).sum()),
            distribution=_distribution((None if rows.repeated else meaning.rated) or Frequencies.of(ratings.values)),
            span=None if ratings.times is None else (int(ratings.times.min()), int(ratings.times.max())),
            unit=unit,
            examples=_examples(ratings, meaning),
            options=as_arguments(options),
            warnings=warnings,
        )

    def to_dict(self) -> dict[str, Any]:
        """The report for the model's metadata, without the ratings of single users and items."""
        rows = self.rows
        return {
            "files": [dict(file) for file in self.files],
            "columns": dict(self.columns),
            "values": self.values,
            "titles": None if self.titles is None else dict(self.titles),
            "rows": {
                "read": rows.read,
                "kept": self.kept,
                "skipped": dict(rows.skipped),
                "blank_lines": rows.blank_lines,
                "merged": rows.repeated,
                "duplicates": rows.duplicates,
            },
            "seen_not_rated": self.not_rated,
            "density": round(self.density, 8),
            "ratings_per_user": _quantiles(self.users),
            "ratings_per_item": _quantiles(self.items),
            "top_tenth_of_items": round(self.top_share, 4),
            "options": list(self.options),
            "span": None if self.span is None else [_day(moment) for moment in self.span],
            "warnings": list(self.warnings),
        }

    @property
    def density(self) -> float:
        """The share of all pairs of a user and a rated item that have a rating."""
        return self.kept / (len(self.users) * len(self.items))

    @property
    def top_share(self) -> float:
        """The share of the ratings that the most rated tenth of the items has."""
        return float(_shares(self.items)[0])

    def text(self) -> str:
        """The report for a terminal."""
        lines = [self.source]
        for file in self.files[:_SHOWN_FILES]:
            lines.append(f"  {file['name']}: {file['read_as']}")
        if len(self.files) > _SHOWN_FILES:
            lines.append(f"  and {len(self.files) - _SHOWN_FILES} more files like these")
        lines += [f"    {role:<8}{column}" for role, column in self.columns.items()]
        lines.append(f"    values  {self.values}")
        if self.titles is not None:
            used = ", ".join(f"{role} {column}" for role, column in self.titles["columns"].items())
            lines.append(f"  {self.titles['file']}: {self.titles['read_as']}")
            lines.append(f"    {used}; {self.titles['titled']:,} of {len(self.items):,} rated items have a title")
        else:
            lines.append("  no file of titles: items are called by their ids")
        if self.unused:
            shown = ", ".join(self.unused[:_SHOWN_FILES]) + (" …" if len(self.unused) > _SHOWN_FILES else "")
            lines.append(f"  not read: {shown}")
        lines += ["", "Examples, as understood:", *(f"  {example}" for example in self.examples), ""]
        lines += self._row_lines()
        lines += self._shape_lines()
        lines += ["", *_long_tail_lines(self.items)]
        if self.warnings:
            lines += ["", *(f"warning: {warning}" for warning in self.warnings)]
        return "\n".join(lines)

    def plot(self, path: Path) -> None:
        """Write the long tail, the ratings per user, and the values as a picture."""
        from model_service.data.plots import plot_data

        plot_data(self.items, self.users, self.distribution, title=self.source, path=path)

    def _row_lines(self) -> list[str]:
        rows = self.rows
        parts = [f"{self.kept:,} ratings kept"]
        if rows.repeated:
            kinds = {
                "latest": "the latest counts",
                "first": "the first counts",
                "mean": "their mean",
                "sum": "their sum",
            }
            parts.append(
                f"{rows.repeated:,} merged into another of the same user and item ({kinds.get(rows.duplicates, '')})"
            )
        parts += [f"{count:,} left out: {clause}" for clause, count in rows.skipped.items()]
        lines = [f"{rows.read:,} rows read = " + " + ".join(parts)]
        if rows.blank_lines:
            lines.append(f"{rows.blank_lines:,} blank lines")
        if self.not_rated:
            lines.append(f"{self.not_rated:,} of the ratings are seen, not rated")
        return lines

    def _shape_lines(self) -> list[str]:
        def of(name: str, counts: Sequence[int]) -> str:
            found = _quantiles(counts)
            if len(counts) == 1:
                return f"1 {name.removesuffix('s')} with {found['max']:,} ratings"
            return (
                f"{len(counts):,} {name}: {found['min']:,} to {found['max']:,} ratings each, median {found['median']:,}"
            )

        more = f" ({self.unrated_items:,} more without a rating)" if self.unrated_items else ""
        lines = [of("users", self.users), of("items", self.items) + more, f"density {self.density:.3%}"]
        if self.span is not None:
            lines.append(f"from {_day(self.span[0])} to {_day(self.span[1])}")
        else:
            lines.append("no times")
        return lines


def _file(one: Any, encodings: Mapping[str, str | None]) -> dict[str, Any]:
    if one.format == "netflix":
        how = "blocks of films, as in the Netflix Prize"
    elif one.dialect is None:
        how = "Parquet"
    else:
        other = encodings.get(one.file.name)
        how = (replace(one.dialect, encoding=other) if other else one.dialect).describe()
    return {"name": one.file.name, "read_as": how}


def _columns(columns: Columns) -> dict[str, str]:
    if columns.by.get("user") is None or (columns.names is None and columns.plan.user == columns.plan.item):
        return {"user": "field 1 of a line", "item": "the block's first line", "value": "field 2", "time": "field 3"}
    found = {}
    for role in ("user", "item", "value", "time"):
        if getattr(columns.plan, role) is None:
            found[role] = "none"
        else:
            how = {"hand": " (as the options say)", "place": " (by its place)"}.get(columns.by.get(role, ""), "")
            found[role] = columns.label(role) + how
    if columns.ignored:
        found["ignored"] = ", ".join(columns.ignored)
    return found


def _values(meaning: Meaning) -> str:
    if meaning.scale is not None:
        text = f"ratings from {meaning.scale[0]:g} to {meaning.scale[1]:g}"
    else:
        text = "counts" if meaning.kind == "counts" else "clicks, without a value"
    if meaning.missing:
        text += f"; {', '.join(f'{value:g}' for value in meaning.missing)} means seen, not rated"
    return f"{text} ({meaning.why})"


def _titles(titles: ItemTable | None, titled: int, rated: int) -> dict[str, Any] | None:
    if titles is None:
        return None
    return {
        "file": titles.file,
        "read_as": titles.described,
        "columns": dict(titles.columns),
        "rows": titles.rows,
        "repeated": titles.repeated,
        "skipped": titles.skipped,
        "titled": titled,
        "untitled": rated - titled,
    }


def _warnings(
    ratings: Ratings,
    columns: Columns,
    titles: ItemTable | None,
    listed: int,
    titled: int,
    encodings: Mapping[str, str | None],
) -> list[str]:
    found = []
    for name, other in encodings.items():
        if other:
            found.append(f"{name} is not UTF-8 and was read as {other}; --encoding names another one")
    if columns.names and any(not columns.names[place] for place in (0, *range(len(columns.names) - 1))):
        place = columns.names.index("")
        found.append(f"column {place + 1} has no name, as row numbers that pandas wrote; it is not read")
    for role, ids in (("user", ratings.user_ids), ("item", ratings.item_ids)):
        nothing = [id_ for id_ in _NULLS if ids.row(id_) is not None]
        if nothing and not ids.are_numbers:
            found.append(f"{role} {', '.join(map(repr, nothing))}: is that an id, or one that is missing?")
        if len(ratings) >= 2 and len(ids) == 1:
            found.append(f"there is a single {role}, {ids[0]!r}; --{role} names another column")
        elif len(ratings) >= 20 and len(ids) == len(ratings) and min(len(ratings.user_ids), len(ratings.item_ids)) > 1:
            found.append(f"every line has another {role}: is {columns.label(role)} one of row numbers?")
        if any(id_.endswith(".0") for id_ in ids[:1000]) and all(_is_float(id_) for id_ in ids[:1000]):
            found.append(
                f"ids such as {ids[0]!r}: pandas writes whole numbers so where one is missing; kept as they are"
            )
    if ratings.times is not None and ratings.times.max() < _EARLIEST:
        found.append(
            f"the times end on {_day(int(ratings.times.max()))}: are they days or years, not seconds since 1970? They "
            "are used as an order; --time none ignores them"
        )
    if titles is not None:
        missing = len(ratings.item_ids) - titled
        if not listed:
            example = next(iter(titles.items), "")
            found.append(
                f"no id in {titles.file} is that of a rated item ({example!r} there, {ratings.item_ids[0]!r} rated): "
                "no titles; --items names another file"
            )
        elif missing:
            others = "; most of them: are its ids other ones? Compare the examples" if missing > titled else ""
            found.append(f"{missing:,} rated items have no title in {titles.file}, and are called by their ids{others}")
        if titles.repeated:
            found.append(f"{titles.repeated:,} lines of {titles.file} repeat an id; the first one counts")
        if titles.skipped:
            found.append(f"{titles.skipped:,} lines of {titles.file} were left out")
    return found


def _is_float(id_: str) -> bool:
    whole, dot, fraction = id_.partition(".")
    return whole.lstrip("-").isdigit() and dot == "." and fraction == "0"


def _examples(ratings: Ratings, meaning: Meaning) -> list[str]:
    lines = []
    for row in range(min(_EXAMPLES, len(ratings))):
        item = ratings.catalogue[int(ratings.item_rows[row])]
        value = float(ratings.values[row])
        if np.isnan(value):
            what = "seen, not rated"
        elif meaning.kind == "stars":
            what = f"rated {value:g}"
        else:
            what = f"{value:g} times" if meaning.kind == "counts" else "seen"
        title = f" ({item.title})" if item.title != item.id else ""
        when = "" if ratings.times is None else f", {_moment(int(ratings.times[row]))}"
        lines.append(f"user {ratings.user_ids[int(ratings.user_rows[row])]}, item {item.id}{title}: {what}{when}")
    return lines


def _distribution(found: Frequencies) -> list[tuple[float, int]]:
    """Values and how often each occurs; of many different ones in equal steps, logarithmic where none is negative."""
    if len(found.values) <= _MAX_BARS:
        return [(float(value), int(count)) for value, count in zip(found.values, found.counts, strict=True)]
    logarithmic = found.low >= 0
    places = np.log10(1 + found.values) if logarithmic else found.values
    heights, edges = np.histogram(places, bins=_MAX_BARS, weights=found.counts)
    left = 10 ** edges[:-1] - 1 if logarithmic else edges[:-1]
    return [(round(float(value), 4), int(count)) for value, count in zip(left, heights, strict=True)]


def _quantiles(counts: Sequence[int]) -> dict[str, int]:
    ordered = np.sort(np.asarray(counts))
    return {"min": int(ordered[0]), "median": int(ordered[len(ordered) // 2]), "max": int(ordered[-1])}


def _shares(counts: Sequence[int]) -> NDArray[np.float64]:
    """(10,) the share of the ratings of each tenth of the items, the most rated first; of fewer items each one's."""
    ordered = np.sort(np.asarray(counts))[::-1].astype(np.float64)
    ends = np.linspace(0, len(ordered), min(_DECILES, len(ordered)) + 1).round().astype(int)
    cumulative = np.concatenate(([0.0], np.cumsum(ordered)))
    return np.asarray(np.diff(cumulative[ends]) / cumulative[-1])


def _long_tail_lines(counts: Sequence[int]) -> list[str]:
    shares = _shares(counts)
    each = "each tenth of the items" if len(counts) >= _DECILES else "each item"
    lines = [f"The long tail: share of the ratings of {each}, the most rated first"]
    widest = float(shares.max())
    for number, share in enumerate(shares, 1):
        bar = "█" * round(_BAR * share / widest) if widest else ""
        lines.append(f"  {number:>2}  {share:>6.1%}  {bar}")
    return lines


def _day(moment: int) -> str:
    return _moment(moment)[:10]


def _moment(moment: int) -> str:
    try:
        return datetime.fromtimestamp(moment, UTC).strftime("%Y-%m-%d %H:%M")
    except (ValueError, OverflowError, OSError):
        return str(moment)
