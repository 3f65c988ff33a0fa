"""The page of the recommendations, and its figures on small data."""

from dataclasses import asdict
from typing import Any

import numpy as np
import pytest

from benchmarks.public_data import PublicData
from benchmarks.recommendations import find_neighbours, measure_split
from benchmarks.recommendations_page import page, section
from model_service.data.ratings import Ratings
from model_service.data.synthetic import Shape, generate_ratings
from model_service.training.ranker_search import Candidate, Choice
from model_service.training.split import split_ratings

_IALS = {"factors": 8, "alpha": 0.3, "reg": 8.0, "prior": 3.0, "sweeps": 3}
_MACHINE = {"cores": 2, "processor": "A processor", "load_before": 1.5, "commit": "abc"}


def _ranker(ndcg: float, **changes: Any) -> dict[str, Any]:
    figures = {"ndcg": [ndcg, ndcg - 0.01, ndcg + 0.01], "coverage": 0.125, "novelty": 3.456, "gini": 0.9}
    return {"ranker": "popularity", "settings": {"half_life_days": None}, **figures, **changes}


def _split(name: str = "random", *, served: float = 0.2, ease: float = 0.16) -> dict[str, Any]:
    return {
        "split": name,
        "users": 1234,
        "rankers": {
            "serves": _ranker(served, ranker="ials", settings={"factors": 16, "reg": 4.0}),
            "popularity": _ranker(0.1),
            "ease": _ranker(ease, ranker="full EASE", settings={"reg": 500.0}),
        },
        "rival": "ease",
        "ratio": served / ease,
        "difference": [served - ease, 0.03, 0.05],
        "prior": 10.0,
        "curve": [{"known": 3, "users": 99, "ndcg": [0.3, 0.2, 0.4], "popularity": [0.1, 0.05, 0.15]}],
    }


def _result(*splits: dict[str, Any]) -> dict[str, Any]:
    return {
        "title": "Some Data",
        "data": {"ratings": 5000, "items": 70, "users": 2000, "scale": None, "times": False},
        "splits": list(splits),
        "neighbours": {"ranker": "ials", "strangers": 0.256, "examples": {"Heat": ["Ronin", "Thief"]}},
    }


def _ratings() -> Ratings:
    return generate_ratings(seed=1, shape=Shape(users=120, items=60, ratings=3000))


def _choice(winner: str = "ials") -> Choice:
    best = [
        Candidate(ranker="ials", settings=_IALS, ndcg=0.2),
        Candidate(ranker="popularity", settings={"half_life_days": None}, ndcg=0.1),
    ]
    return Choice(best=best if winner == "ials" else best[::-1], tried=2)


def test_a_section_tells_every_ranker_the_difference_new_users_and_neighbours() -> None:
    text = section(_result(_split()))
    assert "5,000 ratings of 70 items by 2,000 users, counts, without times." in text
    assert "1,234 users evaluated." in text
    served = "| **what serves**: ials | factors 16, reg 4 | 0.2000 [0.1900, 0.2100] | 12.5 % | 3.46 | 0.900 |"
    assert served in text
    assert "| popularity, liked count | half_life_days none | 0.1000 [0.0900, 0.1100] |" in text
    assert "| EASE, full model | reg 500 | 0.1600 [0.1500, 0.1700] |" in text
    assert (
        "rival (EASE, full model): 1.250; difference, the same users drawn for both: +0.0400 [+0.0300, +0.0500]" in text
    )
    assert "a prior of 10" in text
    assert "| 3 | 99 | 0.3000 [0.2000, 0.4000] | 0.1000 [0.0500, 0.1500] |" in text
    assert "25.6 % have at most three ratings" in text
    assert "- **Heat**: Ronin; Thief" in text


def test_the_page_names_the_splits_that_are_too_far_below() -> None:
    text = page([_result(_split("last", served=0.15), _split("random", served=0.156))], _MACHINE, seed=7)
    assert "more than 3 % below its rival here:" in text
    assert "- Some Data, last tenth of each user: 0.938" in text
    assert "- Some Data, random tenth" not in text
    assert "| Some Data, random tenth | 1,234 | ials | 0.1560 | 0.1000 | 0.1600 | 0.975 |" in text
    assert "seed 7, commit abc" in text
    assert "2 shared cores" in text
    assert "load\n1.5 before" in text


def test_the_page_says_so_when_none_is_too_far_below() -> None:
    assert "Nowhere is what serves more than 3 % below its rival." in page([_result(_split())], _MACHINE, seed=0)


def test_what_serves_is_compared_with_the_better_rival_user_by_user() -> None:
    ratings = _ratings()
    result = measure_split(ratings, split_ratings(ratings, name="random", seed=0), _choice(), seed=0)
    figures = {name: found["ndcg"][0] for name, found in result.rankers.items()}
    assert set(figures) == {"serves", "popularity", "ease"}
    assert figures[result.rival] == max(figures["popularity"], figures["ease"])
    assert result.ratio == pytest.approx(figures["serves"] / figures[result.rival], rel=1e-3)
    assert result.difference[0] == pytest.approx(figures["serves"] - figures[result.rival], abs=2e-5)
    assert result.difference[1] < result.difference[0] < result.difference[2]
    assert {point["known"] for point in result.curve} >= {1, 3, 5, 10}
    title = PublicData(title="Invented", folder="").title
    assert "### Neighbours" in section({**_result(asdict(result)), "title": title})


def test_popularity_that_serves_is_its_own_rival_at_most() -> None:
    ratings = _ratings()
    result = measure_split(ratings, split_ratings(ratings, name="random", seed=0), _choice("popularity"), seed=0)
    assert result.ratio <= 1.0
    assert result.rankers["serves"]["ndcg"] == result.rankers["popularity"]["ndcg"]


@pytest.mark.parametrize("winner", ["ials", "popularity"])
def test_neighbours_are_those_of_a_model_with_factors(winner: str) -> None:
    ratings = _ratings()
    titles = (ratings.catalogue[3].title, "Not in the data")
    found = find_neighbours(ratings, _choice(winner), titles, seed=0)
    assert found.ranker == "ials"
    assert list(found.examples) == [titles[0]]
    assert len(found.examples[titles[0]]) == 10
    assert titles[0] not in found.examples[titles[0]]
    assert found.strangers == 0.0  # every film has more ratings


def test_without_known_titles_the_most_rated_items_are_shown() -> None:
    ratings = _ratings()
    counts = np.bincount(ratings.item_rows)
    found = find_neighbours(ratings, _choice(), (), seed=0)
    assert len(found.examples) == 5
    assert next(iter(found.examples)) == ratings.catalogue[int(counts.argmax())].title
