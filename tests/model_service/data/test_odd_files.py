"""Files that are odd in a way that people have: read right, or refused in words; never a traceback."""

import os
from pathlib import Path

import pytest

from model_service.data.options import ReadOptions
from model_service.data.reader import read_ratings
from tests.model_service.data.written import one, read, refusal, written

NETFLIX = "1:\n7,3,2005-09-06\n8,4,2005-09-07\n2:\n7,5,2005-09-08\n"
READ = [("7", "1", 3.0), ("8", "1", 4.0), ("7", "2", 5.0)]
TABLE = "userId,movieId,rating\n1,10,3\n1,11,4\n2,10,5\n"


@pytest.mark.parametrize(
    "content",
    [
        NETFLIX.encode("utf-8-sig"),
        NETFLIX.encode("utf-16"),
        NETFLIX.replace("\n", "\r").encode(),
        b"\n\n" + NETFLIX.encode(),
        b"76:\n77:\n" + NETFLIX.encode() + b"78:\n",
        NETFLIX.replace(",", ", ").encode(),
    ],
    ids=["mark", "utf-16", "cr", "blank lines", "empty blocks", "blanks"],
)
def test_blocks_of_netflix_are_read_however_they_are_written(tmp_path: Path, content: bytes) -> None:
    assert read(one(tmp_path, content, "combined_data_1.txt")) == READ


def test_a_third_column_of_dates_without_a_header_is_the_time(tmp_path: Path) -> None:
    ratings, _ = read_ratings(one(tmp_path, "".join(f"{n % 7},{n % 5},2005-04-{n + 1:02}\n" for n in range(25))))
    assert ratings.times is not None
    assert ratings.scale is None


@pytest.mark.parametrize("cut", ["utf-16", "utf-16-le", "utf-32"])
@pytest.mark.parametrize("skip", [False, True])
def test_a_cut_file_of_wide_characters_is_refused(tmp_path: Path, cut: str, skip: bool) -> None:
    path = one(tmp_path, TABLE.encode(cut)[:-1])
    assert "ratings.csv is damaged or no UTF-" in refusal(path, ReadOptions(skip_bad_lines=skip))


def test_a_title_of_any_length_is_a_line_that_can_be_refused(tmp_path: Path) -> None:
    items = 'movieId,title\n10,"' + "a" * 200_000 + "\n11,Alien\n"
    assert "a quote is left open" in refusal(written(tmp_path, {"ratings.csv": TABLE, "movies.csv": items}))


@pytest.mark.parametrize("separator", ["||", "§"])
def test_a_separator_may_be_any_characters(tmp_path: Path, separator: str) -> None:
    path = one(tmp_path, TABLE.replace(",", separator))
    assert read(path, ReadOptions(separator=separator)) == read(one(tmp_path, TABLE, "b.csv"))


def test_what_is_no_file_is_refused_at_once(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    assert "is neither a file nor a folder" in refusal(tmp_path / "pipe")
    assert "cannot be opened" in refusal(tmp_path / ("x" * 300))


def test_times_in_several_units_are_refused_with_their_lines(tmp_path: Path) -> None:
    rows = "".join(f"{n % 7},{n},3,{10**9 + n if n == 4 else 10**12 + n}\n" for n in range(20))
    said = refusal(one(tmp_path, "userId,movieId,rating,timestamp\n" + rows))
    assert "the times are in several units\n  ratings.csv, line 6: 1000000004, others in milliseconds" in said


@pytest.mark.parametrize(
    "date",
    [
        "200504{:02}",
        "{:02}.04.2005 00:00",
        "2005-04-{:02} 00:00:00 UTC",
        "200504{:02}T000000",
        "2005/04/{:02} 00:00",
        "04/{:02}/2005 12:00:00 AM",
    ],
)
def test_dates_are_read_as_they_are_exported(tmp_path: Path, date: str) -> None:
    rows = "".join(f"{n % 7},{n},{1 + n % 5},{date.format(n)}\n" for n in range(1, 21))
    ratings, report = read_ratings(one(tmp_path, "userId,movieId,rating,timestamp\n" + rows))
    assert ratings.times is not None
    assert (report.unit, ratings.times[0]) == ("dates", 1112313600)


@pytest.mark.parametrize("late", ["0x3b9aca01", "nan", "inf", "1e300"])
@pytest.mark.parametrize("first", ["1000000000", "1000000000.5"])
def test_what_is_no_time_is_refused_beyond_the_first_lines_too(tmp_path: Path, first: str, late: str) -> None:
    rows = "".join(f"{n % 7},{n},{1 + n % 5},{first}\n" for n in range(500)) + f"1,500,3,{late}\n"
    assert f'line 502: "{late}"' in refusal(one(tmp_path, "userId,movieId,rating,timestamp\n" + rows))
