"""Times in seconds since 1970."""

from pathlib import Path

import numpy as np
import pytest

from model_service.data.options import ReadOptions
from model_service.data.reader import read_ratings
from model_service.data.times import date_parser, is_time, to_seconds
from tests.model_service.data.written import one, refusal

MOMENT = 1112486027  # 2005-04-02 23:53:47 in UTC


@pytest.mark.parametrize(
    ("factor", "unit"), [(1, "seconds"), (10**3, "milliseconds"), (10**6, "microseconds"), (10**9, "nanoseconds")]
)
def test_the_unit_is_told_by_the_size(factor: int, unit: str) -> None:
    seconds, found = to_seconds(np.array([MOMENT * factor, 0], np.int64))
    assert (seconds.tolist(), found) == ([MOMENT, 0], unit)
    assert is_time(MOMENT * factor)


@pytest.mark.parametrize("field", [
    "2005-04-02 23:53:47", "2005-04-02T23:53:47", "2005-04-02T23:53:47Z", "2005-04-03T01:53:47+02:00",
    "2005-04-02 23:53:47.500", "2005/04/02 23:53:47", "02.04.2005 23:53:47", "Sat Apr 02 23:53:47 +0000 2005",
    "Sat, 02 Apr 2005 23:53:47 +0000",
])  # fmt: skip
def test_a_date_with_a_time_is_read(field: str, tmp_path: Path) -> None:
    text = f'user,item,rating,date\n1,10,4,"{field}"\n2,20,3,"{field.replace("47", "48")}"\n'
    ratings, _ = read_ratings(one(tmp_path, text))
    assert ratings.times is not None
    assert ratings.times.tolist() == [MOMENT, MOMENT + 1]


@pytest.mark.parametrize(
    "field", ["2005-04-02", "2005/04/02", "02.04.2005", "04 2, 2005", "02 Apr 2005", "Apr 2, 2005", "20050402"]
)
def test_a_day_is_its_midnight(field: str) -> None:
    parse = date_parser([field])
    assert parse is not None
    assert parse(field) == 1112400000


@pytest.mark.parametrize(
    ("fields", "first"),
    [
        (["01/02/2005", "13/02/2005"], "2005-02-01"),
        (["01/02/2005", "02/13/2005"], "2005-01-02"),
        (["01/02/2005"], None),
    ],
)
def test_day_and_month_are_told_apart_by_a_day_above_12(fields: list[str], first: str | None) -> None:
    parse = date_parser(fields)
    assert (None if parse is None else parse(fields[0])) == (
        None if first is None else int(np.datetime64(first, "s").astype(np.int64))
    )


@pytest.mark.parametrize("fields", [[], [""], ["spring"], ["2005-04-02", "02.04.2005"], ["2005-13-01"], ["1,5"]])
def test_what_is_no_date_has_no_parser(fields: list[str]) -> None:
    assert date_parser(fields) is None


def test_dates_that_cannot_be_told_apart_are_refused_until_they_are_ignored(tmp_path: Path) -> None:
    path = one(tmp_path, "user,item,rating,date\n1,10,4,01/02/2005\n2,20,3,03/04/2005\n")
    assert "day and month" in refusal(path)
    assert read_ratings(path, ReadOptions(time="none"))[0].times is None


def test_a_date_written_in_another_way_is_told_with_its_line(tmp_path: Path) -> None:
    many = "".join(f"{row},10,4,2005-04-02\n" for row in range(600))
    message = refusal(one(tmp_path, f"user,item,rating,date\n{many}9999,10,4,02.04.2005\n"))
    assert "line 602" in message
    assert "--time none" in message


def test_times_that_are_all_equal_tell_nothing(tmp_path: Path) -> None:
    assert read_ratings(one(tmp_path, "user,item,rating,timestamp\n1,10,4,5\n2,20,3,5\n"))[0].times is None


@pytest.mark.parametrize("field", ["", "abc", "1e300"])
def test_a_time_that_is_none_is_told_with_its_line(field: str, tmp_path: Path) -> None:
    text = "user,item,rating,timestamp\n" + "".join(f"{row},10,4,{MOMENT + row}\n" for row in range(600))
    assert "line 602" in refusal(one(tmp_path, text + f"9999,10,4,{field}\n"))


def test_times_before_1970_and_with_fractions_are_read(tmp_path: Path) -> None:
    ratings, _ = read_ratings(one(tmp_path, "user,item,rating,timestamp\n1,10,4,-86400\n2,20,3,1112486027.9\n"))
    assert ratings.times is not None
    assert ratings.times.tolist() == [-86400, MOMENT]
