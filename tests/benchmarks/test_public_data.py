"""The readers of the public data sets, on files of a few lines in each layout."""

from pathlib import Path

import pytest

from benchmarks.public_data import DATA_SETS
from benchmarks.recommendations import main


def _movietweetings(folder: Path, ratings: str = "1::0104257::8::1364690142\n2::1074638::0::1365029107\n") -> Path:
    (folder / "ratings.dat").write_text(ratings)
    movies = (
        "0104257::A Few Good Men (1992)::Crime|Drama",
        "1074638::Skyfall : à Londres (2012)::",
        "0000008::Unrated (1894)::",
    )
    (folder / "movies.dat").write_text("\n".join(movies) + "\n", encoding="utf-8")
    return folder


def _filmtrust(folder: Path) -> Path:
    texts = (b"1050 215 3\r\n1050 250 2\r\n", b"1 215 0.5\n", b"1050 215 4\r\n", b"7 9 3.5\n\n")
    for part, text in enumerate(texts):
        (folder / f"ratings_{part}.txt").write_bytes(text)
    return folder


def _lastfm(folder: Path, artists: str = "1\tMALICE MIZER\thttp://a\thttp://b\n51\tBeyoncé\thttp://c\t\n") -> Path:
    (folder / "user_artists.dat").write_bytes(b"userID\tartistID\tweight\r\n2\t51\t13883\r\n3\t1\t1\r\n")
    (folder / "artists.dat").write_text(f"id\tname\turl\tpictureURL\n{artists}", encoding="utf-8")
    return folder


def test_movietweetings_has_ratings_from_0_to_10_times_and_titles(tmp_path: Path) -> None:
    ratings = DATA_SETS["movietweetings"].read(_movietweetings(tmp_path))
    assert [*ratings.users] == ["1", "2"]
    assert [*ratings.items] == ["0104257", "1074638"]
    assert ratings.values.tolist() == [8, 0]
    assert ratings.times is not None
    assert ratings.times.tolist() == [1364690142, 1365029107]
    assert ratings.scale == (0, 10)
    assert [item.title for item in ratings.catalogue] == ["A Few Good Men (1992)", "Skyfall : à Londres (2012)"]
    assert [item.id for item in ratings.unrated] == ["0000008"]


def test_filmtrust_is_one_table_in_which_pairs_that_occur_twice_are_averaged(tmp_path: Path) -> None:
    ratings = DATA_SETS["filmtrust"].read(_filmtrust(tmp_path))
    found = sorted(zip(ratings.users, ratings.items, ratings.values.tolist(), strict=True))
    assert found == [("1", "215", 0.5), ("1050", "215", 3.5), ("1050", "250", 2.0), ("7", "9", 3.5)]
    assert ratings.scale is not None
    assert ratings.times is None


def test_lastfm_has_counts_and_names_of_artists(tmp_path: Path) -> None:
    ratings = DATA_SETS["lastfm"].read(_lastfm(tmp_path))
    assert ratings.values.tolist() == [13883, 1]
    assert ratings.scale is None
    assert ratings.times is None
    assert [item.title for item in ratings.catalogue] == ["MALICE MIZER", "Beyoncé"]


def test_a_missing_file_ends_the_command_with_status_2_and_its_name(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--data", str(tmp_path), "--only", "filmtrust"]) == 2
    error = capsys.readouterr().err
    assert "filmtrust does not exist" in error
    assert DATA_SETS["filmtrust"].folder in error


@pytest.mark.parametrize("arguments", [["--only", "netflix"], ["--only", "filmtrust", "--write"]])
def test_arguments_that_cannot_be_served_are_status_2(tmp_path: Path, arguments: list[str]) -> None:
    with pytest.raises(SystemExit, match="2"):
        main(["--data", str(tmp_path), *arguments])
