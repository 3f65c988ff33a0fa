"""Reads ratings as people have them: finds out how they are laid out, says so, and refuses what it cannot tell."""

from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from model_service.data import parquet
from model_service.data.delimited import read_delimited
from model_service.data.duplicates import Merged, merge_duplicates, repeated_pairs
from model_service.data.files import list_files, one_file
from model_service.data.id_column import IdColumn
from model_service.data.items import ItemTable, read_items
from model_service.data.layout import TABLE, Layout, RatingFile, find_layout
from model_service.data.netflix import read_netflix
from model_service.data.options import Duplicates, ReadOptions
from model_service.data.plan import Columns, make_columns
from model_service.data.problems import Problems
from model_service.data.ratings import DataError, Ratings
from model_service.data.read_report import ReadReport, Rows
from model_service.data.table import Plan, Table
from model_service.data.times import in_seconds, to_seconds
from model_service.data.values import Meaning, interpret

_NETFLIX: Final = Columns(
    plan=Plan(user=0, item=0, value=1, time=2),
    by={"user": "name", "item": "name", "value": "name"},
    names=None,
    ignored=(),
)
_UNITS: Final = "the times are in several units"
_MIN_ROWS_TO_JUDGE: Final = 20  # of columns without a name; of fewer a user may have rated each item


def read_ratings(path: Path | str, options: ReadOptions | None = None) -> tuple[Ratings, ReadReport]:
    """The ratings of the data set at `path`, a folder, a file or an archive, and a report of what was read.

    Large files show a progress bar. Raises DataError with all problems of the files, each with its place and with what
    settles it; nothing is left out that the report does not count.
    """
    path, options = Path(path), options or ReadOptions()
    layout = find_layout(list_files(path), options, str(path))
    problems = Problems()
    columns = _columns(layout.ratings, options, problems)
    problems.raise_for(path.name)
    assert columns is not None  # noqa: S101 without problems
    tables = [_read(one, columns, options, problems) for one in layout.ratings]
    problems.raise_for(path.name)
    whole = _joined(tables, layout, columns, problems)
    with ThreadPoolExecutor(1) as pool:  # sorting takes as long as all the rest, and releases the GIL
        sorting = pool.submit(repeated_pairs, whole.users.rows, whole.items.rows)
        table, meaning, times, unit = _interpreted(whole, tables, layout, columns, options, problems)
    problems.raise_for(path.name)
    users, items, values = table.users, table.items, table.values
    assert values is not None  # noqa: S101 filled by _interpreted
    repeated = sorting.result() if len(table) == len(whole) else repeated_pairs(users.rows, items.rows)
    how = options.duplicates or _default_duplicates(meaning, times)
    merged = None
    if len(repeated):
        by = "first" if how == "refuse" else how
        merged = merge_duplicates(users.rows, items.rows, values, times, by, repeated)
    if how == "refuse" and merged is not None:
        _add_duplicates(merged, table, layout, tables, problems)
        problems.raise_for(path.name)
    if merged is not None and meaning.scale is not None and (merged.values > meaning.scale[1]).any():
        raise DataError(
            f"{path.name}: the sum of a user's ratings of an item is {np.nanmax(merged.values):g}, beyond the scale up "
            f"to {meaning.scale[1]:g}. To fix it: --duplicates latest, mean or first; or --values counts if they are"
        )
    skipped = Counter(table.skipped)
    for one in tables:
        skipped.update(one.skipped)
    rows = Rows(
        read=sum(one.rows for one in tables),
        skipped=dict(skipped),
        blank_lines=sum(one.blank_lines for one in tables),
        repeated=0 if merged is None else len(users) - len(merged.rows),
        repeated_pairs=0 if merged is None else merged.pairs,
        duplicates=how,
    )
    if merged is not None:
        users = IdColumn(users.rows[merged.rows], users.ids)
        items, values = IdColumn(items.rows[merged.rows], items.ids), merged.values
        times = None if times is None else times[merged.rows]
    titles = _titles(layout, [*items.ids], options, problems)
    problems.raise_for(path.name)
    ratings = Ratings(
        users=users,
        items=items,
        values=values,
        times=times,
        catalogue=() if titles is None else tuple(titles.items.values()),
        scale=meaning.scale,
        source=path.name if layout.name == TABLE else f"{layout.name} ({path.name})",
        distinct=True,
    )
    encodings = {one.file.name: table.encoding for one, table in zip(layout.ratings, tables, strict=True)}
    report = ReadReport.of(
        ratings, layout, columns, meaning, titles, rows, unit=unit, options=options, encodings=encodings
    )
    return ratings, report


def _columns(files: Sequence[RatingFile], options: ReadOptions, problems: Problems) -> Columns | None:
    """The columns that are read; those of the first file are those of all."""
    first = next((one for one in files if one.dialect is None or one.dialect.rows), files[0])
    if first.format == "netflix":
        return _NETFLIX
    if first.dialect is not None:
        rows, columns, decimal = first.dialect.rows, first.dialect.columns, first.dialect.decimal
        if not rows:
            raise DataError(f"{first.file.name} has a header and no ratings")
    else:
        rows, columns, decimal = parquet.sample(first.file), len(first.names or ()), "."
        if not rows:
            raise DataError(f"{first.file.name} has no rows")
    return make_columns(
        first.file.name, first.names, columns, rows, options, problems, trusted=first.trusted, decimal=decimal
    )


def _read(one: RatingFile, columns: Columns, options: ReadOptions, problems: Problems) -> Table:
    if one.format == "netflix":
        return read_netflix(one.file, problems, skip=options.skip_bad_lines)
    if one.dialect is not None:
        return read_delimited(one.file, one.dialect, columns.plan, problems, skip=options.skip_bad_lines)
    return parquet.read_parquet(one.file, one.names or (), columns.plan, problems)


def _joined(tables: Sequence[Table], layout: Layout, columns: Columns, problems: Problems) -> Table:
    """All tables as one, whose `skipped` are rows that are left out later."""
    table = replace(tables[0], skipped={}) if len(tables) == 1 else _concatenate(tables)
    if not len(table):
        raise _nothing_left(layout, [*tables])
    _check_ids(table, columns, problems)
    return table


def _interpreted(
    table: Table,
    tables: Sequence[Table],
    layout: Layout,
    columns: Columns,
    options: ReadOptions,
    problems: Problems,
) -> tuple[Table, Meaning, NDArray[np.int64] | None, str]:
    """The table with values on their scale; their meaning; the times in seconds and their unit."""
    meaning = interpret(table.values, columns.name("value"), options, words=columns.plan.words)
    low, high = meaning.scale or (0.0, float("inf"))
    clause = f"the value is outside {low:g} to {high:g}" if meaning.scale else "a count is negative"
    if meaning.outside and options.skip_bad_lines:
        table = _without_outside(table, meaning, low, high, clause)
        if not len(table):
            raise _nothing_left(layout, [*tables, table])
    elif meaning.outside:
        fix = "--values stars if they are ratings; --missing with those that mean nothing; or --bad-lines skip"
        if meaning.scale is not None:
            scale = _wide(table, meaning.scale)
            fix = f"--scale {scale} if all are ratings; --missing with those that are none; or --bad-lines skip"
        for row, value in zip(meaning.outside_rows, meaning.outside_values, strict=True):
            problems.add(clause, f"{_place(row, layout, tables)}: {value:g}", fix=fix)
        problems.add(clause, fix="", count=meaning.outside - len(meaning.outside_rows))
    values = (
        np.ones(len(table), np.float32)
        if table.values is None
        else table.values.astype(np.float32, copy=bool(meaning.missing))
    )
    if meaning.missing:
        values[np.isin(values, meaning.missing)] = np.nan
    if meaning.scale is None and np.isnan(values).any():
        values = np.where(np.isnan(values), np.float32(1.0), values)
    times, unit = None, ""
    if table.times is not None:
        times, unit = (table.times.astype(np.int64), "dates") if columns.plan.date else to_seconds(table.times)
        other = np.flatnonzero(in_seconds(table.times)) if unit not in ("dates", "seconds") else ()
        for row in other[:10]:
            example = f"{_place(row, layout, tables)}: {table.times[row]:.0f}, others in {unit}"
            problems.add(_UNITS, example, fix="write all times in one unit; or --time none")
        problems.add(_UNITS, fix="", count=max(len(other) - 10, 0))
        if (times == times[0]).all():
            times = None
    return replace(table, values=values), meaning, times, unit


def _wide(table: Table, scale: tuple[float, float]) -> str:
    assert table.values is not None  # noqa: S101 something is outside
    return f"{min(float(np.nanmin(table.values)), scale[0]):g}..{max(float(np.nanmax(table.values)), scale[1]):g}"


def _nothing_left(layout: Layout, tables: Sequence[Table]) -> DataError:
    reasons = [f"{count:,} lines left out: {clause}" for one in tables for clause, count in one.skipped.items()]
    return DataError("\n  ".join([f"{layout.ratings[0].file.name} holds no ratings", *reasons]))


def _without_outside(table: Table, meaning: Meaning, low: float, high: float, clause: str) -> Table:
    assert table.values is not None  # noqa: S101 something is outside
    kept = ((table.values >= low) & (table.values <= high)) | np.isin(table.values, meaning.missing)
    kept |= np.isnan(table.values)
    return replace(
        table,
        skipped={clause: int((~kept).sum())},
        users=table.users.take(np.flatnonzero(kept)),
        items=table.items.take(np.flatnonzero(kept)),
        values=table.values[kept],
        times=None if table.times is None else table.times[kept],
    )


def _check_ids(table: Table, columns: Columns, problems: Problems) -> None:
    """A column that was taken for ids by its place alone has to look like one."""
    if len(table) < _MIN_ROWS_TO_JUDGE:
        return
    for role, column in (("user", table.users), ("item", table.items)):
        if columns.by.get(role) == "place" and len(column.ids) in (1, len(column)):
            how = "the same on every line" if len(column.ids) == 1 else "another one on every line"
            clause = f"there is no header, and {columns.label(role)}, read as the {role}, is {how}"
            problems.add(clause, f"the first is {column.ids[0]!r}", fix=f"--{role} with the number of the right column")


def _default_duplicates(meaning: Meaning, times: NDArray[np.int64] | None) -> Duplicates:
    if meaning.kind != "stars":
        return "sum"
    return "mean" if times is None else "latest"


def _add_duplicates(merged: Merged, table: Table, layout: Layout, tables: Sequence[Table], problems: Problems) -> None:
    clause = "a user has an item more than once"
    for row in merged.examples:
        user, item = (column.ids[int(column.rows[row])] for column in (table.users, table.items))
        example = f"{_place(row, layout, tables)}: user {user}, item {item}"
        problems.add(clause, example, fix="--duplicates latest, mean, sum or first")
    problems.add(clause, fix="", count=merged.pairs - len(merged.examples))


def _place(row: int, layout: Layout, tables: Sequence[Table]) -> str:
    for one, table in zip(layout.ratings, tables, strict=True):
        if row < len(table):
            return f"{one.file.name}, line {table.line(row)}"
        row -= len(table)
    return "?"


def _concatenate(tables: Sequence[Table]) -> Table:
    values = [one.values for one in tables if one.values is not None]
    times = [one.times for one in tables if one.times is not None]
    return Table(
        users=IdColumn.concatenated([one.users for one in tables]),
        items=IdColumn.concatenated([one.items for one in tables]),
        values=np.concatenate(values) if values else None,
        times=np.concatenate(times) if times else None,
    )


def _titles(layout: Layout, rated: Sequence[str], options: ReadOptions, problems: Problems) -> ItemTable | None:
    """The items of the file that names most of the `rated` ids; of the one in the options, if there is one."""
    if options.items is not None:
        return read_items(one_file(options.items), rated, options, problems)
    best: tuple[int, ItemTable, Problems] | None = None
    wanted = set(rated)
    for file in layout.items:
        own = Problems()
        found = read_items(file, wanted, options, own)
        if found is None:
            continue
        covered = sum(id_ in wanted for id_ in found.items)
        if best is None or covered > best[0]:
            best = covered, found, own
    if best is None:
        return None
    problems.extend(best[2])
    return best[1]
