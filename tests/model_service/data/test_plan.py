"""Which columns are read."""

import pytest

from model_service.data.options import ReadOptions
from model_service.data.plan import Columns, make_columns
from model_service.data.problems import Problems
from model_service.data.roles import NAMES, normalised, roles_by_name


def plan(header: str, *lines: str, options: ReadOptions | None = None) -> tuple[Columns | None, str]:
    """The columns and the problems of a table."""
    problems = Problems()
    names = header.split(",") if header else None
    fields = [tuple(line.split(",")) for line in lines]
    columns = make_columns("x.csv", names, len(fields[0]), fields, options or ReadOptions(), problems)
    return columns, "\n".join(problems.lines())


def test_names_are_known_in_one_role_first() -> None:
    for role in ("user", "value", "time"):
        for name in NAMES[role]:
            assert name == normalised(name)
            assert roles_by_name([name]).get(role) == 0 or roles_by_name([name]).get("item") == 0


@pytest.mark.parametrize(
    ("header", "roles"),
    [
        ("userId,movieId,rating,timestamp", {"user": 0, "item": 1, "value": 2, "time": 3}),
        ("User-ID,ISBN,Book-Rating", {"user": 0, "item": 1, "value": 2}),
        ("user_id:token,item_id:token,rating:float", {"user": 0, "item": 1, "value": 2}),
        ("rating,title,asin,parent_asin,user_id,timestamp", {"user": 4, "item": 2, "value": 0, "time": 5}),
        ("title,user,rating", {"user": 1, "item": 0, "value": 2}),
        ("USER_ID,ITEM_ID,EVENT_TYPE,EVENT_VALUE,TIMESTAMP", {"user": 0, "item": 1, "value": 3, "time": 4}),
    ],
)
def test_names_tell_the_roles(header: str, roles: dict[str, int]) -> None:
    assert roles_by_name(header.split(",")) == roles


def test_options_go_before_names() -> None:
    columns, _ = plan("user,item,rating,hours", "1,2,3,4", options=ReadOptions(value="hours"))
    assert columns is not None
    assert columns.plan.value == 3
    assert columns.by["value"] == "hand"
    assert columns.ignored == ('column 3 "rating"',)


@pytest.mark.parametrize(("number", "place"), [("1", 0), ("3", 2)])
def test_a_column_has_a_number_from_1(number: str, place: int) -> None:
    columns, _ = plan("", "1,2,3", options=ReadOptions(user=number))
    assert columns is not None
    assert columns.plan.user == place


@pytest.mark.parametrize("column", ["0", "4", "-1", "nope", ""])
def test_a_column_that_is_not_there_is_a_problem(column: str) -> None:
    columns, told = plan("", "1,2,3", options=ReadOptions(user=column))
    assert columns is None
    assert "columns 1 to 3" in told


@pytest.mark.parametrize("role", ["user", "item"])
def test_a_column_in_two_roles_is_a_problem(role: str) -> None:
    columns, told = plan("", "1,2,3", options=ReadOptions(user="1", item="1"))
    assert columns is None, role
    assert "--user" in told


@pytest.mark.parametrize(
    ("header", "told"),
    [
        ("foo,item,rating", "names no user"),
        ("user,foo,rating", "names no item"),
        ("foo,bar,rating", "names no user and no item"),
        (",foo,bar", "column 1 has no name"),
    ],
)
def test_a_header_without_user_or_item_is_a_problem(header: str, told: str) -> None:
    columns, problems = plan(header, "1,2,3")
    assert columns is None
    assert told in problems


def test_a_column_of_numbers_beside_is_asked_about() -> None:
    columns, told = plan("user,item,foo", "1,2,3", "1,3,4")
    assert columns is None
    assert "--value foo" in told
    assert plan("user,item,foo", "1,2,3", "1,3,4", options=ReadOptions(value="none"))[0] is not None


def test_a_value_column_of_texts_is_a_problem() -> None:
    assert "holds no numbers" in plan("user,item,rating", "1,2,superb", "1,3,poor")[1]


def test_a_third_column_of_times_is_the_time() -> None:
    columns, _ = plan("", "1,2,964982703", "2,3,964982704")
    assert columns is not None
    assert (columns.plan.value, columns.plan.time) == (None, 2)


def test_a_fourth_column_that_holds_no_times_is_told_and_not_read() -> None:
    columns, _ = plan("", "1,2,3,17", "2,3,4,18")
    assert columns is not None
    assert columns.plan.time is None
    assert "--time 4" in columns.warnings[0]


def test_times_that_are_none_are_told_and_not_read() -> None:
    columns, _ = plan("user,item,rating,date", "1,2,3,spring", "2,3,4,autumn")
    assert columns is not None
    assert columns.plan.time is None
    assert "spring" in columns.warnings[0]


def test_dates_whose_day_and_month_cannot_be_told_apart_are_a_problem() -> None:
    columns, told = plan("user,item,rating,date", "1,2,3,01/02/2005", "2,3,4,03/04/2005")
    assert columns is None
    assert "--time none" in told
