"""Files of any content: never a traceback, never a changed id, never a row lost that is not reported."""

import gzip
import re
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from model_service.data.options import ReadOptions
from model_service.data.ratings import DataError, Ratings
from model_service.data.read_report import ReadReport
from model_service.data.reader import read_ratings
from tests.model_service.fuzzing import fuzz

FUZZ = fuzz(300)
HEADERS = (
    ("userId", "movieId", "rating", "timestamp"),
    ("user", "item", "rating", "timestamp"),
    ("USER_ID", "ITEM_ID", "EVENT_VALUE", "TIMESTAMP"),
    ("user_id:token", "item_id:token", "rating:float", "timestamp:float"),
    ("User-ID", "ISBN", "Book-Rating", "date"),
    ("uid", "iid", "weight", "datetime"),
)
ids = st.one_of(
    st.integers(-5, 10**20).map(str),
    st.sampled_from(["7", "007", "0", "-0", "1.0", "1e3", "+7", "18446744073709551617", "034545104X", "NULL", "nan"]),
    st.text(st.characters(codec="utf-8", exclude_categories=("C", "Z")), min_size=1, max_size=8),
    st.text("ab 'é-_/@:", min_size=1, max_size=6).map(str.strip).filter(bool),
)
values = st.sampled_from(["1", "2", "3.5", "4", "5", "0.5", "5.0", "1e0"])
Row = tuple[str, str, str, str]


@st.composite
def tables(draw: st.DrawFn) -> list[Row]:
    """Rows of user, item, value and time, no pair of user and item twice."""
    pairs = draw(st.lists(st.tuples(ids, ids), min_size=1, max_size=30, unique=True))
    return [(user, item, draw(values), str(draw(st.integers(10**9, 15 * 10**8)))) for user, item in pairs]


def quote(field: str, separator: str) -> str:
    """A field as RFC 4180 writes it."""
    special = separator in field or '"' in field or field != field.strip()
    return '"' + field.replace('"', '""') + '"' if special else field


def read(folder: Path, content: bytes, name: str = "ratings.csv", **options: object) -> tuple[Ratings, ReadReport]:
    """The ratings of a file with this content."""
    file = folder / name
    file.write_bytes(content)
    return read_ratings(file, ReadOptions(**options))  # type: ignore[arg-type]


def triples(ratings: Ratings) -> list[tuple[str, str, float | None]]:
    """User, item and value of each rating, in order; None: not rated."""
    rows = zip(ratings.user_rows.tolist(), ratings.item_rows.tolist(), ratings.values.tolist(), strict=True)
    return [
        (ratings.user_ids[user], ratings.item_ids[item], None if np.isnan(value) else value)
        for user, item, value in rows
    ]


@FUZZ
@given(
    rows=tables(),
    header=st.sampled_from(HEADERS),
    order=st.permutations(range(4)),
    separator=st.sampled_from([",", ";", "\t", "|"]),
    end=st.sampled_from(["\n", "\r\n"]),
    last=st.booleans(),
    blank=st.booleans(),
    encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16"]),
    compressed=st.booleans(),
)
def test_a_well_formed_table_is_read_exactly_whatever_its_dialect(
    tmp_path: Path,
    rows: list[Row],
    header: tuple[str, ...],
    order: list[int],
    separator: str,
    end: str,
    last: bool,
    blank: bool,
    encoding: str,
    compressed: bool,
) -> None:
    lines = [separator.join(header[place] for place in order)]
    lines += [separator.join(quote(row[place], separator) for place in order) for row in rows]
    text = end.join(lines) + (end if last else "") + (end if blank else "")
    content = text.encode(encoding)
    told = encoding == "utf-8" and quotes_are_told(rows, separator)
    ratings, report = read(
        tmp_path,
        gzip.compress(content) if compressed else content,
        separator=None if told else separator,
        values="stars",
        scale=(0.0, 5.0),
    )
    assert triples(ratings) == [(user, item, float(value)) for user, item, value, _ in rows]
    if ratings.times is not None:
        assert ratings.times.tolist() == [int(time) for *_, time in rows]
    assert report.rows.read == len(ratings) == len(rows)


def quotes_are_told(rows: list[Row], separator: str) -> bool:
    """Whether the separator can be told: no other one is within the fields."""
    others = {",", ";", "\t", "|", ":"} - {separator}
    return not any(other in field or '"' in field for row in rows for field in row for other in others)


@FUZZ
@given(
    rows=tables(), edits=st.lists(st.tuples(st.integers(0, 2000), st.binary(max_size=3), st.integers(0, 4)), max_size=6)
)
def test_a_damaged_table_is_refused_or_read_with_every_row_accounted_for(
    tmp_path: Path, rows: list[Row], edits: list[tuple[int, bytes, int]]
) -> None:
    lines = [",".join(HEADERS[0]), *(",".join(quote(field, ",") for field in row) for row in rows)]
    content = "\n".join(lines).encode()
    for place, inserted, removed in edits:
        place %= len(content) + 1
        content = content[:place] + inserted + content[place + removed :]
    check(tmp_path, content)


@FUZZ
@given(
    content=st.one_of(
        st.binary(max_size=300),
        st.text(st.sampled_from('0123456789,;:\t|" \n\r.-abé\\'), max_size=400).map(str.encode),
        st.lists(
            st.lists(st.sampled_from(["1", "2", "007", "x", "", "4.5", "-1", '"', '"a"', "é"]), max_size=5), max_size=30
        ).map(lambda table: "\n".join(",".join(row) for row in table).encode()),
    )
)
def test_any_bytes_are_refused_or_read_with_every_row_accounted_for(tmp_path: Path, content: bytes) -> None:
    check(tmp_path, content)


@FUZZ
@given(rows=tables(), edits=st.lists(st.tuples(st.integers(0, 2000), st.binary(min_size=1, max_size=3)), max_size=4))
def test_bad_lines_are_left_out_and_counted(tmp_path: Path, rows: list[Row], edits: list[tuple[int, bytes]]) -> None:
    lines = [",".join(HEADERS[0]).encode(), *(",".join(quote(field, ",") for field in row).encode() for row in rows)]
    for place, inserted in edits:
        number = 1 + place % len(rows)
        lines[number] = lines[number][:place] + inserted + lines[number][place:]
    check(tmp_path, b"\n".join(lines), skip_bad_lines=True)


def check(folder: Path, content: bytes, **options: object) -> None:
    """The content is refused with a message, or read: all rows are accounted for, and each id stands in the file."""
    try:
        ratings, report = read(folder, content, **options)
    except DataError as error:
        refusal = str(error)
    else:
        refusal = ""
    if refusal:
        assert len(refusal) > 20
        return
    rows = report.rows
    assert rows.read == len(ratings) + rows.repeated + sum(rows.skipped.values())
    text = decoded(content, report)
    not_blank = [line for line in re.split(r"\r\n|\n|\r", text) if line.strip()]
    assert rows.read in (len(not_blank), len(not_blank) - 1), "a line is neither a row nor a header"
    unescaped = text.replace('""', '"').replace("\\", "")
    for id_ in (*ratings.user_ids, *ratings.item_ids):
        assert id_ in text or id_ in unescaped or id_.replace("\\", "") in unescaped, f"{id_!r} is not in the file"


def decoded(content: bytes, report: ReadReport) -> str:
    """The text as the report says that it was read."""
    read_as = str(report.files[0]["read_as"])
    name = next(
        name for name in ("UTF-8", "CP1252", "LATIN-1", "UTF-16-LE", "UTF-16-BE", "UTF-16", "UTF-32") if name in read_as
    )
    return content.decode("utf-8-sig" if name == "UTF-8" else name, "surrogateescape")


def both_ways(folder: Path, content: bytes, monkeypatch: pytest.MonkeyPatch) -> list[object]:
    """What pyarrow reads, and what is read line by line; None for a refusal."""
    found: list[object] = []
    for at_once in (True, False):
        with monkeypatch.context() as patch:
            if not at_once:
                never: Callable[..., None] = lambda *_: None  # noqa: E731
                patch.setattr("model_service.data.delimited._read_at_once", never)
            try:
                ratings, _ = read(folder, content)
            except DataError as refused:
                found.append(str(refused))
            else:
                found.append((str(triples(ratings)), None if ratings.times is None else ratings.times.tolist()))
    return found


@FUZZ
@given(
    rows=tables(),
    edits=st.lists(
        st.tuples(
            st.integers(0, 2000), st.sampled_from(['"', ",", "\n", " ", "é", ".", "\r", "-", '""', "\\", "0x1", ' "'])
        ),
        max_size=3,
    ),
    separator=st.sampled_from([",", ";", "\t", "|", "::", " "]),
    header=st.booleans(),
)
@example(  # quotes after a blank, in a column that is not read
    rows=[("0", "0", "3.5", "1000000000"), ("0", "1", "3.5", "1000000000")],
    edits=[(103, ' "'), (107, ' "')],
    separator=",",
    header=False,
)
@example(  # a time with a decimal comma
    rows=[("0", "0", "1", "1000000000")], edits=[(39, ",")], separator=";", header=True
)
def test_the_fast_and_the_exact_way_agree(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    rows: list[Row],
    edits: list[tuple[int, str]],
    separator: str,
    header: bool,
) -> None:
    lines = [separator.join(quote(field, separator) for field in row) for row in rows]
    text = "\n".join([separator.join(HEADERS[0]), *lines] if header else lines)
    for place, inserted in edits:
        place %= len(text) + 1
        text = text[:place] + inserted + text[place:]
    fast, exact = both_ways(tmp_path, text.encode(), monkeypatch)
    assert fast == exact
