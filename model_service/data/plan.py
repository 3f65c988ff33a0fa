"""Decides which columns of a table are read, by hand, by name or by place; and refuses what contradicts itself."""

import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

from model_service.data.dialect import NUMBER
from model_service.data.options import ReadOptions
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
        return _label(getattr(self.plan, role), self.names)

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
    sample = _Sample(file=file, names=names, columns=columns, rows=rows, decimal=decimal)
    return _Planner(sample, options, problems).plan(trusted=trusted)


@dataclass(frozen=True, kw_only=True)
class _Sample:
    """The first rows of a table, as fields."""

    file: str
    names: Sequence[str] | None
    columns: int
    rows: Sequence[Sequence[str]]
    decimal: str

    def fields(self, place: int | None, *, filled: bool = True) -> list[str]:
        """The fields of a column with a decimal point, none without a column; filled: those that are not empty."""
        if place is None:
            return []
        fields = [row[place].strip() for row in self.rows if place < len(row)]
        fields = [field.replace(",", ".") for field in fields] if self.decimal == "," else fields
        return [field for field in fields if field] if filled else fields

    def label(self, place: int | None) -> str:
        """A column, for people."""
        assert place is not None  # noqa: S101 asked of columns that are there
        return _label(place, self.names)


class _Planner:
    """Finds the column of each role, and adds what does not fit to `problems`."""

    def __init__(self, sample: _Sample, options: ReadOptions, problems: Problems) -> None:
        self._sample, self._options, self._problems = sample, options, problems
        self._roles: dict[str, int | None] = {}
        self._by: dict[str, str] = {}
        self._warnings: list[str] = []

    def plan(self, *, trusted: bool) -> Columns | None:
        sample, before = self._sample, len(self._problems)
        steps = [self._check_header, self._find_roles, self._check_compulsory]
        steps += [] if sample.names or trusted else [self._check_places]
        for step in (*steps, self._check_value, self._check_thousands, self._check_time):
            step()
            if len(self._problems) > before:
                return None
        values, times = sample.fields(self._roles.get("value")), sample.fields(self._roles.get("time"))
        user, item = self._roles["user"], self._roles["item"]
        assert user is not None and item is not None  # noqa: PT018, S101 compulsory
        plan = Plan(
            user=user,
            item=item,
            value=self._roles.get("value"),
            time=self._roles.get("time"),
            date=None if not times or _are_plain_numbers(times) else date_parser(times),
            words=bool(values) and all(field.lower() in WORDS for field in values),
            missing_texts=self._options.missing_texts,
        )
        unused = {*range(sample.columns)} - {plan.user, plan.item, plan.value, plan.time}
        return Columns(
            plan=plan,
            by=self._by,
            names=tuple(sample.names) if sample.names else None,
            ignored=tuple(sample.label(place) for place in sorted(unused) if sample.fields(place)),
            warnings=tuple(self._warnings),
        )

    def _check_header(self) -> None:
        """The header has as many names as the lines have fields, and is not the numbers that pandas gives columns."""
        sample, rows = self._sample, self._sample.rows
        file, names = sample.file, sample.names
        longer = Counter(len(row) for row in rows).most_common(1)[0][0]
        if names and longer != len(names):
            fix = "add the name that lacks (R and pandas leave that of row numbers out)"
            if longer < len(names):
                fix = "take the name of the field that lacks out of the header"
            elif not any(row[len(names) :] != ("",) for row in rows):
                fix = "take the separator at the end of the lines out, or add one to the header"
            example = ", ".join(next(row for row in rows if len(row) == longer)[:8])
            clause = f"{file}: the header has {len(names)} names, and the lines have {longer} fields"
            self._problems.add(clause, quoted(example), fix=fix)
        numbered = len(rows[0]) > 2 and [*rows[0]] == [*map(str, range(sample.columns))]
        if names is None and self._options.header is None and numbered:
            clause = f"{file}: the first line may be a header that pandas wrote, or a rating"
            fix = "--header yes --user 0 --item 1, as pandas named them; or --header no if it is a rating"
            self._problems.add(clause, quoted(", ".join(rows[0])), fix=fix)

    def _find_roles(self) -> None:
        """By hand, else by name, else by place."""
        sample, names, problems = self._sample, self._sample.names, self._problems
        given = {role: getattr(self._options, role) for role in NAMES}
        by_hand = roles_by_hand(given, names, sample.columns, problems, sample.file)
        for role, place in by_hand.items():
            if place is not None and [*by_hand.values()].count(place) > 1:
                clause = f"{sample.file}: the options name {sample.label(place)} more than once"
                problems.add(clause, f"--{role} {given[role]}", fix="name another column for each of them")
        self._roles, self._by = dict(by_hand), dict.fromkeys(by_hand, "hand")
        guessed = roles_by_name(names) if names else _by_place(sample.columns)
        if names:
            for role in repeated(names, {role: place for role, place in guessed.items() if role not in by_hand}):
                clause = f"{sample.file} has several columns with the name {quoted(names[guessed[role]])}"
                problems.add(clause, fix=f"--{role} with the number of the column")
        for role, place in guessed.items():
            if role not in self._roles and place not in self._roles.values():
                self._roles[role], self._by[role] = place, "name" if names else "place"

    def _check_compulsory(self) -> None:
        sample, names = self._sample, self._sample.names
        lacking = [role for role in COMPULSORY if self._roles.get(role) is None]
        if not lacking:
            return
        wide = _WIDE if sample.columns > len(_PLACES) or not names else ""
        if names:
            clause = f"{sample.file}: the header names no {' and no '.join(lacking)}: {', '.join(map(quoted, names))}"
            unnamed = [place + 1 for place, name in enumerate(names) if not name]
            if unnamed:
                clause += f" (column {unnamed[0]} has no name, as an index that pandas wrote)"
            self._problems.add(clause, fix=_BY_HAND + wide)
        else:
            without = f"{sample.columns} columns and no header, which does not tell the {' and the '.join(lacking)}"
            example = ", ".join(sample.rows[0][:6]) if sample.rows else ""
            self._problems.add(f"{sample.file} has {without}", quoted(example), fix=_BY_HAND + wide)

    def _check_places(self) -> None:
        """What stands in a column has to look like what its place says."""
        sample, roles, by = self._sample, self._roles, self._by
        for role in COMPULSORY:
            odd = next((field for field in sample.fields(roles[role]) if _FRACTION.fullmatch(field)), None)
            if by[role] == "place" and odd is not None:
                clause = f"{sample.label(roles[role])}, read as the {role}, holds decimal numbers"
                self._problems.add(f"{sample.file} has no header, and {clause}", quoted(odd), fix=_BY_HAND + _WIDE)
        if by.get("value") == "place" and "time" not in by and _are_times(sample.fields(roles["value"])):
            roles["time"], by["time"] = roles.pop("value"), by.pop("value")
        times = sample.fields(roles.get("time"))
        if by.get("time") == "place" and _are_plain_numbers(times) and not _are_times(times):
            if any(float(field) for field in times):
                what = f"column 4 is no time ({quoted(times[0])}), and is not read; --time 4 reads it"
                self._warnings.append(f"{sample.file}: {what}")
            roles["time"] = None
            by.pop("time")

    def _check_value(self) -> None:
        sample, place = self._sample, self._roles.get("value")
        missing = self._options.missing_texts
        values = [field for field in sample.fields(place, filled=False) if field not in missing]
        readable = [field for field in values if NUMBER.fullmatch(field) or field.lower() in WORDS]
        if values and not readable and any(field and field.lower() not in _NULLS for field in values):
            clause = f"{sample.file}: {sample.label(place)}, read as the value, holds no numbers"
            self._problems.add(clause, quoted(values[0]), fix="--value with another column, or --value none")
        if _are_times(values) and self._options.value is None:
            clause = f"{sample.file}: {sample.label(place)}, read as the value, holds times"
            self._problems.add(clause, quoted(values[0]), fix=_BY_HAND)
        if "value" not in self._roles:
            self._check_unknown_numbers()

    def _check_thousands(self) -> None:
        """A comma before three digits in each value may stand for thousands or for decimals."""
        sample, place = self._sample, self._roles.get("value")
        if sample.decimal != "," or place is None:
            return
        written = [row[place].strip() for row in sample.rows if place < len(row) and "," in row[place]]
        if written and all(map(_THOUSANDS.fullmatch, written)):
            clause = f"{sample.file}: the comma in {sample.label(place)} may stand for thousands or for decimals"
            fix = "write the numbers without thousands, and with a decimal point"
            self._problems.add(clause, quoted(written[0]), fix=fix)

    def _check_unknown_numbers(self) -> None:
        """Without a value no other column may hold one."""
        sample, names = self._sample, self._sample.names
        for place in range(sample.columns):
            fields = sample.fields(place)
            free = place not in self._roles.values() and (not names or names[place])
            if free and are_numbers(fields) and len({*fields}) > 1 and not _are_times(fields):
                name = names[place] if names else place + 1
                self._problems.add(
                    f"{sample.file}: no column is known as the value, and {sample.label(place)} holds numbers",
                    quoted(fields[0]),
                    fix=f"--value {name} if it is the value, --value none if there is none",
                )
                return

    def _check_time(self) -> None:
        """Times are numbers or dates of one form; a column that looks like times and is not known as such is told."""
        sample, names, place = self._sample, self._sample.names, self._roles.get("time")
        if names and "time" not in self._roles:
            free = [column for column in range(sample.columns) if column not in self._roles.values() and names[column]]
            self._warnings += [
                f"{sample.file}: {sample.label(column)} looks like a time; --time {names[column]} reads it"
                for column in free
                if _are_times(sample.fields(column))
            ]
        times = sample.fields(place)
        if not times or _are_plain_numbers(times) or date_parser(times) is not None:
            return
        odd = quoted(next((field for field in times if not NUMBER.fullmatch(field)), times[0]))
        if any(map(is_date, times)):
            clause = f"{sample.file}: the times in {sample.label(place)} are written in several ways, or day and month"
            fix = "write dates as 2005-04-02; or --time none"
            self._problems.add(f"{clause} cannot be told apart", odd, fix=fix)
            return
        self._warnings.append(f"{sample.file}: {sample.label(place)} holds no times ({odd}): read without times")
        self._roles["time"] = None
        self._by.pop("time")


def _label(place: int, names: Sequence[str] | None) -> str:
    """A column by its number from 1, and its name where there is one."""
    name = names[place] if names else ""
    return f'column {place + 1} "{name}"' if name else f"column {place + 1}"


def _by_place(columns: int) -> Mapping[str, int]:
    """User, item, value and time in this order, in a table of two to four columns."""
    return {} if columns > len(_PLACES) else {role: place for role, place in _PLACES.items() if place < columns}


def _are_times(fields: Sequence[str]) -> bool:
    if are_numbers(fields):
        return all(is_time(float(field)) for field in fields)
    return bool(fields) and date_parser(fields) is not None


def _are_plain_numbers(fields: Sequence[str]) -> bool:
    """Whether fields are numbers, and not dates without separators."""
    return are_numbers(fields) and not are_compact_dates(fields)
