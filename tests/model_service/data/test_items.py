"""Titles, genres and years of items."""

import json
from pathlib import Path

import pytest

from model_service.catalogue import Item
from model_service.data.items import clean_title, genres_of, year_in_title, year_of
from model_service.data.options import ReadOptions
from model_service.data.reader import read_ratings
from tests.model_service.data.written import one, refusal, written

RATINGS = "user,item,rating\n1,10,4\n2,20,3\n"


def catalogue(folder: Path, content: str | bytes, name: str = "items.csv", **options: object) -> dict[str, Item]:
    """The items of ratings beside a file of items."""
    ratings, _ = read_ratings(written(folder, {"ratings.csv": RATINGS, name: content}), ReadOptions(**options))  # type: ignore[arg-type]
    return {item.id: item for item in (*ratings.catalogue, *ratings.unrated)}


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("Tom &amp; Jerry", "Tom & Jerry"),
        ("Tom &amp;amp; Jerry", "Tom & Jerry"),
        ("a\n b\t c\x00d", "a b c d"),
        ("  ", ""),
        ("5 < 6 & 7", "5 < 6 & 7"),
    ],
)
def test_a_title_is_for_people(text: str, title: str) -> None:
    assert clean_title(text) == title


@pytest.mark.parametrize(
    ("text", "genres"),
    [
        ("Action|Crime", ("Action", "Crime")),
        ("Action, Crime", ("Action", "Crime")),
        ("Action;Crime;Action", ("Action", "Crime")),
        ("Sci-Fi", ("Sci-Fi",)),
        ("(no genres listed)", ()),
        ("", ()),
        ("['Action', 'Crime']", ("Action", "Crime")),
        ('["Action", "Crime"]', ("Action", "Crime")),
        ("[{'id': 28, 'name': 'Action'}, {'id': 80, 'name': 'Crime'}]", ("Action", "Crime")),
        ('[{"id": 28, "name": "Action"}]', ("Action",)),
        ("['Action' 'Crime']", ("Action", "Crime")),
        ("[]", ()),
        ('["Children\'s", "Drama"]', ("Children's", "Drama")),
        ('[{"id": 1, "name": "Children\'s"}]', ("Children's",)),
        ('["Brand name", "Drama"]', ("Brand name", "Drama")),
    ],
)
def test_genres_are_read_from_lists_of_any_kind(text: str, genres: tuple[str, ...]) -> None:
    assert genres_of(text) == genres


@pytest.mark.parametrize(
    ("text", "year"),
    [
        ("1995", 1995),
        ("1995.0", 1995),
        ("01-Jan-1995", 1995),
        ("1995-12-15", 1995),
        ("15/12/1995", 1995),
        ("", None),
        ("0", None),
        ("12345", None),
    ],
)
def test_a_year_is_found_in_a_date(text: str, year: int | None) -> None:
    assert year_of(text) == year


@pytest.mark.parametrize(
    ("title", "year"), [("Heat (1995)", 1995), ("Heat (1995) ", 1995), ("2001", None), ("1984 (book)", None)]
)
def test_a_year_stands_at_the_end_of_a_title(title: str, year: int | None) -> None:
    assert year_in_title(title) == year


def test_titles_over_several_lines_with_quotes_and_separators_are_read(tmp_path: Path) -> None:
    found = catalogue(tmp_path, 'item,title,genres,year\n10,"Me, ""Myself"",\nand I",Drama,2004\n20,Heat,Crime,1995\n')
    assert found["10"] == Item(id="10", title='Me, "Myself", and I', genres=("Drama",), year=2004)
    assert found["20"].title == "Heat"


def test_a_quote_left_open_is_told_with_its_line_and_takes_no_other_title(tmp_path: Path) -> None:
    content = 'item,title\n10,"Open\n' + "".join(f"{number},T{number}\n" for number in range(20, 60))
    folder = written(tmp_path, {"ratings.csv": RATINGS, "items.csv": content})
    message = refusal(folder)
    assert "items.csv, line 2" in message
    assert "quote" in message
    ratings, report = read_ratings(folder, ReadOptions(skip_bad_lines=True))
    assert [item.title for item in ratings.catalogue] == ["10", "T20"]
    assert any("left out" in warning for warning in report.warnings)


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
def test_titles_are_read_in_their_own_encoding(encoding: str, tmp_path: Path) -> None:
    assert catalogue(tmp_path, "item,title\n10,Amélie\n20,Heat\n".encode(encoding))["10"].title == "Amélie"


def test_ids_without_a_title_are_called_by_their_id_and_told(tmp_path: Path) -> None:
    folder = written(tmp_path, {"ratings.csv": RATINGS, "items.csv": "item,title\n10,\n30,Alien\n"})
    ratings, report = read_ratings(folder)
    assert [(item.id, item.title) for item in ratings.catalogue] == [("10", "10"), ("20", "20")]
    assert [item.title for item in ratings.unrated] == ["Alien"]
    assert any(warning.startswith("2 rated items have no title") for warning in report.warnings)


def test_titles_of_other_ids_are_told(tmp_path: Path) -> None:
    folder = written(tmp_path, {"ratings.csv": RATINGS, "items.csv": "item,title\n010,Heat\n020,Alien\n"})
    assert any("no id in items.csv is that of a rated item" in warning for warning in read_ratings(folder)[1].warnings)


def test_titles_are_optional(tmp_path: Path) -> None:
    ratings, report = read_ratings(one(tmp_path, RATINGS))
    assert [item.title for item in ratings.catalogue] == ["10", "20"]
    assert "no file of titles" in report.text()


def test_the_file_of_titles_can_be_another_one(tmp_path: Path) -> None:
    other = one(tmp_path / "other", "sku;name\n10;Heat\n20;Alien\n", "stock.txt")
    folder = written(tmp_path / "data", {"ratings.csv": RATINGS, "items.csv": "item,title\n10,x\n20,y\n"})
    ratings, _ = read_ratings(folder, ReadOptions(items=other))
    assert [item.title for item in ratings.catalogue] == ["Heat", "Alien"]


@pytest.mark.parametrize(
    ("content", "told"),
    [("item,colour\n10,red\n", "no title"), ("colour,title\n1,Heat\n", "no id"), ("10,Heat\n20,Alien\n", "header")],
)
def test_a_file_of_titles_without_them_is_refused_when_it_is_asked_for(content: str, told: str, tmp_path: Path) -> None:
    other = one(tmp_path / "other", content, "stock.csv")
    assert told in refusal(one(tmp_path, RATINGS), ReadOptions(items=other))


def test_a_file_of_titles_that_is_not_there_is_refused(tmp_path: Path) -> None:
    assert "does not exist" in refusal(one(tmp_path, RATINGS), ReadOptions(items=tmp_path / "none.csv"))


def test_a_repeated_id_keeps_its_first_title_and_is_told(tmp_path: Path) -> None:
    folder = written(tmp_path, {"ratings.csv": RATINGS, "items.csv": "item,title\n10,A\n10,B\n20,C\n"})
    ratings, report = read_ratings(folder)
    assert ratings.catalogue[0].title == "A"
    assert any("repeat an id" in warning for warning in report.warnings)


def test_genres_as_json_in_a_quoted_field_are_read(tmp_path: Path) -> None:
    genres = json.dumps([{"id": 1, "name": "Action"}, {"id": 2, "name": "Crime"}]).replace('"', '""')
    found = catalogue(tmp_path, f'item,title,genres\n10,Heat,"{genres}"\n20,Alien,[]\n')
    assert (found["10"].genres, found["20"].genres) == (("Action", "Crime"), ())


def test_a_title_in_plain_text_with_a_single_quotation_mark_is_read(tmp_path: Path) -> None:
    found = catalogue(tmp_path, 'item\ttitle\n10\t5" disk\n20\tHeat\n', "items.tsv")
    assert (found["10"].title, found["20"].title) == ('5" disk', "Heat")


def test_an_entity_ends_with_a_semicolon() -> None:
    assert clean_title("R&notes &amp; Fun&times &eacute;&#39;") == "R&notes & Fun&times é'"
