"""Search of titles: what is found, in which order, and by how much work."""

from __future__ import annotations

import numpy as np
import pytest

from model_service.catalogue import Catalogue, Item
from model_service.data.titles import invent_titles

TITLES = [
    "Matrix Reloaded, The (2003)",
    "Matrix, The (1999)",
    "Animatrix, The (2003)",
    "The Other Matrix of the Sea (1980)",
    "Piano of Kraków (1996)",
    "Łódź Express",
    "Spider-Man's Day (2002)",
    "Léon: The Professional (1994)",
    "電影 (2001)",
    "$ (1971)",
    "!!!",
    "<script>alert(1)</script>",
    "æon & Straße",
]
COUNTS = np.array([90, 50, 99, 80, 5, 4, 3, 2, 1, 1, 1, 1, 1], np.int32)


@pytest.fixture(scope="module")
def catalogue() -> Catalogue:
    return Catalogue([Item(id=str(row), title=title) for row, title in enumerate(TITLES)], COUNTS)


def _found(catalogue: Catalogue, text: str) -> list[str]:
    return [TITLES[row] for row in catalogue.search(text, 100)]


@pytest.mark.parametrize("text", ["the matrix", "matrix the", "Matrix, The", "THE  MATRIX!", "matrix the 1999"])
def test_words_in_any_order_find_the_title_that_has_no_others_first(catalogue: Catalogue, text: str) -> None:
    assert _found(catalogue, text)[0] == "Matrix, The (1999)"


def test_a_title_of_these_words_comes_first_then_beginnings_then_words_then_parts_of_words(
    catalogue: Catalogue,
) -> None:
    reloaded, matrix, animatrix, other = TITLES[:4]
    assert _found(catalogue, "matrix the") == [matrix, reloaded, other, animatrix]
    assert _found(catalogue, "matrix") == [reloaded, matrix, other, animatrix]
    assert _found(catalogue, "the other") == [other]
    assert _found(catalogue, "mat th") == [reloaded, other, matrix, animatrix]


@pytest.mark.parametrize(
    ("text", "title"),
    [
        ("krakow", "Piano of Kraków (1996)"),
        ("KRAKÓW piano", "Piano of Kraków (1996)"),
        ("Krako\u0301w", "Piano of Kraków (1996)"),
        ("lodz", "Łódź Express"),
        ("spider man", "Spider-Man's Day (2002)"),
        ("spiderman", "Spider-Man's Day (2002)"),
        ("spider-mans", "Spider-Man's Day (2002)"),
        ("leon professional", "Léon: The Professional (1994)"),
        ("影", "電影 (2001)"),
        ("$", "$ (1971)"),
        ("<script>", "<script>alert(1)</script>"),
        ("aeon strasse", "æon & Straße"),
    ],
)
def test_case_accents_and_punctuation_do_not_matter(catalogue: Catalogue, text: str, title: str) -> None:
    assert _found(catalogue, text) == [title]


@pytest.mark.parametrize("text", ["no such film", "matrix krakow", "!", "...", "1999 1996", "\n", "x" * 100])
def test_what_no_title_has_finds_none(catalogue: Catalogue, text: str) -> None:
    assert _found(catalogue, text) == []


def test_every_part_of_a_title_finds_it() -> None:
    rng = np.random.default_rng(1)
    titles = [*TITLES, *invent_titles(500, np.random.default_rng(2))]
    catalogue = Catalogue([Item(id=str(row), title=title) for row, title in enumerate(titles)], np.ones(513, np.int32))
    for row, title in enumerate(titles):
        start, end = sorted(rng.choice(len(title) + 1, 2, replace=False).tolist())
        if any(character.isalnum() for character in title[start:end]):
            assert row in catalogue.search(title[start:end], len(titles)), title[start:end]


def test_a_genre_s_mask_and_the_number_limit_what_is_found(catalogue: Catalogue) -> None:
    mask = np.zeros(len(TITLES), np.bool_)
    mask[[0, 2]] = True
    assert catalogue.search("matrix", 5, mask=mask) == [0, 2]
    assert catalogue.search("matrix", 1) == [0]


def test_a_title_is_named_exactly_but_for_case(catalogue: Catalogue) -> None:
    assert catalogue.rows_by_title("piano of KRAKÓW (1996)") == [4]
    assert catalogue.rows_by_title("Piano of Krakow (1996)") == []
    assert catalogue.rows_by_title("matrix the 1999") == []
    assert catalogue.rows_by_title("!!!") == [10]


def test_a_search_of_many_words_looks_for_eight_of_them(catalogue: Catalogue, monkeypatch: pytest.MonkeyPatch) -> None:
    index = catalogue._titles()
    needles: list[bytes] = []
    find = index._find
    monkeypatch.setattr(index, "_find", lambda needle: needles.append(needle) or find(needle))
    catalogue.search(" ".join("thematrixof" * 9), 10)
    assert len(needles) <= 9
    assert len(set(needles)) == len(needles)
