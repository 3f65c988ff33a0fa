"""Ranking metrics, calibration and long tail against hand-computed values, baselines, and the report."""

import numpy as np
import pytest

from model_service.catalogue import Item
from model_service.data.ratings import Ratings
from model_service.training.baseline import to_factors, trainset_of
from model_service.training.metrics import calibration, long_tail
from model_service.training.ranking import RankingTask, popularity, random_scores, relevance_threshold
from model_service.training.report import is_worse, verdicts
from tests.model_service.conftest import Trained

_TRAIN, _TEST = [(0, 0, 5), (0, 1, 1), (1, 0, 4), (1, 2, 3)], [(0, 2, 5), (0, 3, 2), (0, 4, 4), (1, 1, 2), (1, 4, 3)]


def _ratings() -> Ratings:
    rows = np.array(_TRAIN + _TEST)
    return Ratings(
        users=rows[:, 0],
        items=rows[:, 1],
        values=rows[:, 2].astype(np.float32),
        catalogue=tuple(Item(id=number, title=f"Film {number}") for number in range(5)),
        scale=(1.0, 5.0),
        source="by hand",
    )


def _task() -> RankingTask:
    return RankingTask.of(_ratings(), train=np.arange(4), test=np.arange(4, 9), seed=0)


def _scores(*scores: float) -> np.ndarray:
    return np.array([scores])


def test_only_users_with_a_relevant_test_item_are_evaluated() -> None:
    task = _task()
    assert task.users.tolist() == [0]
    assert task.held_out[0].tolist() == [2, 3, 4]
    assert task.relevant[0].tolist() == [True, False, True]
    assert task.seen[0].tolist() == [0, 1]


def test_metrics_equal_hand_computed_values() -> None:
    found = _task().evaluate(lambda users: _scores(9.0, 8.0, 0.5, 0.9, 0.1))
    order = (1 / np.log2(3) + 1 / np.log2(4)) / (1 + 1 / np.log2(3))  # relevant items at ranks 2 and 3 of three
    for question in ("held_out", "unseen"):
        assert found.metrics[question]["ndcg"] == pytest.approx(order, abs=1e-5)
        assert found.metrics[question]["precision"] == pytest.approx(0.2)
        assert found.metrics[question]["recall"] == 1.0
    assert found.listed.tolist() == [0, 0, 1, 1, 1]  # items with a training rating are on no list
    assert found.metrics["unseen"]["coverage"] == 0.6


def test_the_best_order_has_an_ndcg_of_one_and_ties_go_by_row() -> None:
    assert _task().evaluate(lambda users: _scores(0, 0, 5, 1, 4)).metrics["held_out"]["ndcg"] == 1.0
    tied = _task().evaluate(lambda users: _scores(0, 0, 1, 1, 1)).metrics["held_out"]["ndcg"]
    assert tied == pytest.approx((1 + 1 / np.log2(4)) / (1 + 1 / np.log2(3)), abs=1e-5)


def test_popularity_counts_training_ratings_and_random_scores_are_seeded() -> None:
    assert popularity(_ratings(), np.arange(4))(np.array([0, 1])).tolist() == [[2, 1, 1, 0, 0]] * 2
    first, again = (random_scores(5, seed=3)(np.array([0])) for _ in range(2))
    assert first.tolist() == again.tolist() != random_scores(5, seed=4)(np.array([0])).tolist()


@pytest.mark.parametrize(("scale", "least"), [((1.0, 5.0), 4.0), ((0.5, 5.0), 4.0), ((1.0, 10.0), 8.0)])
def test_the_relevance_threshold_is_three_quarters_up_the_scale(scale: tuple[float, float], least: float) -> None:
    assert relevance_threshold(scale) == least


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


@pytest.mark.parametrize("name", ["SVD", "BaselineOnly"])
def test_the_arrays_of_a_surprise_model_predict_as_it_does(name: str, trained: Trained) -> None:
    import surprise

    ratings = trained.ratings
    chosen = np.flatnonzero(ratings.item_rows != 17)  # no training rating of film 17
    options = {"random_state": 1, "n_factors": 5} if name == "SVD" else {"verbose": False}
    algorithm = getattr(surprise, name)(**options).fit(trainset_of(ratings, chosen))
    pairs = np.concatenate((np.arange(200), np.flatnonzero(ratings.item_rows == 17)))
    expected = [
        algorithm.predict(u, i).est for u, i in zip(ratings.user_rows[pairs], ratings.item_rows[pairs], strict=True)
    ]
    np.testing.assert_allclose(to_factors(algorithm, ratings).predict(ratings, pairs), expected, atol=1e-9)


def test_a_lost_comparison_is_reported_as_lost(trained: Trained) -> None:
    metrics = {**trained.metadata.metrics, "test": {"rmse": 9.0, "mae": 9.0}}
    lines = " ".join(verdicts(metrics))
    assert "Test RMSE 9.0000: WORSE than Surprise SVD, tuned" in lines
    assert "WORSE than biases only" in lines
    assert is_worse(metrics)
    won = {**metrics, "test": {"rmse": 0.1, "mae": 0.1}}
    assert "no worse than Surprise SVD, tuned" in " ".join(verdicts(won))
    assert not is_worse(won)
