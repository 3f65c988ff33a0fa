"""The page about one's own ratings: what it shows can be trained on, and its limits are those of the code."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from model_service.catalogue import Item
from model_service.data import movielens
from model_service.training.__main__ import main

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "own-data.md").read_text(encoding="utf-8")
FILES = ("ratings.csv", "movies.csv")


@pytest.fixture
def example(tmp_path: Path) -> Path:
    """A folder with the files that the page shows."""
    for name in FILES:
        [text] = re.findall(rf"<!-- {re.escape(name)} -->\n```csv\n(.+?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)
        (tmp_path / name).write_text(text, encoding="utf-8")
    return tmp_path


def add_ratings(folder: Path, total: int) -> None:
    """More users with one rating each, until there are `total` ratings."""
    there = (folder / "ratings.csv").read_text(encoding="utf-8")
    lines = range(there.count("\n"), total + 1)
    added = "".join(f"{100 + line},{2 + line % 2},{1 + line % 5},0\n" for line in lines)
    (folder / "ratings.csv").write_text(there + added, encoding="utf-8")


def least() -> int:
    [number] = re.findall(r"at least (\d+) ratings", PAGE)
    return int(number)


def test_the_example_is_read_as_the_page_says(example: Path) -> None:
    ratings = movielens.read_movielens(example)
    rows = list(zip(ratings.users.tolist(), ratings.items.tolist(), ratings.values.tolist(), strict=True))
    assert rows == [(7, 2, 4.5), (7, 3, 1.0), (20, 2, 3.0)]
    assert ratings.catalogue == (
        Item(id=2, title="Garden, The (1992)", genres=("Comedy", "War"), year=1992),
        Item(id=3, title="Lantern of Pécs (1996)", genres=("Drama",), year=1996),
    )


def test_the_names_of_columns_and_what_the_timestamp_is_do_not_count(example: Path) -> None:
    before = movielens.read_movielens(example).fingerprint()
    ratings = (example / "ratings.csv").read_text(encoding="utf-8")
    changed = ratings.replace("userId,movieId,rating,timestamp", "who,what,stars,when").replace(",0\n", ",soon\n")
    assert changed != ratings
    (example / "ratings.csv").write_text(changed, encoding="utf-8")
    assert movielens.read_movielens(example).fingerprint() == before


def test_the_scale_is_the_pages(example: Path) -> None:
    [ends] = re.findall(r"A rating is from ([\d.]+) to ([\d.]+)", PAGE)
    assert movielens.read_movielens(example).scale == tuple(map(float, ends))


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ("7,2,4.5,0", "7,2,4.5", "3 of the 4 fields user, film, rating and time, separated by ,"),
        ("7,2,4.5,0", "ada,2,4.5,0", "'ada'"),
        ("7,2,4.5,0", "7,2,10,0", r"rating 1 is 10; allowed are 0\.5 to 5"),
        ("20,2,3,0", "7,2,3,0", "user 7 rated film 2 more than once"),
        ("20,2,3,0", "20,9,3,0", "film 9 was rated but has no title"),
    ],
)
def test_what_the_page_rules_out_is_refused(
    example: Path, capsys: pytest.CaptureFixture[str], old: str, new: str, message: str
) -> None:
    ratings = (example / "ratings.csv").read_text(encoding="utf-8")
    assert old in ratings
    (example / "ratings.csv").write_text(ratings.replace(old, new), encoding="utf-8")
    out = example / "artifact"
    assert main(["--data", str(example), "--out", str(out)]) == 2
    assert re.search(message, capsys.readouterr().err)
    assert not out.exists()


def test_as_many_ratings_as_the_page_asks_for_are_enough_and_one_less_is_not(
    example: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    out = example / "artifact"
    training = ["--data", str(example), "--out", str(out), "--factors", "2", "--epochs", "2"]
    add_ratings(example, least() - 1)
    assert main(training) == 2
    assert f"{least() - 1} ratings are too few" in capsys.readouterr().err
    add_ratings(example, least())
    assert main(training) == 0
    assert (out / "metadata.json").is_file()
    kept = (out / "metadata.json").read_bytes()
    (example / "ratings.csv").write_text("userId,movieId,rating,timestamp\n", encoding="utf-8")
    assert main(training) == 2
    assert (out / "metadata.json").read_bytes() == kept


def test_its_table_of_releases_is_that_of_the_reader() -> None:
    rows = re.findall(r"^\| [^|]+ \| `([\w.]+)`, `([\w.]+)` \|$", PAGE, flags=re.MULTILINE)
    assert rows == [(ratings, items) for ratings, items, _ in movielens._FORMATS]
