"""The rankers against their definitions and against `implicit`'s objective, and the search that chooses one."""

import sys
from pathlib import Path

import numpy as np
import pytest

from model_service.catalogue import Item
from model_service.data.id_column import IdColumn
from model_service.data.ratings import Ratings
from model_service.data.synthetic import Shape, generate_ratings
from model_service.training import rankers
from model_service.training.interactions import Interactions
from model_service.training.ranker_search import choose_fold_in_prior, choose_ranker, fit_ranker, fold_in_curve
from model_service.training.rankers import ease, ials, load_ranker, ranker_names
from model_service.training.ranking import RankingTask
from model_service.training.split import split_ratings


@pytest.fixture(scope="module")
def ratings() -> Ratings:
    return generate_ratings(seed=5, shape=Shape(users=150, items=120, ratings=5000))


@pytest.fixture(scope="module")
def data(ratings: Ratings) -> Interactions:
    return Interactions.of(ratings, np.arange(len(ratings)))


_IALS = {"factors": 6, "alpha": 0.3, "reg": 5.0, "prior": 3.0, "sweeps": 60}


def _objective(data: Interactions, p: np.ndarray, q: np.ndarray, settings: dict[str, float]) -> float:
    """The loss of the docstring of ials, summed over all cells."""
    weights = data.matrix.toarray().astype(np.float64)
    users, items = weights.shape
    watched = weights > 0
    alpha, prior = settings["alpha"], settings["prior"]
    ridge = settings["reg"] / (alpha * items)
    scores = p @ q.T
    popular = data.prior()
    fit = (weights * (1 - scores) ** 2)[watched].sum() + alpha * (scores**2).sum()
    fit += prior * (popular * (1 - scores) ** 2).sum()
    user_norms = ((watched.sum(axis=1) + alpha * items + prior) * (p**2).sum(axis=1)).sum()
    item_norms = ((watched.sum(axis=0) + alpha * users) * (q**2).sum(axis=1)).sum()
    return float(fit + ridge * (user_norms + item_norms))


def test_implicit_als_minimises_its_objective_over_the_users(data: Interactions) -> None:
    model = ials.fit(data, _IALS, seed=0)
    assert model.user_factors is not None
    p, q = model.user_factors.astype(np.float64), model.item_factors.astype(np.float64)
    least = _objective(data, p, q, _IALS)
    generator = np.random.default_rng(0)
    for _ in range(20):
        assert _objective(data, p + generator.normal(size=p.shape) * 1e-2, q, _IALS) > least


def test_a_known_user_folded_in_again_gets_the_trained_vector(data: Interactions) -> None:
    model = ials.fit(data, _IALS, seed=0)
    again = model.fold_in(data.matrix[np.arange(20)], prior=_IALS["prior"])
    assert model.user_factors is not None
    np.testing.assert_allclose(again, model.user_factors[:20], atol=1e-5)
    fold_in = model.new_users(_IALS["prior"])
    for user in range(5):
        span = slice(data.matrix.indptr[user], data.matrix.indptr[user + 1])
        rows, weights = data.matrix.indices[span], data.matrix.data[span].astype(np.float64)
        vector = fold_in.vector(rows, weights, model.item_factors)
        np.testing.assert_allclose(vector, model.user_factors[user], atol=1e-5)
        for item in (3, 50):
            reasons = fold_in.contributions(item, rows, weights, model.item_factors)
            system = fold_in.base + 0.0
            assert system is not None
            prior_part = float(vector @ model.item_factors[item]) - reasons.sum()
            none = fold_in.vector(rows[:0], weights[:0], model.item_factors)
            assert abs(prior_part) < 0.5 * abs(float(none @ model.item_factors[item])) + 0.2


def test_all_eigenvalues_give_the_closed_form_of_ease(data: Interactions) -> None:
    reg = 30.0
    x = (data.matrix.toarray() > 0).astype(np.float64)
    inverse = np.linalg.inv(x.T @ x + reg * np.eye(x.shape[1]))
    closed = -inverse / np.diag(inverse)
    np.fill_diagonal(closed, 0.0)
    model = ease.fit(data, {"reg": reg, "rank": 10_000}, seed=0)
    users = np.arange(len(x))
    unseen = x == 0
    np.testing.assert_allclose(model.scores(data, users)[unseen], (x @ closed)[unseen], atol=2e-4)
    rows = np.flatnonzero(x[4]).astype(np.int32)
    shares = model.new_users(0.0).contributions(
        int(np.flatnonzero(unseen[4])[0]), rows, np.ones(len(rows)), model.item_factors
    )
    np.testing.assert_allclose(shares, closed[rows, int(np.flatnonzero(unseen[4])[0])], atol=2e-4)


def test_a_large_matrix_is_decomposed_at_random_and_gives_nearly_the_same_lists(
    data: Interactions, monkeypatch: pytest.MonkeyPatch
) -> None:
    exact = ease.fit(data, {"reg": 200.0, "rank": 40}, seed=0)
    monkeypatch.setattr(ease, "_MAX_DENSE", 10)
    monkeypatch.setattr(ease, "MAX_RANK", 40)
    other = ease.fit(
        Interactions(matrix=data.matrix, liked_items=data.liked_items, liked_ages=None),
        {"reg": 200.0, "rank": 40},
        seed=0,
    )
    users = np.arange(100)
    first, second = (np.argsort(-model.scores(data, users), axis=1)[:, :10] for model in (exact, other))
    common = [len(np.intersect1d(a, b)) for a, b in zip(first, second, strict=True)]
    assert np.mean(common) > 8.5


def test_popularity_counts_liked_ratings_and_forgets_with_the_half_life() -> None:
    day = 86_400
    found = Ratings(
        users=IdColumn.of(np.array([1, 2, 3, 4, 5])),
        items=IdColumn.of(np.array([10, 10, 10, 20, 20])),
        values=np.array([5, 4, 2, 5, 5], np.float32),
        times=np.array([0, 0, 20 * day, 20 * day, 10 * day]),
        catalogue=(Item(id="10", title="Old"), Item(id="20", title="New")),
        scale=(1.0, 5.0),
        source="by hand",
    )
    data = Interactions.of(found, np.arange(5))
    assert data.popularity().tolist() == [2.0, 2.0]
    np.testing.assert_allclose(data.popularity(10.0), [0.5, 1.5])
    model = load_ranker("popularity").fit(data, {"half_life_days": 10.0}, seed=0)
    np.testing.assert_allclose(model.scores(data, np.array([0, 4])), [[0.5, 1.5]] * 2)


def test_counts_weigh_by_their_logarithm_and_are_all_liked() -> None:
    found = Ratings(
        users=IdColumn.of(np.array([1, 1, 2])),
        items=IdColumn.of(np.array([1, 2, 2])),
        values=np.array([1000, 10, 1], np.float32),
        catalogue=(Item(id="1", title="A"), Item(id="2", title="B")),
        scale=None,
        source="plays",
    )
    data = Interactions.of(found, np.arange(3))
    logs = np.log1p([1000.0, 10.0, 1.0])
    np.testing.assert_allclose(data.matrix.data, logs / logs.mean(), rtol=1e-6)
    assert data.popularity().tolist() == [1.0, 2.0]


def test_the_search_finds_a_ranker_better_than_popularity_on_data_with_taste(ratings: Ratings) -> None:
    split = split_ratings(ratings, seed=0)
    choice = choose_ranker(ratings, split, ranker=None, seed=0)
    assert [found.ranker for found in choice.best][-1] == "popularity"
    assert {found.ranker for found in choice.best} == set(ranker_names())
    assert choice.winner.ndcg == max(found.ndcg for found in choice.best)
    assert choice.tried > 15
    only = choose_ranker(ratings, split, ranker="popularity", seed=0)
    assert [found.ranker for found in only.best] == ["popularity"]


def test_new_users_get_better_lists_than_the_popular_ones_from_a_few_films() -> None:
    ratings = generate_ratings(seed=5, shape=Shape(users=500, items=600, ratings=30_000))
    split = split_ratings(ratings, seed=0)
    winner = choose_ranker(ratings, split, ranker="ials", seed=0).winner
    prior = choose_fold_in_prior(winner, ratings, split.train_and_validation, seed=0)
    curve = fold_in_curve(winner, ratings, split.train_and_validation, prior=prior, seed=1)
    assert [point["known"] for point in curve] == [1, 3, 5, 10, 20]
    for point in curve:
        assert point["ndcg"][0] > point["popularity"][0] - 0.02
    assert curve[2]["ndcg"][0] > curve[2]["popularity"][0]


def test_the_trend_adds_popularity_to_every_score(data: Interactions) -> None:
    model = ials.fit(data, _IALS, seed=0)
    popularity = data.popularity()
    trended = model.with_trend(data, weight=0.5, half_life_days=None)
    users = np.arange(3)
    difference = trended.scores(data, users) - model.scores(data, users)
    np.testing.assert_allclose(difference, np.tile(0.5 * popularity / popularity.max(), (3, 1)), atol=1e-6)


RANDOM = '''
"""A fixed random order."""

import numpy as np

from model_service.serving.ranking.fold_in import FoldIn
from model_service.training.rankers import RankingModel

DESCRIPTION = "a fixed order"


def search_space(data):
    return {"shift": 0}, [("shift", (1, 2))]


def fit(data, settings, *, seed):
    users, items = data.matrix.shape
    bias = np.roll(np.random.default_rng(seed).random(items), settings["shift"]).astype(np.float32)
    zeros = np.zeros((users, 1), np.float32)
    fold_in = FoldIn(rhs=np.zeros(1))
    vectors = np.zeros((items, 1), np.float32)
    return RankingModel(item_factors=vectors, item_bias=bias, user_factors=zeros, new_users=lambda prior: fold_in)
'''


def test_another_ranker_is_one_file(ratings: Ratings, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "fixed.py").write_text(RANDOM)
    monkeypatch.setattr(rankers, "__path__", [*rankers.__path__, str(tmp_path)])
    monkeypatch.delitem(sys.modules, f"{rankers.__name__}.fixed", raising=False)
    assert "fixed" in ranker_names()
    split = split_ratings(ratings, seed=0)
    choice = choose_ranker(ratings, split, ranker="fixed", seed=0)
    assert choice.winner.ranker == "fixed"
    data = Interactions.of(ratings, split.train)
    task = RankingTask.of(ratings, train=split.train, test=split.validation, seed=0)
    model = fit_ranker(choice.winner, data, seed=0)
    assert 0 <= task.evaluate(lambda users: model.scores(data, users)).ndcg.mean() < 0.3


def test_an_unknown_ranker_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match="ranker is 'oracle'; allowed: ease, ials, popularity"):
        load_ranker("oracle")
