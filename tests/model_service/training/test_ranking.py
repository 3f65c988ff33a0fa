"""Metrics of lists against hand-computed values, intervals, calibration and long tail, baselines, report and gate."""

from typing import Any

import numpy as np
import pytest

from model_service.catalogue import Item
from model_service.data.id_column import IdColumn
from model_service.data.ratings import Ratings
from model_service.training.baseline import fit_biases, to_factors, trainset_of
from model_service.training.bootstrap import mean_interval, rmse_difference
from model_service.training.interactions import relevance_threshold
from model_service.training.metrics import calibration, long_tail
from model_service.training.ranking import RankingTask, held_out_ndcg, random_scores
from model_service.training.report import failed_gates, terminal_tables, verdicts
from tests.model_service.conftest import Trained

_TRAIN, _TEST = [(0, 0, 5), (0, 1, 1), (1, 0, 4), (1, 2, 3)], [(0, 2, 5), (0, 3, 2), (0, 4, 4), (1, 1, 2), (1, 4, 3)]


def _ratings() -> Ratings:
    rows = np.array(_TRAIN + _TEST)
    return Ratings(
        users=IdColumn.of(rows[:, 0]),
        items=IdColumn.of(rows[:, 1]),
        values=rows[:, 2].astype(np.float32),
        catalogue=tuple(Item(id=str(number), title=f"Film {number}") for number in range(5)),
        scale=(1.0, 5.0),
        source="by hand",
    )


def _task() -> RankingTask:
    return RankingTask.of(_ratings(), train=np.arange(4), test=np.arange(4, 9), seed=0)


def _scores(*scores: float) -> np.ndarray:
    return np.array([scores])


def test_only_users_with_a_liked_test_item_are_evaluated() -> None:
    task = _task()
    assert task.users.tolist() == [0]
    assert task.relevant.indices.tolist() == [2, 4]
    assert task.history.indices.tolist() == [0, 1]


def test_metrics_equal_hand_computed_values() -> None:
    task = _task()
    found = task.evaluate(lambda users: _scores(9.0, 8.0, 0.5, 0.9, 0.1))
    order = (1 / np.log2(3) + 1 / np.log2(4)) / (1 + 1 / np.log2(3))  # hits at places 2 and 3 of three
    metrics = task.metrics(found)
    assert metrics["ndcg"][0] == pytest.approx(order, abs=1e-5)
    assert (metrics["precision"], metrics["recall"], metrics["coverage"]) == (0.2, 1.0, 0.6)
    assert found.lists[0].tolist() == [3, 2, 4, *[-1] * 7]  # items with a training rating are on no list
    assert found.listed(5).tolist() == [0, 0, 1, 1, 1]
    assert metrics["novelty"] == pytest.approx((1 + 1 + 1) / 3)  # one rating at most, of two users
    assert metrics["gini"] == pytest.approx(0.4)


def test_the_best_order_has_an_ndcg_of_one() -> None:
    task = _task()
    assert task.evaluate(lambda users: _scores(0, 0, 5, 1, 4)).ndcg.tolist() == [1.0]
    positions = np.arange(4, 9)
    assert held_out_ndcg(_ratings(), positions, np.array([5.0, 1.0, 4.0, 3.0, 3.0])) == 1.0
    swapped = (1 / np.log2(3) + 1 / np.log2(4)) / (1 + 1 / np.log2(3))
    assert held_out_ndcg(_ratings(), positions, np.array([2.0, 5.0, 1.0, 3.0, 3.0])) == pytest.approx(swapped, abs=1e-5)


def test_users_are_grouped_by_their_number_of_ratings(trained: Trained) -> None:
    ratings = trained.ratings
    everything = np.arange(len(ratings))
    task = RankingTask.of(ratings, train=everything[::2], test=everything[1::2], seed=0)
    found = task.evaluate(random_scores(task.items, 0))
    groups = task.by_activity(found, found)
    assert sum(group["users"] for group in groups) == len(task.users)
    assert [group["ratings"][0] for group in groups] == sorted(group["ratings"][0] for group in groups)


def test_random_scores_are_seeded() -> None:
    first, again = (random_scores(5, seed=3)(np.array([0])) for _ in range(2))
    assert first.tolist() == again.tolist() != random_scores(5, seed=4)(np.array([0])).tolist()


@pytest.mark.parametrize(
    ("scale", "least"),
    [((1.0, 5.0), 4.0), ((0.5, 5.0), 4.0), ((1.0, 10.0), 8.0), ((0.5, 4.0), 4.0), (None, float("-inf"))],
)
def test_the_relevance_threshold_is_three_quarters_up_the_scale(
    scale: tuple[float, float] | None, least: float
) -> None:
    assert relevance_threshold(scale) == least


def test_an_interval_covers_the_mean_as_often_as_it_says() -> None:
    generator = np.random.default_rng(0)
    covered = 0
    for seed in range(200):
        mean, low, high = mean_interval(generator.normal(loc=0.3, size=60), seed=seed)
        assert low <= mean <= high
        covered += low <= 0.3 <= high
    assert 0.88 <= covered / 200 <= 0.99


def test_a_difference_of_errors_is_paired_by_user() -> None:
    generator = np.random.default_rng(1)
    users = np.repeat(np.arange(80), 10)
    noise = np.square(generator.normal(size=800)) * np.repeat(generator.lognormal(size=80), 10)
    difference, low, high = rmse_difference(noise, noise * 1.05, users)
    assert low < difference < high < 0
    same = rmse_difference(noise, noise, users)
    assert same == [0.0, 0.0, 0.0]


def test_calibration_error_is_the_mean_difference_of_prediction_and_rating() -> None:
    predicted = np.repeat([2.0, 4.0], 50)
    found = calibration(predicted, np.where(predicted == 2.0, 2.5, 3.8))
    assert found["error"] == pytest.approx(0.35)
    assert found["groups"][0] == {"predicted": 2.0, "actual": 2.5, "ratings": 10}
    assert sum(group["ratings"] for group in found["groups"]) == 100


def test_the_long_tail_groups_films_by_their_ratings() -> None:
    counts, listed = np.arange(40)[::-1] + 1, np.zeros(40, dtype=np.int64)
    listed[39] = 7
    groups = long_tail(counts, listed, np.array([0, 1, 39]), np.array([1.0, 9.0, 4.0]))
    assert [group["films"] for group in groups] == [2] * 20
    assert groups[0]["rmse"] == pytest.approx(5**0.5, abs=1e-5)
    assert groups[1]["rmse"] is None
    assert (groups[-1]["rmse"], groups[-1]["listed_share"]) == (2.0, 1.0)
    assert sum(group["ratings_share"] for group in groups) == pytest.approx(1, abs=1e-4)


def test_the_arrays_of_a_surprise_model_predict_as_it_does(trained: Trained) -> None:
    import surprise

    ratings = trained.ratings
    chosen = np.flatnonzero(ratings.item_rows != 17)  # no training rating of film 17
    algorithm = surprise.SVD(random_state=1, n_factors=5).fit(trainset_of(ratings, chosen))
    pairs = np.concatenate((np.arange(200), np.flatnonzero(ratings.item_rows == 17)))
    expected = [
        algorithm.predict(u, i).est for u, i in zip(ratings.user_rows[pairs], ratings.item_rows[pairs], strict=True)
    ]
    np.testing.assert_allclose(to_factors(algorithm, ratings).predict(ratings, pairs), expected, atol=1e-9)


def test_biases_only_are_those_of_surprise(trained: Trained) -> None:
    import surprise

    ratings, everything = trained.ratings, np.arange(len(trained.ratings))
    algorithm = surprise.BaselineOnly(verbose=False).fit(trainset_of(ratings, everything))
    expected = [algorithm.predict(u, i).est for u, i in zip(ratings.user_rows, ratings.item_rows, strict=True)]
    found = fit_biases(ratings, everything).predict(ratings, everything)
    np.testing.assert_allclose(found, expected, atol=2e-3)


def _with(trained: Trained, order: list[float], stars: list[float]) -> dict[str, Any]:
    """The metrics with other intervals of the differences to popularity and to biases only."""
    metrics = dict(trained.metadata.metrics)
    split = dict(metrics["order"]["splits"][0])
    split["differences"] = {**split["differences"], "popularity": order}
    metrics["order"] = {**metrics["order"], "splits": [split]}
    metrics["rmse_differences"] = {**metrics["rmse_differences"], "biases_only": stars}
    return metrics


@pytest.mark.parametrize(
    ("order", "stars", "words", "problems"),
    [
        ([0.1, 0.05, 0.2], [-0.1, -0.2, -0.05], ("better than popularity", "better than biases only"), 0),
        ([-0.1, -0.2, 0.01], [0.1, -0.01, 0.2], ("no different from popularity", "no different from biases only"), 0),
        ([-0.1, -0.2, -0.05], [-0.1, -0.2, -0.05], ("WORSE than popularity", "better than biases only"), 1),
        ([0.1, 0.05, 0.2], [0.1, 0.05, 0.2], ("better than popularity", "WORSE than biases only"), 1),
        ([-0.1, -0.2, -0.05], [0.1, 0.05, 0.2], ("WORSE than popularity", "WORSE than biases only"), 2),
    ],
)
def test_worse_is_said_and_refused_only_where_the_interval_says_so(
    order: list[float], stars: list[float], words: tuple[str, str], problems: int, trained: Trained
) -> None:
    metrics = _with(trained, order, stars)
    text = " ".join(verdicts(metrics))
    assert all(word in text for word in words)
    assert len(failed_gates(metrics)) == problems


def test_too_few_users_prove_nothing(trained: Trained) -> None:
    metrics = _with(trained, [-0.1, -0.2, -0.05], [0.1, 0.05, 0.2])
    metrics["order"]["splits"][0]["users"] = 9
    metrics["test_users"] = 9
    assert not failed_gates(metrics)
    assert "Too few users to compare the stars: 9, of 10" in " ".join(verdicts(metrics))


def test_the_report_has_a_row_for_every_model_with_its_interval(trained: Trained) -> None:
    text = terminal_tables(trained.metadata.metrics)
    for name in ("popularity", "EASE", "random", "Surprise SVD, tuned", "biases only", "oracle"):
        assert any(line.startswith(name) for line in text.splitlines()), name
    own = trained.metadata.metrics["order"]["splits"][0]["results"]["this_model"]
    low, high = own["ndcg"][1:]
    assert f"{low:.3f} to {high:.3f}" in text
    assert f"{own['coverage']:.1%}" in text
