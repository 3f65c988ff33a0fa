"""Ratings of the same item by the same user."""

from pathlib import Path

import pytest

from model_service.data.options import Duplicates, ReadOptions
from model_service.data.reader import read_ratings
from tests.model_service.data.written import counted, one, read, refusal

TIMED = "user,item,rating,timestamp\n1,10,4,300\n1,10,1,100\n1,10,2,200\n2,20,3,100\n"
PLAIN = "user,item,rating\n1,10,4\n1,10,2\n2,20,3\n"


@pytest.mark.parametrize(("how", "value"), [("latest", 4), ("first", 4), ("mean", 7 / 3), (None, 4)])
def test_one_counts(how: Duplicates | None, value: float, tmp_path: Path) -> None:
    found = read(one(tmp_path, TIMED), ReadOptions(duplicates=how))
    assert found == [("1", "10", pytest.approx(value, abs=1e-4)), ("2", "20", 3.0)]


@pytest.mark.parametrize(("how", "value"), [("latest", 2), ("first", 4), ("mean", 3), (None, 3)])
def test_without_times_the_last_line_is_the_latest(how: Duplicates | None, value: float, tmp_path: Path) -> None:
    assert read(one(tmp_path, PLAIN), ReadOptions(duplicates=how))[0] == ("1", "10", value)


def test_of_equal_times_the_last_line_is_the_latest(tmp_path: Path) -> None:
    text = "user,item,rating,timestamp\n1,10,4,100\n1,10,2,100\n2,20,3,50\n"
    assert read(one(tmp_path, text))[0] == ("1", "10", 2.0)


def test_counts_are_summed(tmp_path: Path) -> None:
    assert read(one(tmp_path, "user,item,plays\n1,10,400\n1,10,2\n2,20,3\n"))[0] == ("1", "10", 402.0)
    assert read(one(tmp_path, "user,item\n1,10\n1,10\n2,20\n"))[0] == ("1", "10", 2.0)


def test_a_rating_goes_before_not_rated(tmp_path: Path) -> None:
    text = "user,item,rating,timestamp\n1,10,4,100\n1,10,0,200\n2,20,3,50\n"
    assert read(one(tmp_path, text), ReadOptions(missing=("0",)))[0] == ("1", "10", 4.0)


def test_a_sum_beyond_the_scale_is_refused_with_a_reason(tmp_path: Path) -> None:
    assert "--duplicates" in refusal(one(tmp_path, PLAIN), ReadOptions(duplicates="sum"))


def test_duplicates_can_be_refused_with_their_lines(tmp_path: Path) -> None:
    message = refusal(one(tmp_path, PLAIN), ReadOptions(duplicates="refuse"))
    assert "ratings.csv, line " in message
    assert "user 1, item 10" in message
    unique = "user,item,rating\n1,10,4\n2,20,3\n"
    assert len(read(one(tmp_path, unique), ReadOptions(duplicates="refuse"))) == 2


def test_the_report_counts_what_was_merged(tmp_path: Path) -> None:
    _, report = read_ratings(one(tmp_path, TIMED))
    counted(report)
    assert (report.rows.read, report.kept, report.rows.repeated, report.rows.repeated_pairs) == (4, 2, 2, 1)
    assert "4 rows read = 2 ratings kept + 2 merged" in report.text()
