"""The page about one's own ratings: its examples are run, and its limits are those of the code."""

from __future__ import annotations

import argparse
import re
import shlex
from pathlib import Path

import pytest

from model_service.data.__main__ import main as tell
from model_service.data.options import ReadOptions, add_options
from model_service.data.reader import read_ratings
from model_service.training.__main__ import main

PAGE = (Path(__file__).resolve().parents[2] / "docs" / "own-data.md").read_text(encoding="utf-8")
FILES = re.findall(r"<!-- ([\w./]+) -->\n```csv\n(.+?)^```", PAGE, flags=re.MULTILINE | re.DOTALL)
COMMANDS = re.findall(r'^\$ make data ARGS="([^"]+)"\n(.+?)^```', PAGE, flags=re.MULTILINE | re.DOTALL)


@pytest.fixture
def example(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The working folder, with the files that the page shows."""
    for name, text in FILES:
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def test_the_page_has_examples() -> None:
    assert len(FILES) >= 3
    assert len(COMMANDS) >= 2


@pytest.mark.parametrize(("arguments", "shown"), COMMANDS)
@pytest.mark.usefixtures("example")
def test_each_example_prints_what_the_page_shows(
    arguments: str, shown: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert tell(shlex.split(arguments)) == 0
    said = capsys.readouterr().out.splitlines()
    assert [line for line in shown.splitlines() if line not in said] == []
    assert len(shown.splitlines()) >= 2


def test_the_options_of_the_page_are_all_that_there_are() -> None:
    parser = argparse.ArgumentParser()
    add_options(parser)
    known = {name for action in parser._actions for name in action.option_strings if name.startswith("--")}
    table = PAGE[PAGE.index("## What you can say") : PAGE.index("<!-- steam.csv -->")]
    assert set(re.findall(r"`(--[a-z-]+)", table)) == known - {"--help", "--data"}


@pytest.mark.usefixtures("example")
def test_ids_and_times_are_what_the_page_says() -> None:
    ratings, report = read_ratings("mine")
    assert [*ratings.user_ids] == ["007", "7", "ada"]
    assert [item.title for item in ratings.catalogue] == ["Dune", "The Lord of the Rings"]
    assert [item.genres for item in ratings.catalogue] == [("Science fiction",), ("Fantasy", "Adventure")]
    assert ratings.times is not None
    assert report.rows.read == len(ratings)


def add_ratings(file: Path, total: int) -> None:
    """More users with one rating each, until there are `total` ratings."""
    there = file.read_text(encoding="utf-8")
    books = ("0441013597", "9780261103573")
    lines = range(there.count("\n"), total + 1)
    file.write_text(there + "".join(f"{books[n % 2]};user{n};{1 + n % 5};2024-05-{n % 28 + 1:02}\n" for n in lines))


def test_as_many_ratings_as_the_page_asks_for_are_enough_and_one_less_is_not(
    example: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    [number] = re.findall(r"at least (\d+) ratings", PAGE)
    least, out = int(number), example / "artifact"
    training = ["--data", "mine", "--out", str(out), "--factors", "2", "--epochs", "2", "--no-gate"]
    add_ratings(example / "mine" / "ratings.csv", least - 1)
    assert main(training) == 2
    assert f"{least - 1} ratings are too few" in capsys.readouterr().err
    add_ratings(example / "mine" / "ratings.csv", least)
    assert main(training) == 0
    kept = (out / "metadata.json").read_bytes()
    (example / "mine" / "ratings.csv").write_text("item;user;stars;when\n", encoding="utf-8")
    assert main(training) == 2
    assert (out / "metadata.json").read_bytes() == kept


@pytest.mark.parametrize(
    ("old", "new", "message", "option"),
    [
        ("ada;4,5;2024-05-01", "ada;4,5", r"ratings\.csv, line 2: 3 in", "--bad-lines"),
        ("ada;4,5;", "ada;good;", r'ratings\.csv, line 2: "good" in', "--missing"),
        ("item;user;stars;when", "a;b;c;d", "the header names no user and no item", "--user"),
        ("ada;4,5;2024-05-01", "ada;4,5;soon", r'line 2: "soon" in|written in several ways', "--time none"),
    ],
)
@pytest.mark.usefixtures("example")
def test_what_the_page_rules_out_is_refused_with_place_and_option(
    old: str, new: str, message: str, option: str, capsys: pytest.CaptureFixture[str]
) -> None:
    file = Path("mine/ratings.csv")
    text = file.read_text(encoding="utf-8")
    assert old in text
    file.write_text(text.replace(old, new), encoding="utf-8")
    assert tell(["--data", "mine"]) == 2
    said = capsys.readouterr().err
    assert re.search(message, said)
    assert option in said


@pytest.mark.usefixtures("example")
def test_a_user_who_rated_twice_counts_as_the_options_say() -> None:
    file = Path("mine/ratings.csv")
    file.write_text(file.read_text(encoding="utf-8") + "0441013597;ada;1;2024-05-09\n", encoding="utf-8")
    values = {}
    for how in ("latest", "first", "mean", "sum"):
        ratings, report = read_ratings("mine", ReadOptions(duplicates=how, scale=(0.0, 10.0)))  # type: ignore[arg-type]
        row = ratings.user_rows.tolist().index(ratings.user_ids.row("ada"))
        values[how] = float(ratings.values[row])
        assert (report.rows.read, len(ratings), report.rows.repeated) == (4, 3, 1)
    assert values == {"latest": 1.0, "first": 4.5, "mean": 2.75, "sum": 5.5}
