"""Rating files read in pieces, ids of any kind, and the invented release that the benchmark of training makes."""

from pathlib import Path

import numpy as np
import pytest
from model_service.data.columns import read_columns
from model_service.data.movielens import read_movielens

from benchmarks.training import write_release
from model_service.artifact import load_artifact
from model_service.catalogue import Item
from model_service.data import columns, ratings
from model_service.data.ratings import DataError, Ratings
from model_service.training.__main__ import main


@pytest.mark.parametrize("separator", [",", "\t", "::"])
def test_a_file_read_in_many_blocks_is_the_file(
    separator: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    rows = [(user, user * 7 % 90 + 1, user % 9 / 2 + 0.5, 10**9 + user) for user in range(1, 2000)]
    file = tmp_path / "ratings"
    file.write_text("".join(separator.join(map(str, row)) + "\n" for row in rows))
    monkeypatch.setattr(columns, "_BLOCK_BYTES", 1024)
    monkeypatch.setattr(columns, "_PROGRESS_MIN_BYTES", 0)
    found = read_columns(file, separator=separator, header=False)
    assert found.times is not None
    read = (found.users.tolist(), found.items.tolist(), found.values.tolist(), found.times.tolist())
    assert list(zip(*read, strict=True)) == rows
    assert (found.users.dtype, found.items.dtype, found.values.dtype) == (np.int64, np.int64, np.float32)


def test_windows_line_ends_and_a_missing_last_line_end_are_read(tmp_path: Path) -> None:
    (tmp_path / "r").write_bytes(b"userId,movieId,rating,timestamp\r\n1,2,4.5,7\r\n3,4,0.5,7")
    found = read_columns(tmp_path / "r", separator=",", header=True)
    assert (found.users.tolist(), found.items.tolist(), found.values.tolist()) == ([1, 3], [2, 4], [4.5, 0.5])


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("1365029107", "1365029207", [1365029107, 1365029207]),
        ("1365029107000", "1365029207000", [1365029107, 1365029207]),
        ("2013-04-03T22:45:07", "2013-04-03T22:46:47", [1365029107, 1365029207]),
        ("1970-01-01", "1970-01-03", [0, 172800]),
        (" 7", "8.0", [7, 8]),
        ("yesterday", "8", None),
        ("", "8", None),
        ("0", "0", None),
    ],
)
def test_times_are_seconds_milliseconds_or_dates_and_otherwise_ignored(
    first: str, second: str, expected: list[int] | None, tmp_path: Path
) -> None:
    (tmp_path / "r").write_text(f"1,2,4,{first}\n1,3,4,{second}\n")
    found = read_columns(tmp_path / "r", separator=",", header=False).times
    assert (None if found is None else found.tolist()) == expected


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1,2,3,4\n1,2\n", "line 2 has 2 of the 4 fields"),
        ("1,2,3,4\n1,2,,4\n", "line 2: the rating is '', which is not a number"),
        ("1,2.5,3,4\n", "the film is '2.5', which is not a whole number"),
        ("1,2,three,4\n", "the rating is 'three', which is not a number"),
        ("", "holds no ratings"),
    ],
)
def test_an_unparsable_line_is_named(text: str, message: str, tmp_path: Path) -> None:
    (tmp_path / "ratings").write_text(text)
    with pytest.raises(DataError) as refused:
        read_columns(tmp_path / "ratings", separator=",", header=False)
    assert str(tmp_path / "ratings") in str(refused.value)
    assert message in str(refused.value)


def test_movielens_10m_has_half_stars_and_utf8_titles_in_files_named_as_those_of_1m(tmp_path: Path) -> None:
    (tmp_path / "ratings.dat").write_text("1::2::3.5::978300760\n2::2::5::978302109\n")
    (tmp_path / "movies.dat").write_text("2::Misérables, Les (1995)::Drama\n", encoding="utf-8")
    found = read_movielens(tmp_path)
    assert (found.scale, found.source) == ((0.5, 5.0), "MovieLens 10M")
    assert found.catalogue[0].title == "Misérables, Les (1995)"


@pytest.mark.parametrize("table", [0, 1 << 20])
def test_rows_follow_increasing_ids_with_gaps_of_any_size(table: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ratings, "_MIN_TABLE_SIZE", table)
    users = np.array([900_000, -4, 900_000, 12], dtype=np.int64)
    found = Ratings(
        users=users,
        items=np.array([5, 5, 7, 6], dtype=np.int64),
        values=np.ones(4, dtype=np.float32),
        catalogue=tuple(Item(id=number, title=str(number)) for number in (5, 6, 7)),
        scale=(1.0, 5.0),
        source="gaps",
    )
    assert found.user_ids.tolist() == [-4, 12, 900_000]
    assert found.user_rows.tolist() == [2, 0, 2, 1]
    assert found.user_rows.dtype == np.int32


def test_only_line_ends_divide_the_film_list(tmp_path: Path) -> None:
    (tmp_path / "ratings.dat").write_text("1::2::3::978300760\n2::3::5::978302109\n")
    (tmp_path / "movies.dat").write_bytes(b"2::Caf\xe9 \x85 Noir (1995)::Drama|War\r\n3::Fine (1990)::War\r\n")
    assert [(item.title, item.genres) for item in read_movielens(tmp_path).catalogue] == [
        ("Café \x85 Noir (1995)", ("Drama", "War")),
        ("Fine (1990)", ("War",)),
    ]


def test_a_release_is_trained_on_as_it_is(tmp_path: Path) -> None:
    write_release(tmp_path, ratings=4000, seed=2)
    out = tmp_path / "artifact"
    assert main(["--data", str(tmp_path), "--out", str(out)]) == 0
    found = load_artifact(out)
    assert found.scale == (0.5, 5.0)
    assert found.metadata.data["ratings"] == found.weights.item_counts.sum() == 4000
    assert "--data FOLDER" in (out / "MODEL_CARD.md").read_text()


def test_the_synthetic_release_has_the_requested_size(tmp_path: Path) -> None:
    write_release(tmp_path, ratings=30_000, seed=1)
    found = read_movielens(tmp_path)
    assert len(found) == 30_000
    assert (found.values % 0.5 == 0).all()
    assert len(set(found.values.tolist())) == 10
    counts = np.sort(np.bincount(found.item_rows))[::-1]
    assert counts[: len(counts) // 10].sum() > 0.5 * counts.sum()
    first = (tmp_path / "ratings.csv").read_bytes()
    write_release(tmp_path, ratings=30_000, seed=1)
    assert (tmp_path / "ratings.csv").read_bytes() == first
