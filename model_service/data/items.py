"""Reads titles, genres and years of items from a text or Parquet file of any columns."""

import html
import re
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Final

from model_service.catalogue import Item
from model_service.data import parquet
from model_service.data.dialect import (
    MAX_JOINED,
    NAMES_OF_SEPARATORS,
    Dialect,
    detect_dialect,
    detect_encoding,
    encoding_name,
    is_byte,
    refuse_other_scripts,
    split,
)
from model_service.data.files import DataFile
from model_service.data.options import ReadOptions
from model_service.data.problems import Problems, quoted
from model_service.data.ratings import DataError
from model_service.data.roles import ITEM_NAMES, NAMES, find, normalised
from model_service.data.table import BLANKS

_GENRES_100K: Final = [
    "unknown",
    "Action",
    "Adventure",
    "Animation",
    "Children's",
    "Comedy",
    "Crime",
    "Documentary",
    "Drama",
    "Fantasy",
    "Film-Noir",
    "Horror",
    "Musical",
    "Mystery",
    "Romance",
    "Sci-Fi",
    "Thriller",
    "War",
    "Western",
]
_YEAR_IN_TITLE: Final = re.compile(r"\((\d{4})\)\s*$")
_YEAR: Final = re.compile(r"(?<!\d)(1[5-9]\d\d|20\d\d)(?!\d)")
_TEXT_IN_LIST: Final = re.compile(r"""(["'])((?:(?!\1).)+)\1""")
_NAME_IN_LIST: Final = re.compile(r"""["']name["']\s*:\s*(["'])((?:(?!\1).)+)\1""")
_SKIP: Final = "--bad-lines skip leaves such lines out, and their items get their id as title"


@dataclass(frozen=True, kw_only=True)
class ItemTable:
    """The items of a file.

    columns: what each used column is, for people. rows: lines of items. repeated: lines with an id that came before,
    which were not used.
    """

    file: str
    items: Mapping[str, Item]
    columns: Mapping[str, str]
    described: str
    rows: int
    repeated: int = 0
    skipped: int = 0


Row = Callable[[Sequence[str]], Item]
Record = tuple[int, list[str], str | None]
"""A line's number and fields, and what is wrong with it."""


@dataclass(frozen=True, kw_only=True)
class _Known:
    """A file without a header that is known by its name; last_whole: the last field may contain the separator."""

    separator: str
    columns: int
    item: Row
    named: Mapping[str, str]
    last_whole: bool = False


def is_item_file(file: DataFile) -> bool:
    """Whether a file is one of items by its name and its columns: an id and a title, and no user."""
    if _known(file) is not None:
        return True
    names = _names(file)
    if names is None or "user" in file.base:
        return False
    plain = [normalised(name) for name in names]
    has_user = any(name in NAMES["user"] and name != "profile" for name in plain)
    return not has_user and find(names, ITEM_NAMES["title"]) is not None and bool(_id_columns(names))


def read_items(file: DataFile, rated: Collection[str], options: ReadOptions, problems: Problems) -> ItemTable | None:
    """The items of `file`; of several columns of ids the one with most of the `rated` ids counts.

    Lines that cannot be read are added to `problems`, or left out as the options say. None when the file has no title
    or no id, which is a problem too.
    """
    known = _known(file)
    if known is not None:
        return _read_known(file, known, options, problems)
    if file.head(4) == parquet.MAGIC:
        names: Sequence[str] = parquet.column_names(file)
        rows = [[row[name] for name in names] for row in parquet.read_rows(file)]
        return _read_named(file, names, [(0, row) for row in rows], "Parquet", rated, problems)
    dialect = detect_dialect(file, ReadOptions(encoding=options.encoding))
    if dialect.names is None:
        clause = f"{file.name} has no header, which does not tell what its columns are"
        problems.add(clause, fix="add a first line such as item,title,genres,year")
        return None
    encoding, rows_read, skipped = _text_rows(file, dialect, options, problems)
    described = replace(dialect, encoding=encoding).describe()
    table = _read_named(file, dialect.names, rows_read[1:], described, rated, problems)
    return None if table is None else replace(table, skipped=skipped)


def clean_title(text: str) -> str:
    """A title for people: HTML entities decoded, blanks and control characters as single blanks."""
    for _ in range(2):  # some data sets encode twice
        text = _unescaped(text)
    return " ".join("".join(char if char.isprintable() else " " for char in text).split())


def _unescaped(text: str) -> str:
    """The text with HTML entities decoded; those without a semicolon, as in `R&notes`, are none."""
    return re.sub(r"&(#\d+|#[xX][0-9a-fA-F]+|\w+);", lambda found: html.unescape(found[0]), text)


def genres_of(text: str, *, words: bool = False) -> tuple[str, ...]:
    """Genres in a field: separated by `|`, `;` or commas, or a list in JSON or Python; words: separated by blanks."""
    text = text.strip()
    if text.startswith("["):
        names = [found[2] for found in (_NAME_IN_LIST if "{" in text else _TEXT_IN_LIST).finditer(text)]
    elif words:
        names = text.split()
    else:
        names = re.split(next((mark for mark in ("|", ";", ",") if mark in text), "|").replace("|", r"\|"), text)
    plain = (_unescaped(name).strip() for name in names)
    return tuple(dict.fromkeys(name for name in plain if name and not name.startswith("(")))


def year_of(text: str) -> int | None:
    """The first year from 1500 to 2099 in a field, such as a date."""
    found = _YEAR.search(text)
    return int(found[1]) if found else None


def year_in_title(title: str) -> int | None:
    """The year in parentheses at the end of a title."""
    found = _YEAR_IN_TITLE.search(title)
    return int(found[1]) if found else None


def _read_named(
    file: DataFile,
    names: Sequence[str],
    rows: Sequence[tuple[int, Sequence[str]]],
    described: str,
    rated: Collection[str],
    problems: Problems,
) -> ItemTable | None:
    candidates = _id_columns(names)
    title = find(names, ITEM_NAMES["title"])
    if title is None or not [place for place in candidates if place != title]:
        lacking = "title" if title is None else "id"
        clause = f"{file.name}: the header names no {lacking}: {', '.join(map(quoted, names[:20]))}"
        problems.add(clause, fix="rename the columns, such as item,title,genres,year; or give another file by --items")
        return None
    candidates = [place for place in candidates if place != title]
    wanted = set(rated)
    covered = [sum(row[place].strip(BLANKS) in wanted for _, row in rows) for place in candidates]
    id_ = candidates[covered.index(max(covered))]
    genres, year = find(names, ITEM_NAMES["genres"]), find(names, ITEM_NAMES["year"])
    words = genres is not None and names[genres].endswith("_seq")

    def item(row: Sequence[str]) -> Item:
        shown = clean_title(row[title])
        dated = None if year is None else year_of(row[year])
        return Item(
            id=row[id_].strip(BLANKS),
            title=shown,
            genres=() if genres is None else genres_of(row[genres], words=words),
            year=dated or year_in_title(shown),
        )

    columns = {"id": names[id_], "title": names[title]}
    columns |= {role: names[place] for role, place in (("genres", genres), ("year", year)) if place is not None}
    return _collect(file, rows, item, columns, described)


def _id_columns(names: Sequence[str]) -> list[int]:
    accepted = {*NAMES["item"], "id"} - {*ITEM_NAMES["title"]}
    return [place for place, name in enumerate(names) if normalised(name) in accepted]


def _collect(
    file: DataFile, rows: Sequence[tuple[int, Sequence[str]]], item: Row, columns: Mapping[str, str], described: str
) -> ItemTable:
    items: dict[str, Item] = {}
    repeated = 0
    for _, row in rows:
        found = item(row)
        if not found.id:
            continue
        if found.id in items:
            repeated += 1
            continue
        items[found.id] = found
    return ItemTable(
        file=file.name, items=items, columns=columns, described=described, rows=len(rows), repeated=repeated
    )


def _names(file: DataFile) -> Sequence[str] | None:
    try:
        if file.head(4) == parquet.MAGIC:
            return parquet.column_names(file)
        return detect_dialect(file, ReadOptions()).names
    except DataError:
        return None


def _decoded(file: DataFile, options: ReadOptions) -> tuple[str, str]:
    """The encoding of a file and its text, with bytes that are none as `is_byte` tells."""
    raw = file.read()
    encoding = options.encoding or detect_encoding(raw)
    if options.encoding is None:
        refuse_other_scripts(file, raw, encoding)
    try:
        return encoding, raw.decode(encoding, "surrogateescape")
    except UnicodeError as error:
        raise DataError(f"{file.name} is no {encoding}: {error}; --encoding names another one") from None


def _text_rows(
    file: DataFile, dialect: Dialect, options: ReadOptions, problems: Problems
) -> tuple[str, list[tuple[int, list[str]]], int]:
    """The encoding, the lines as fields with their number, the header first, and how many were left out."""
    encoding, text = _decoded(file, options)
    other_length = f"the line has another number of fields than the {dialect.columns} of the header"
    records = (
        (number, fields, clause or (None if len(fields) == dialect.columns else other_length))
        for number, fields, clause in _records(text, dialect)
    )
    rows, skipped = _readable(file, records, dialect.separator, encoding, options, problems)
    return encoding, rows, skipped


def _readable(
    file: DataFile, records: Iterator[Record], separator: str, encoding: str, options: ReadOptions, problems: Problems
) -> tuple[list[tuple[int, list[str]]], int]:
    """The lines that can be read, and how many were left out; the others are added to `problems`."""
    rows: list[tuple[int, list[str]]] = []
    skipped = 0
    for number, fields, what in records:
        damaged = any(is_byte(char) for field in fields for char in field)
        clause = f"the line is no {encoding_name(encoding)}" if damaged else what
        if clause is None:
            rows.append((number, fields))
        elif options.skip_bad_lines:
            skipped += 1
        else:
            shown = quoted(separator.join(fields))
            problems.add(clause, f"{file.name}, line {number}: {len(fields)} in {shown}", fix=_SKIP)
    return rows, skipped


def _records(text: str, dialect: Dialect) -> Iterator[Record]:
    """The lines that are not blank; a quoted field may go on over line ends."""
    quoted_fields = dialect.quoted or '"' in text
    if not quoted_fields or (dialect.separator in ("\t", " ", "::", "|") and not dialect.quoted):
        for number, line in enumerate(re.split(r"\r\n|\n|\r", text), 1):
            if line.strip():
                yield number, split(line, dialect.separator, quoted=False) or [], None
        return
    lines = re.split(r"(?<=\n)|(?<=\r)(?!\n)", text)
    at = 0
    while at < len(lines):
        end, fields = at + 1, None
        while lines[at].strip() and end <= min(len(lines), at + MAX_JOINED):
            whole = "".join(lines[at:end]).rstrip("\r\n")
            fields = split(whole, dialect.separator, quoted=True)
            if fields is not None or not _is_open(whole):
                break
            end += 1
        if fields is not None:
            yield at + 1, fields, None
            at = end
            continue
        if lines[at].strip():  # the next lines are read on their own
            fields = lines[at].rstrip("\r\n").split(dialect.separator)
            yield at + 1, fields, "a quote is left open, or not at the end of its field"
        at += 1


def _is_open(text: str) -> bool:
    """Whether a quote in `text` is not closed yet."""
    return re.sub(r"\\.", "", text).count('"') % 2 == 1


def _known(file: DataFile) -> _Known | None:
    if file.base == "u.item":
        named = {"id": "column 1", "title": "column 2", "genres": "columns 6 to 24", "year": "column 3"}
        return _Known(separator="|", columns=5 + len(_GENRES_100K), item=_item_100k, named=named)
    if file.base == "movies.dat" and not file.head(4096).split(b"\n")[0].count(b"\t"):
        named = {"id": "column 1", "title": "column 2", "genres": "column 3"}
        return _Known(separator="::", columns=3, item=_item_dat, named=named)
    if re.fullmatch(r"movie_titles\.(csv|txt)", file.base):
        named = {"id": "column 1", "year": "column 2", "title": "the rest of the line"}
        return _Known(separator=",", columns=3, item=_item_netflix, named=named, last_whole=True)
    return None


def _read_known(file: DataFile, known: _Known, options: ReadOptions, problems: Problems) -> ItemTable:
    encoding, text = _decoded(file, options)
    separator = NAMES_OF_SEPARATORS[known.separator]
    other_length = f"the line has another number of fields than {known.columns}, separated by {separator}"

    def records() -> Iterator[Record]:
        for number, line in enumerate(re.split(r"\r\n|\n|\r", text), 1):
            if line.strip():
                fields = line.split(known.separator, known.columns - 1 if known.last_whole else -1)
                yield number, fields, None if len(fields) == known.columns and fields[0].strip() else other_length

    rows, skipped = _readable(file, records(), known.separator, encoding, options, problems)
    described = f"{separator}, no header, {encoding_name(encoding)}"
    return replace(_collect(file, rows, known.item, known.named, described), skipped=skipped)


def _item_100k(fields: Sequence[str]) -> Item:
    title = clean_title(fields[1])
    genres = tuple(name for name, flag in zip(_GENRES_100K, fields[5:], strict=True) if flag.strip() == "1")
    return Item(id=fields[0].strip(), title=title, genres=genres, year=year_of(fields[2]) or year_in_title(title))


def _item_dat(fields: Sequence[str]) -> Item:
    title = clean_title(fields[1])
    return Item(id=fields[0].strip(), title=title, genres=genres_of(fields[2]), year=year_in_title(title))


def _item_netflix(fields: Sequence[str]) -> Item:
    return Item(id=fields[0].strip(), title=clean_title(fields[2]), year=year_of(fields[1]))
