"""What values mean."""

from pathlib import Path

import numpy as np
import pytest

from model_service.data.options import ReadOptions
from model_service.data.reader import read_ratings
from model_service.data.values import Meaning, interpret
from tests.model_service.data.written import counted, one, read, refusal


def meaning(values: list[float], name: str = "rating", options: ReadOptions | None = None) -> Meaning:
    return interpret(np.array(values, np.float32), name, options or ReadOptions())


def table(values: list[str], name: str = "rating") -> str:
    return f"user,item,{name}\n" + "".join(f"{row},{row % 3},{value}\n" for row, value in enumerate(values))


@pytest.mark.parametrize(
    ("values", "scale"),
    [
        ([1, 2, 5], (1, 5)),
        ([2, 3, 4], (1, 5)),
        ([0.5, 2, 4], (0.5, 5)),
        ([0, 3, 5], (0, 5)),
        ([1, 7, 9], (1, 10)),
        ([0, 7, 10], (0, 10)),
        ([0, 1], (0, 1)),
        ([-1, 1], (-1, 1)),
        ([-9.5, 3, 8.2], (-10, 10)),
        ([40, 70, 95], (0, 100)),
        ([1, 2, 3] * 400, (1, 3)),
    ],
)
def test_stars_have_the_usual_scale_that_holds_them(values: list[float], scale: tuple[float, float]) -> None:
    found = meaning(values)
    assert (found.kind, found.scale, found.outside) == ("stars", scale, 0)


@pytest.mark.parametrize(
    ("values", "name", "kind"),
    [
        ([1, 1, 1], "rating", "clicks"),
        ([1, 2, 250], "", "counts"),
        ([1, 2, 3], "plays", "counts"),
        ([0.5, 1.5, 300.25], "hours", "counts"),
        ([3, 3, 3], "rating", "stars"),
    ],
)
def test_counts_and_clicks_have_no_scale(values: list[float], name: str, kind: str) -> None:
    found = meaning(values, name)
    assert found.kind == kind
    assert (found.scale is None) == (kind != "stars")


def test_without_a_value_each_line_is_one() -> None:
    assert interpret(None, "", ReadOptions()).kind == "clicks"


@pytest.mark.parametrize(
    ("values", "missing"), [([-1, 1, 5, 10], (-1,)), ([99, -3.5, 4, 9.5], (99,)), ([-1, 1], ()), ([0, 3, 5], ())]
)
def test_a_number_apart_from_all_others_means_not_rated(values: list[float], missing: tuple[float, ...]) -> None:
    assert meaning(values).missing == missing


def test_a_scale_by_hand_tells_what_is_outside() -> None:
    found = meaning([1, 5, 7, -2], options=ReadOptions(scale=(1, 5)))
    assert (found.outside, found.outside_rows) == (2, (2, 3))


def test_a_scale_that_excludes_values_refuses_them_or_leaves_them_out(tmp_path: Path) -> None:
    path = one(tmp_path, table(["1", "5", "7"]))
    message = refusal(path, ReadOptions(scale=(1, 5)))
    assert "ratings.csv, line 4: 7" in message
    assert "--scale 1..7" in message
    assert "1..7" in message
    ratings, report = read_ratings(path, ReadOptions(scale=(1, 5), skip_bad_lines=True))
    counted(report)
    assert len(ratings) == 2
    assert report.rows.skipped == {"the value is outside 1 to 5": 1}


def test_a_negative_count_is_refused_or_left_out(tmp_path: Path) -> None:
    path = one(tmp_path, table(["3", "-2", "700"], "plays"))
    options = ReadOptions(values="counts")
    assert "a count is negative" in refusal(path, options)
    assert "line 3: -2" in refusal(path, options)
    ratings, report = read_ratings(path, ReadOptions(values="counts", skip_bad_lines=True))
    assert len(ratings) == 2
    assert report.rows.skipped == {"a count is negative": 1}


def test_a_few_values_above_the_top_are_errors(tmp_path: Path) -> None:
    assert "line 42: 55" in refusal(one(tmp_path, table(["4", "5"] * 20 + ["55"])))


@pytest.mark.parametrize(
    ("up", "down"),
    [("true", "false"), ("True", "False"), ("yes", "no"), ("like", "dislike"), ("up", "down"), ("1", "0")],
)
def test_thumbs_are_1_and_0(up: str, down: str, tmp_path: Path) -> None:
    ratings, _ = read_ratings(one(tmp_path, table([up, down, up], "liked")))
    assert ratings.values.tolist() == [1.0, 0.0, 1.0]
    assert ratings.scale == (0.0, 1.0)


@pytest.mark.parametrize("text", ["NULL", "\\N", "", "nan", "?", "n/a"])
def test_a_text_that_means_not_rated_is_one_only_when_the_options_say_so(text: str, tmp_path: Path) -> None:
    path = one(tmp_path, table(["4", text, "2"]))
    assert "--missing" in refusal(path)
    ratings, report = read_ratings(path, ReadOptions(missing=(text or "empty",)))
    assert np.isnan(ratings.values).tolist() == [False, True, False]
    assert report.not_rated == 1


def test_a_number_that_means_not_rated_is_so_in_each_of_its_forms(tmp_path: Path) -> None:
    ratings, _ = read_ratings(one(tmp_path, table(["4", "0", "0.0", "2"])), ReadOptions(missing=("0",)))
    assert np.isnan(ratings.values).tolist() == [False, True, True, False]


def test_zeros_that_may_mean_not_rated_are_told(tmp_path: Path) -> None:
    _, report = read_ratings(one(tmp_path, table(["0", "5", "8", "0"])))
    assert any("--missing 0" in warning for warning in report.warnings)


def test_a_column_that_is_not_to_be_read_as_value(tmp_path: Path) -> None:
    ratings, _ = read_ratings(one(tmp_path, table(["4", "5"])), ReadOptions(value="none"))
    assert ratings.scale is None
    assert ratings.values.tolist() == [1.0, 1.0]


@pytest.mark.parametrize("value", ["4.0", "+4", "4e0", "04", " 4 ", "4."])
def test_a_number_is_read_in_any_form(value: str, tmp_path: Path) -> None:
    assert read(one(tmp_path, table([value, "1"])))[0][2] == 4.0


@pytest.mark.parametrize("value", ["0x4", "4,5,", "1_0", "٤", "1e99", "--4", "4/5"])
def test_a_number_in_no_usual_form_is_refused(value: str, tmp_path: Path) -> None:
    assert "ratings.csv, line 4" in refusal(one(tmp_path, table(["1", "2", value, "3"] + ["4"] * 20)))


@pytest.mark.parametrize("nothing", [99, -99, 999, -999, 9999])
def test_nines_apart_from_all_ratings_mean_not_rated(nothing: float) -> None:
    found = meaning([1, 2, 3, 4, 5, nothing, nothing])
    assert (found.kind, found.scale, found.missing) == ("stars", (1, 5), (nothing,))
    assert meaning([-1, 1, 2, 3, 4, nothing] if nothing > 0 else [1, 2, nothing]).missing[-1] == nothing


@pytest.mark.parametrize("options", [ReadOptions(values="counts"), None])
def test_99_plays_are_99_plays(options: ReadOptions | None) -> None:
    found = meaning([1, 2, 3, 99, 99], "rating" if options else "plays", options)
    assert (found.kind, found.missing) == ("counts", ())


def test_equal_counts_are_counts() -> None:
    assert meaning([3, 3, 3], "plays").kind == "counts"
    assert meaning([3, 3, 3]).kind == "stars"


def test_the_ends_of_a_given_scale_are_on_it() -> None:
    assert meaning([0.7, 4.4, 2], options=ReadOptions(scale=(0.7, 4.4))).outside == 0
