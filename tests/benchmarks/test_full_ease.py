"""EASE by all eigenvalues against the explicit inverse."""

import numpy as np
import pytest

from benchmarks.full_ease import MAX_DENSE, by_eigenvalues, by_inverse, choose_reg
from model_service.data.ratings import Ratings
from model_service.data.synthetic import Shape, generate_ratings
from model_service.training.interactions import Interactions
from model_service.training.rankers import ease
from model_service.training.split import split_ratings

_REG = 20.0


def _ratings(users: int, items: int) -> Ratings:
    return generate_ratings(seed=3, shape=Shape(users=users, items=items, ratings=30 * users))


def _data(users: int, items: int) -> Interactions:
    ratings = _ratings(users, items)
    return Interactions.of(ratings, np.arange(len(ratings)))


def _unwatched(data: Interactions, scores: np.ndarray) -> np.ndarray:
    return scores[data.matrix.toarray() == 0]


@pytest.mark.parametrize("shape", [(150, 90), (60, 140)])  # more users, and more items
def test_all_eigenvalues_give_the_scores_of_the_inverse(shape: tuple[int, int]) -> None:
    data = _data(*shape)
    watched = (data.matrix.toarray() != 0).astype(np.float64)
    inverse = np.linalg.inv(watched.T @ watched + _REG * np.eye(shape[1]))
    weights = -inverse / np.diagonal(inverse)  # B where it is not on the diagonal
    expected = _unwatched(data, watched @ weights)
    everybody = np.arange(shape[0])
    for scores in (by_eigenvalues(data, _REG), by_inverse(data, _REG)):
        np.testing.assert_allclose(_unwatched(data, scores(everybody)), expected, atol=2e-5)


def test_the_ranker_cuts_nothing_off_where_its_eigenvalues_are_used() -> None:
    assert MAX_DENSE <= ease._MAX_DENSE


def test_fewer_eigenvalues_give_other_scores() -> None:
    data = _data(150, 90)
    full, cut = by_eigenvalues(data, _REG), ease.fit(data, {"reg": _REG, "rank": 20}, seed=0)
    everybody = np.arange(150)
    assert np.abs(_unwatched(data, full(everybody)) - _unwatched(data, cut.scores(data, everybody))).max() > 0.01


def test_the_regularisation_is_chosen_on_validation() -> None:
    ratings = _ratings(300, 120)
    split = split_ratings(ratings, name="random", seed=0)
    assert choose_reg(ratings, split, (1e9, 100.0), seed=0) == 100.0
