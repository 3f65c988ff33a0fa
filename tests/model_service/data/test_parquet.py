"""Ratings in Parquet."""

from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from model_service.data.options import ReadOptions
from model_service.data.reader import read_ratings
from tests.model_service.data.written import one, read, refusal, rows

TWO = [("1", "10", 4.0), ("2", "20", 3.0)]


def stored(path: Path, **columns: Any) -> Path:
    """A Parquet file with these columns."""
    parquet.write_table(pa.table(columns), path)
    return path


def table(path: Path, **columns: Any) -> Path:
    """One with user, item and rating, but for the given columns."""
    return stored(path, **{"user": [1, 2], "item": [10, 20], "rating": [4.0, 3.0], **columns})


@pytest.mark.parametrize("ids", [
    pa.array([1, 2], pa.int32()), pa.array([1, 2], pa.uint64()), pa.array(["1", "2"]),
    pa.array(["1", "2"], pa.large_string()),
    pa.array([1.0, 2.0]), pa.array(["1", "2"]).dictionary_encode(), pa.array([1, 2]).dictionary_encode(),
    pa.array(["1", "2"], pa.string_view()),
])  # fmt: skip
def test_ids_of_any_type_are_read(ids: pa.Array, tmp_path: Path) -> None:
    assert read(table(tmp_path / "ratings.parquet", user=ids)) == TWO


def test_ids_beyond_63_bits_and_with_leading_zeros_are_kept(tmp_path: Path) -> None:
    path = table(tmp_path / "x.parquet", user=pa.array([2**64 - 1, 2], pa.uint64()), item=["007", "7"])
    assert read(path) == [(str(2**64 - 1), "007", 4.0), ("2", "7", 3.0)]


def test_ids_as_decimals_beside_a_null_are_whole_and_the_null_is_told(tmp_path: Path) -> None:
    message = refusal(table(tmp_path / "x.parquet", user=[1.0, None]))
    assert 'the user ("user") is null' in message
    assert "x.parquet, row 2" in message


@pytest.mark.parametrize(
    ("column", "told"),
    [
        ({"user": [1.5, 2.0]}, "decimal number"),
        ({"user": ["", "2"]}, "empty"),
        ({"user": [True, False]}, "type bool"),
        ({"rating": [4.0, None]}, "null or no number"),
        ({"rating": ["4", "x"]}, "row 2"),
        ({"rating": [float("inf"), 3.0]}, "row 1"),
        ({"rating": [[1], [2]]}, "numbers"),
    ],
)
def test_what_cannot_be_read_is_told(column: dict[str, Any], told: str, tmp_path: Path) -> None:
    assert told in refusal(table(tmp_path / "x.parquet", **column))


@pytest.mark.parametrize(
    "values",
    [
        [4, 3],
        [4.0, 3.0],
        ["4", "3"],
        pa.array(["4", "3"]).dictionary_encode(),
        pa.array([4, 3], pa.int8()),
        pa.array([4, 3]).dictionary_encode(),
    ],
)
def test_values_of_any_type_are_read(values: Any, tmp_path: Path) -> None:
    assert read(table(tmp_path / "x.parquet", rating=values)) == TWO


def test_thumbs_as_booleans_are_read(tmp_path: Path) -> None:
    assert [value for *_, value in read(table(tmp_path / "x.parquet", rating=[True, False]))] == [1.0, 0.0]


def test_a_null_value_is_not_rated_when_the_options_say_so(tmp_path: Path) -> None:
    _, report = read_ratings(table(tmp_path / "x.parquet", rating=[4.0, None]), ReadOptions(missing=("empty",)))
    assert report.not_rated == 1


SECONDS = [1112486027, 1112486028]
UNITS = ("s", "ms", "us", "ns")
MOMENTS = [datetime.fromtimestamp(second, UTC) for second in SECONDS]


@pytest.mark.parametrize("times", [
    SECONDS, [1000 * second for second in SECONDS], [float(second) for second in SECONDS],
    *(pa.array([moment.replace(tzinfo=None) for moment in MOMENTS], pa.timestamp(unit)) for unit in UNITS),
    pa.array(MOMENTS, pa.timestamp("us", "UTC")), [str(moment) for moment in MOMENTS],
    [str(second) for second in SECONDS],
])  # fmt: skip
def test_times_of_any_type_are_read(times: Any, tmp_path: Path) -> None:
    ratings, _ = read_ratings(table(tmp_path / "x.parquet", timestamp=times))
    assert ratings.times is not None
    assert ratings.times.tolist() == SECONDS


def test_part_files_are_read_as_one(tmp_path: Path) -> None:
    table(tmp_path / "part-00000.parquet")
    table(tmp_path / "part-00001.parquet", user=[3, 4])
    (tmp_path / "_SUCCESS").touch()
    ratings, _ = read_ratings(tmp_path)
    assert rows(ratings) == [*TWO, ("3", "10", 4.0), ("4", "20", 3.0)]


def test_titles_with_genres_as_lists_are_read(tmp_path: Path) -> None:
    table(tmp_path / "ratings.parquet")
    stored(tmp_path / "items.parquet", item=[10, 20], title=["Heat", None], genres=[["Action", "Crime"], None])
    ratings, _ = read_ratings(tmp_path)
    assert [(item.title, item.genres) for item in ratings.catalogue] == [("Heat", ("Action", "Crime")), ("20", ())]


def test_a_damaged_file_is_refused(tmp_path: Path) -> None:
    content = table(tmp_path / "x.parquet").read_bytes()
    assert "Parquet" in refusal(one(tmp_path / "cut", content[:-20], "x.parquet"))


def test_a_file_without_rows_is_refused(tmp_path: Path) -> None:
    empty = pa.array([], pa.int64())
    assert "x.parquet" in refusal(table(tmp_path / "x.parquet", user=empty, item=empty, rating=empty))


def _odd(folder: Path, **columns: object) -> Path:
    count = 30
    table = {"user_id": [n % 6 for n in range(count)], "item_id": [*range(count)], "rating": [3] * 29 + [4]}
    path = folder / "odd.parquet"
    parquet.write_table(pa.table({**table, **columns}), path)
    return path


@pytest.mark.parametrize("large", [1e20, float("inf"), 2.0**53])
def test_an_id_that_a_decimal_number_cannot_hold_is_refused(tmp_path: Path, large: float) -> None:
    said = refusal(_odd(tmp_path, user_id=pa.array([float(n % 6) for n in range(29)] + [large])))
    assert "too large for an id that is held as a decimal number\n  odd.parquet, row 30" in said


@pytest.mark.parametrize(
    ("columns", "said"),
    [
        ({"user_id": pa.nulls(30)}, "null in every row"),
        ({"rating": [3.0] * 29 + [1e300]}, "odd.parquet, row 30"),
        ({"rating": ["3"] * 29 + ["1_0"]}, "odd.parquet, row 30"),
    ],
)
def test_what_no_column_holds_is_refused(tmp_path: Path, columns: dict[str, object], said: str) -> None:
    assert said in refusal(_odd(tmp_path, **columns))


def test_a_time_that_is_no_number_is_refused_beyond_the_first_rows_too(tmp_path: Path) -> None:
    count = 500
    times = pa.array([1e9 + n for n in range(count - 1)] + [float("nan")], from_pandas=False)
    table = pa.table({"user_id": [n % 6 for n in range(count)], "item_id": [*range(count)], "timestamp": times})
    parquet.write_table(table, tmp_path / "r.parquet")
    assert 'the time ("timestamp") is no time\n  r.parquet, row 500' in refusal(tmp_path / "r.parquet")


def test_compact_dates_are_dates(tmp_path: Path) -> None:
    ratings, _ = read_ratings(_odd(tmp_path, timestamp=[20050401 + n for n in range(30)]))
    assert ratings.times is not None
    assert ratings.times[0] == 1112313600


def test_a_column_that_stands_in_the_names_of_folders_is_refused(tmp_path: Path) -> None:
    for value in (1, 2):
        (tmp_path / f"rating={value}").mkdir()
        parquet.write_table(
            pa.table({"user_id": [1, 2], "item_id": [3, 4]}), tmp_path / f"rating={value}" / "part.parquet"
        )
    assert "'rating' is in the names of folders only" in refusal(tmp_path)
    (tmp_path / "dates" / "dt=2024-01-01").mkdir(parents=True)
    parquet.write_table(
        pa.table({"user_id": [1, 2], "item_id": [3, 4]}), tmp_path / "dates" / "dt=2024-01-01" / "p.parquet"
    )
    assert len(read(tmp_path / "dates")) == 2


def test_a_damaged_page_is_refused(tmp_path: Path) -> None:
    path = _odd(tmp_path)
    content = path.read_bytes()
    path.write_bytes(content[:4] + b"\xff" * 40 + content[44:])
    assert "odd.parquet is damaged" in refusal(path)


def test_a_part_without_rows_is_read(tmp_path: Path) -> None:
    table = pa.table({"user_id": [1, 2], "item_id": [3, 4]})
    parquet.write_table(table, tmp_path / "part-0.parquet")
    parquet.write_table(table[:0], tmp_path / "part-1.parquet")
    assert len(read(tmp_path)) == 2
