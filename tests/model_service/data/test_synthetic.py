"""The synthetic ratings."""

import numpy as np
import pytest

from model_service.data.ratings import DataError
from model_service.data.synthetic import Shape, generate_ratings
from model_service.data.titles import invent_titles


def test_the_default_has_the_shape_of_movielens_100k() -> None:
    ratings = generate_ratings(seed=0)
    pairs = set(zip(ratings.user_rows.tolist(), ratings.item_rows.tolist(), strict=True))
    assert (len(pairs), len(ratings.user_ids), len(ratings.item_ids)) == (100_000, 943, 1682)
    assert set(ratings.values.tolist()) == {1.0, 2.0, 3.0, 4.0, 5.0}
    assert np.bincount(ratings.user_rows).min() >= 20
    assert len({item.title for item in ratings.catalogue}) == 1682
    assert all(item.genres and item.year and f"({item.year})" in item.title for item in ratings.catalogue)


def test_popularity_has_a_long_tail() -> None:
    counts = np.sort(np.bincount(generate_ratings(seed=1).item_rows))[::-1]
    assert counts[:168].sum() > 0.35 * counts.sum()  # MovieLens 100k: the first tenth has 0.42
    assert np.median(counts) < 40  # there 27
    assert counts.min() >= 1


def test_the_seed_decides_everything() -> None:
    shape = Shape(users=40, items=50, ratings=900)
    first, again, other = (generate_ratings(seed=seed, shape=shape) for seed in (5, 5, 6))
    assert first.fingerprint() == again.fingerprint() != other.fingerprint()


def test_an_impossible_shape_is_refused_with_the_allowed_range() -> None:
    with pytest.raises(
        DataError, match=r"10 ratings of 50 films by 40 users cannot be generated; .* 800 to 1000 ratings"
    ):
        Shape(users=40, items=50, ratings=10)


def test_titles_stay_distinct_when_the_words_run_out() -> None:
    titles = invent_titles(12_000, np.random.default_rng(0))
    assert len(set(titles)) == len(titles) == 12_000
