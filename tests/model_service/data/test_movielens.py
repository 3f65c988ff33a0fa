"""The three MovieLens formats, each as a small hand-written release."""

from pathlib import Path

import pytest
from model_service.data.movielens import read_movielens

from model_service.catalogue import Item
from model_service.data.ratings import DataError, Ratings

_FLAGS_ANIMATION_COMEDY = "0|0|0|1|0|1|0|0|0|0|0|0|0|0|0|0|0|0|0"
_FLAGS_UNKNOWN = "1|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0|0"


def _release_100k(folder: Path) -> None:
    (folder / "u.data").write_text("7\t2\t5\t881250949\n3\t9\t1\t881250950\n3\t2\t4\t881250951\n")
    (folder / "u.item").write_text(
        f"2|Misérables, Les (1995)|20-Oct-1995||http://example.org|{_FLAGS_ANIMATION_COMEDY}\n"
        f"9|unknown||||{_FLAGS_UNKNOWN}\n"
        f"4|Never Rated (1994)|01-Jan-1994||x|{_FLAGS_UNKNOWN}\n",
        encoding="latin-1",
    )


def _release_1m(folder: Path) -> None:
    (folder / "ratings.dat").write_text("7::2::5::978300760\n3::9::1::978302109\n3::2::4::978301968\n")
    (folder / "movies.dat").write_text(
        "2::Misérables, Les (1995)::Animation|Comedy\n9::unknown::\n", encoding="latin-1"
    )


def _release_csv(folder: Path) -> None:
    (folder / "ratings.csv").write_text(
        "userId,movieId,rating,timestamp\n7,2,5.0,964982703\n3,9,1.0,964981247\n3,2,4.0,964982224\n"
    )
    (folder / "movies.csv").write_text(
        'movieId,title,genres\n2,"Misérables, Les (1995)",Animation|Comedy\n9,unknown,(no genres listed)\n',
        encoding="utf-8",
    )


_RELEASES = {
    "100k": (_release_100k, (1.0, 5.0), ("unknown",)),
    "1M": (_release_1m, (1.0, 5.0), ()),
    "CSV": (_release_csv, (0.5, 5.0), ()),
}


@pytest.mark.parametrize("name", _RELEASES)
def test_every_release_gives_the_same_ratings_and_titles(name: str, tmp_path: Path) -> None:
    write, scale, genres_of_unknown = _RELEASES[name]
    write(tmp_path)
    ratings = read_movielens(tmp_path)
    rows = list(zip(ratings.users.tolist(), ratings.items.tolist(), ratings.values.tolist(), strict=True))
    assert rows == [(7, 2, 5.0), (3, 9, 1.0), (3, 2, 4.0)]
    assert ratings.catalogue == (
        Item(id=2, title="Misérables, Les (1995)", genres=("Animation", "Comedy"), year=1995),
        Item(id=9, title="unknown", genres=genres_of_unknown, year=None),
    )
    assert ratings.user_ids.tolist() == [3, 7]
    assert ratings.scale == scale
    assert name in ratings.source


def test_half_stars_are_read(tmp_path: Path) -> None:
    _release_csv(tmp_path)
    (tmp_path / "ratings.csv").write_text("userId,movieId,rating,timestamp\r\n1,2,0.5,1\r\n1,9,3.5,1\r\n")
    assert read_movielens(tmp_path).values.tolist() == [0.5, 3.5]


def test_the_message_for_a_folder_without_a_release_lists_the_expected_files(tmp_path: Path) -> None:
    (tmp_path / "ratings.csv").touch()
    with pytest.raises(DataError, match=r"u\.data and u\.item.*ratings\.dat and movies\.dat.*there is ratings\.csv"):
        read_movielens(tmp_path)


def test_a_missing_folder_is_named(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"nowhere is not a folder; give --data"):
        read_movielens(tmp_path / "nowhere")


def _spoilt(folder: Path, name: str, text: str) -> Ratings:
    _release_1m(folder)
    (folder / name).write_text(text)
    return read_movielens(folder)


@pytest.mark.parametrize(
    ("name", "text", "message"),
    [
        ("ratings.dat", "", r"ratings\.dat holds no ratings"),
        ("ratings.dat", "1::2::good::1\n", r"ratings\.dat: line 1: the rating is 'good', which is not a number"),
        ("ratings.dat", "1::2::6::1\n", r"rating 1 is 6; allowed are 1 to 5"),
        ("ratings.dat", "1::2::nan::1\n", r"rating 1 is nan; allowed are 1 to 5"),
        ("ratings.dat", "1::5::3::1\n", r"film 5 was rated but has no title"),
        ("ratings.dat", "1::2::3::1\n1::9::3::1\n1::2::4::1\n", r"user 1 rated film 2 more than once"),
        ("ratings.dat", "1::2::3::1\n1::9\n", r"ratings\.dat: line 2 has 2 of the 4 fields user, film, .* by ::"),
        ("ratings.dat", "1::2::3::1\nx::9::3::1\n", r"line 2: the user is 'x', which is not a whole number"),
        ("movies.dat", "2::Fine (1990)::Drama\n9\n", r"film 2 cannot be read: 1 field, expected 3, separated"),
        ("movies.dat", "2::Fine (1990)::Drama\n2::Same (1990)::Drama\n", r"film 2 has the id 2, as an earlier one"),
        ("movies.dat", "two::Fine (1990)::Drama\n", r"movies\.dat: film 1 cannot be read: .*two"),
    ],
)
def test_a_corrupt_release_is_refused_with_the_line(name: str, text: str, message: str, tmp_path: Path) -> None:
    with pytest.raises(DataError, match=message):
        _spoilt(tmp_path, name, text)


def test_a_ratings_csv_with_only_its_header_is_refused(tmp_path: Path) -> None:
    _release_csv(tmp_path)
    (tmp_path / "ratings.csv").write_text("userId,movieId,rating,timestamp\n")
    with pytest.raises(DataError, match=r"ratings\.csv holds no ratings"):
        read_movielens(tmp_path)


def test_the_fingerprint_follows_ratings_and_titles(tmp_path: Path) -> None:
    _release_1m(tmp_path)
    first = read_movielens(tmp_path).fingerprint()
    assert read_movielens(tmp_path).fingerprint() == first
    text = (tmp_path / "movies.dat").read_text("latin-1")
    (tmp_path / "movies.dat").write_text(text.replace("unknown", "known"), "latin-1")
    second = read_movielens(tmp_path).fingerprint()
    _release_1m(tmp_path)
    (tmp_path / "ratings.dat").write_text("7::2::5::1\n3::9::1::1\n3::2::3::1\n")
    assert len({first, second, read_movielens(tmp_path).fingerprint()}) == 3
