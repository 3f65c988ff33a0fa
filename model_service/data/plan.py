"""Decides which columns of a table are read, by hand, by name or by place; and refuses what contradicts itself."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from model_service.data.dialect import NUMBER
from model_service.data.options import EMPTY, ReadOptions
from model_service.data.problems import Problems, quoted
from model_service.data.roles import COMPULSORY, NAMES, repeated, roles_by_hand, roles_by_name
from model_service.data.table import WORDS, Plan
from model_service.data.times import are_compact_dates, are_numbers, date_parser, is_date, is_time

_PLACES: Final = {"user": 0, "item": 1, "value": 2, "time": 3}
_BY_HAND: Final = "--user, --item, --value and --time name the columns, by name or number"
_WIDE: Final = "; a line for each user with a value for each item has to be turned into one line for each value"
_FRACTION: Final = re.compile(r"[+-]?\d*\.\d*[1-9]\d*")
_THOUSANDS: Final = re.compile(r"[+-]?[1-9]\d{0,2},\d{3}", re.ASCII)
_NULLS: Final = frozenset(("nan", "null", "none", "na", "n/a", "\\n", "-"))


@dataclass(frozen=True, kw_only=True)
class Columns:
    """The plan, and how it was made.

    by: "hand", "name" or "place" for each role. ignored: columns that are not read. warnings: for the report.
    """

    plan: Plan
    by: Mapping[str, str]
    names: tuple[str, ...] | None
    ignored: tuple[str, ...]
    warnings: tuple[str, ...] = ()

    def label(self, role: str) -> str:
        """The column of a role, for people."""
        position: int = getattr(self.plan, role)
        return f"column {position + 1}" + (f' "{self.names[position]}"' if self.names else "")

    def name(self, role: str) -> str:
        """The name of a role's column; empty without a header or a column."""
        position = getattr(self.plan, role)
        return "" if position is None or not self.names else self.names[position]


def make_columns(
    file: str,
    names: Sequence[str] | None,
    columns: int,
    rows: Sequence[Sequence[str]],
    options: ReadOptions,
    problems: Problems,
    *,
    trusted: bool = False,
    decimal: str = ".",
) -> Columns | None:
    """What is read of a table with these `names`, None without a header; rows: the first ones, as fields.

    trusted: the file's name tells that user, item, value and time are in this order. None when `problems` were added.
    """
    before = len(problems)
    longer = Counter(len(row) for row in rows).most_common(1)[0][0]
    if names and longer != len(names):
        clause = f"{file}: the header has {len(names)} names, and the lines have {longer} fields"
        example = ", ".join(next(row for row in rows if len(row) == longer)[:8])
        fix = "add the name that lacks (R and pandas leave that of row numbers out)"
        if longer < len(names):
            fix = "take the name of the field that lacks out of the header"
        elif not any(row[len(names) :] != ("",) for row in rows):
            fix = "take the separator at the end of the lines out, or add one to the header"
        problems.add(clause, quoted(example), fix=fix)
        return None
    if names is None and options.header is None and len(rows[0]) > 2 and [*rows[0]] == [*map(str, range(columns))]:
        clause = f"{file}: the first line may be a header that pandas wrote, or a rating"
        fix = "--header yes --user 0 --item 1, as pandas named them; or --header no if it is a rating"
        problems.add(clause, quoted(", ".join(rows[0])), fix=fix)
        return None
    given = {role: getattr(options, role) for role in NAMES}
    by_hand = roles_by_hand(given, names, columns, problems, file)
    for role, place in by_hand.items():
        if place is not None and [*by_hand.values()].count(place) > 1:
            clause = f"{file}: the options name {_column(names, place)} more than once"
            problems.add(clause, f"--{role} {given[role]}", fix="name another column for each of them")
    by = dict.fromkeys(by_hand, "hand")
    roles: dict[str, int | None] = dict(by_hand)
    if names:
        guessed: Mapping[str, int] = roles_by_name(names)
        for role in repeated(names, {role: place for role, place in guessed.items() if role not in by_hand}):
            clause = f"{file} has several columns with the name {quoted(names[guessed[role]])}"
            problems.add(clause, fix=f"--{role} with the number of the column")
    else:
        guessed = _by_place(columns, by_hand)
    for role, place in guessed.items():
        if role not in roles and place not in roles.values():
            roles[role] = place
            by[role] = "name" if names else "place"
    _check_compulsory(file, names, columns, rows, roles, problems)
    if len(problems) > before:
        return None
    warnings: list[str] = []
    sample = {role: _fields(rows, place, decimal) for role, place in roles.items() if place is not None}
    if not names and not trusted:
        _check_places(file, sample, roles, by, warnings, problems)
    _check_value(file, names, columns, rows, roles, sample, problems, options)
    if decimal == "," and roles.get("value") is not None:
        _check_thousands(file, names, roles["value"], rows, problems)
    if len(problems) > before:
        return None
    if names and "time" not in roles:
        looks = [place for place in range(columns) if place not in roles.values() and names[place]]
        looks = [place for place in looks if _are_times([field for field in _fields(rows, place, ".") if field])]
        warnings += [
            f"{file}: {_column(names, place)} looks like a time; --time {names[place]} reads it" for place in looks
        ]
    times = [field for field in sample.get("time", []) if field]
    numbers = are_numbers(times) and not are_compact_dates(times)
    date = None if roles.get("time") is None or numbers else date_parser(times)
    if roles.get("time") is not None and times and date is None and not numbers:
        odd = next(field for field in times if not NUMBER.fullmatch(field))
        if not any(map(is_date, times)):
            warnings.append(
                f"{file}: {_column(names, roles['time'])} holds no times ({quoted(odd)}): read without times"
            )
            roles["time"] = None
            by.pop("time")
        else:
            clause = (
                f"{file}: the times in {_column(names, roles['time'])} are written in several ways, or day and month"
            )
            problems.add(f"{clause} cannot be told apart", quoted(odd), fix="write dates as 2005-04-02; or --time none")
            return None
    values = [field for field in sample.get("value", []) if field]
    words = bool(values) and all(field.lower() in WORDS for field in values)
    plan = Plan(
        user=_place(roles, "user"),
        item=_place(roles, "item"),
        value=roles.get("value"),
        time=roles.get("time"),
        date=date,
        words=words,
        missing=options.missing or (),
    )
    used = {plan.user, plan.item, plan.value, plan.time}
    ignored = tuple(_column(names, place) for place in range(columns) if place not in used and _is_filled(rows, place))
    return Columns(plan=plan, by=by, names=tuple(names) if names else None, ignored=ignored, warnings=tuple(warnings))


def _by_place(columns: int, by_hand: Mapping[str, int | None]) -> Mapping[str, int]:
    """User, item, value and time in this order, in a table of two to four columns."""
    if columns > len(_PLACES) and not {*COMPULSORY} <= by_hand.keys():
        return {}
    if columns > len(_PLACES):
        return {}
    return {role: place for role, place in _PLACES.items() if place < columns}


def _check_compulsory(
    file: str,
    names: Sequence[str] | None,
    columns: int,
    rows: Sequence[Sequence[str]],
    roles: Mapping[str, int | None],
    problems: Problems,
) -> None:
    lacking = [role for role in COMPULSORY if roles.get(role) is None]
    if not lacking:
        return
    if names:
        what = " and no ".join(lacking)
        unnamed = [place + 1 for place, name in enumerate(names) if not name]
        clause = f"{file}: the header names no {what}: {', '.join(map(quoted, names))}"
        if unnamed:
            clause += f" (column {unnamed[0]} has no name, as an index that pandas wrote)"
        problems.add(clause, fix=_BY_HAND + (_WIDE if columns > len(_PLACES) else ""))
    else:
        clause = f"{file} has {columns} columns and no header, which does not tell the {' and the '.join(lacking)}"
        example = ", ".join(rows[0][:6]) if rows else ""
        problems.add(clause, quoted(example), fix=_BY_HAND + _WIDE)


def _check_places(
    file: str,
    sample: dict[str, list[str]],
    roles: dict[str, int | None],
    by: dict[str, str],
    warnings: list[str],
    problems: Problems,
) -> None:
    """What stands in a column has to look like what its place says."""
    for role in COMPULSORY:
        odd = next((field for field in sample.get(role, ()) if _FRACTION.fullmatch(field)), None)
        if by.get(role) == "place" and odd is not None:
            clause = (
                f"{file} has no header, and column {_place(roles, role) + 1}, read as the {role}, holds decimal numbers"
            )
            problems.add(clause, quoted(odd), fix=_BY_HAND + _WIDE)
    values = [field for field in sample.get("value", ()) if field]
    if by.get("value") == "place" and by.get("time") is None and _are_times(values):
        roles["time"], by["time"] = roles["value"], "place"
        sample["time"] = sample.pop("value")
        del roles["value"], by["value"]
    times = [field for field in sample.get("time", ()) if field]
    numbers = are_numbers(times) and not are_compact_dates(times)
    if by.get("time") == "place" and numbers and not _are_times(times):
        if any(float(field) for field in times):
            warnings.append(f"{file}: column 4 is no time ({quoted(times[0])}), and is not read; --time 4 reads it")
        roles["time"] = None
        by.pop("time")


def _check_value(
    file: str,
    names: Sequence[str] | None,
    columns: int,
    rows: Sequence[Sequence[str]],
    roles: Mapping[str, int | None],
    sample: Mapping[str, Sequence[str]],
    problems: Problems,
    options: ReadOptions,
) -> None:
    missing = {"" if text == EMPTY else text for text in options.missing or ()}
    values = [field for field in sample.get("value", ()) if field not in missing]
    readable = [field for field in values if NUMBER.fullmatch(field) or field.lower() in WORDS]
    if values and not readable and any(field and field.lower() not in _NULLS for field in values):
        clause = f"{file}: {_column(names, roles['value'])}, read as the value, holds no numbers"
        problems.add(clause, quoted(values[0]), fix="--value with another column, or --value none")
    if values and roles.get("value") is not None and _are_times(values) and options.value is None:
        clause = f"{file}: {_column(names, roles['value'])}, read as the value, holds times"
        problems.add(clause, quoted(values[0]), fix=_BY_HAND)
    if "value" in roles:
        return
    for place in range(columns):
        fields = [field for field in _fields(rows, place, ".") if field]
        free = place not in roles.values() and (not names or names[place])
        if free and are_numbers(fields) and len({*fields}) > 1 and not _are_times(fields):
            problems.add(
                f"{file}: no column is known as the value, and {_column(names, place)} holds numbers",
                quoted(fields[0]),
                fix=f"--value {names[place] if names else place + 1} if it is the value, --value none if there is none",
            )
            return


def _check_thousands(
    file: str, names: Sequence[str] | None, place: int | None, rows: Sequence[Sequence[str]], problems: Problems
) -> None:
    """A comma before three digits in each value may stand for thousands or for decimals."""
    with_comma = [field for field in _fields(rows, place or 0, ".") if "," in field]
    if with_comma and all(map(_THOUSANDS.fullmatch, with_comma)):
        clause = f"{file}: the comma in {_column(names, place)} may stand for thousands or for decimals"
        problems.add(clause, quoted(with_comma[0]), fix="write the numbers without thousands, and with a decimal point")


def _are_times(fields: Sequence[str]) -> bool:
    if are_numbers(fields):
        return all(is_time(float(field)) for field in fields)
    return bool(fields) and date_parser(fields) is not None


def _fields(rows: Sequence[Sequence[str]], place: int, decimal: str) -> list[str]:
    fields = [row[place].strip() for row in rows if place < len(row)]
    return [field.replace(",", ".") for field in fields] if decimal == "," else fields


def _is_filled(rows: Sequence[Sequence[str]], place: int) -> bool:
    return any(row[place].strip() for row in rows if place < len(row))


def _column(names: Sequence[str] | None, place: int | None) -> str:
    assert place is not None  # noqa: S101 asked of columns that are there
    return f'column {place + 1} "{names[place]}"' if names and names[place] else f"column {place + 1}"


def _place(roles: Mapping[str, int | None], role: str) -> int:
    place = roles[role]
    assert place is not None  # noqa: S101 compulsory
    return place
