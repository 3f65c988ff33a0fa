"""Files that are odd in a way that people have: read right, or refused in words; never a traceback."""

import gzip
import os
import zipfile
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


def test_a_header_that_stands_in_the_file_again_is_no_row(tmp_path: Path) -> None:
    path = one(tmp_path, "userId,movieId\n1,10\n2,11\nuserId,movieId\n3,10\n")
    assert 'the header stands in the file again\n  ratings.csv, line 4: "userId,movieId"' in refusal(path)
    assert len(read(path, ReadOptions(skip_bad_lines=True))) == 3


def test_a_header_of_numbers_is_asked_about(tmp_path: Path) -> None:
    path = one(tmp_path, "0,1,2\n1,10,3\n1,11,4\n2,10,5\n")
    assert "may be a header that pandas wrote" in refusal(path)
    assert len(read(path, ReadOptions(header=False))) == 4
    assert read(path, ReadOptions(header=True, user="0", item="1", value="2")) == read(one(tmp_path, TABLE, "b.csv"))


@pytest.mark.parametrize(
    ("header", "line", "fix"),
    [
        ("userId,movieId,rating,tag", "1,10,3", "take the name of the field that lacks out"),
        ("userId,movieId,rating", "1,10,3,", "take the separator at the end of the lines out"),
        ("userId,movieId,rating", "7,1,10,3", "add the name that lacks"),
    ],
)
def test_a_header_of_another_length_says_which_side_is_to_be_mended(
    tmp_path: Path, header: str, line: str, fix: str
) -> None:
    assert fix in refusal(one(tmp_path, f"{header}\n{line}\n{line}\n"))


def test_a_line_of_another_encoding_does_not_change_the_others(tmp_path: Path) -> None:
    table = "userId,movieId,rating\n" + "".join(f"é{n},ñ{n},3\n" for n in range(9))
    path = one(tmp_path, table.encode() + "é9,ñ9,3\n".encode("cp1252"))
    assert "the line is no UTF-8\n  ratings.csv, line 11" in refusal(path)
    assert read(path, ReadOptions(skip_bad_lines=True))[0][:2] == ("é0", "ñ0")
    items = ("movieId,title\n" + "".join(f"{n},Amélie\n" for n in range(10, 19))).encode() + b"19,Am\xe9lie\n"
    folder = written(tmp_path / "folder", {"ratings.csv": TABLE, "movies.csv": items})
    assert "the line is no UTF-8\n  movies.csv, line 11" in refusal(folder)


@pytest.mark.parametrize("encoding", ["euc_jp", "gb18030", "cp1251"])
def test_a_text_that_is_not_western_is_not_read_as_if_it_were(tmp_path: Path, encoding: str) -> None:
    word = "фильм" if encoding == "cp1251" else "映画"
    path = one(tmp_path, f"userId,movieId,rating\n1,{word},3\n2,{word},4\n".encode(encoding))
    assert "--encoding names how it is written" in refusal(path)
    assert read(path, ReadOptions(encoding=encoding)) == [("1", word, 3.0), ("2", word, 4.0)]


def test_blanks_before_a_quote_are_no_part_of_the_field(tmp_path: Path) -> None:
    path = one(tmp_path, 'userId, movieId, rating\n1, "10", 3\n1, "11" , 4\n2, "10", 5\n')
    assert read(path) == read(one(tmp_path, TABLE, "b.csv"))


def test_an_archive_in_an_archive_says_so(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "ml.zip", "w") as archive:
        archive.writestr("ratings.csv.gz", gzip.compress(TABLE.encode()))
    assert "ratings.csv.gz is packed within a packed file" in refusal(tmp_path / "ml.zip")
    with zipfile.ZipFile(tmp_path / "none.zip", "w"):
        pass
    assert "none.zip is empty" in refusal(tmp_path / "none.zip")


def test_a_file_and_its_packed_copy_are_not_added_up(tmp_path: Path) -> None:
    folder = written(tmp_path, {"plays.csv": TABLE, "plays.csv.gz": gzip.compress(TABLE.encode())})
    assert "plays.csv is in" in refusal(folder)
    assert "twice" in refusal(folder)


def test_a_part_without_rows_may_be_the_first(tmp_path: Path) -> None:
    folder = written(tmp_path, {"part-0.csv": TABLE.split("\n")[0] + "\n", "part-1.csv": TABLE})
    assert len(read(folder)) == 3


@pytest.mark.parametrize("separator", [";", "\t"])
def test_thousands_are_not_read_as_decimals(tmp_path: Path, separator: str) -> None:
    table = "userId,movieId,plays\n1,10,{}\n1,11,2~750\n2,10,300\n".replace(",", separator).replace("~", ",")
    assert "may stand for thousands or for decimals" in refusal(one(tmp_path, table.format("1,200")))
    assert read(one(tmp_path, table.format("1,25"), "b.csv"))[:2] == [("1", "10", 1.25), ("1", "11", 2.75)]


def test_titles_of_other_ids_and_days_are_told(tmp_path: Path) -> None:
    table = "userId,movieId,rating,timestamp\n" + "".join(f"{n % 3},{n},{1 + n % 5},{45000 + n}\n" for n in range(20))
    _, report = read_ratings(written(tmp_path, {"ratings.csv": table, "movies.csv": "id,title\n3,A\n7,B\n"}))
    assert [warning for warning in report.warnings if "are its ids other ones?" in warning]
    assert [warning for warning in report.warnings if "are they days or years" in warning]
