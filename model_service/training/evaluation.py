"""All metrics of the artifact and the model card, from models trained without the test ratings."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from tqdm import tqdm

from model_service.data.ratings import Ratings
from model_service.training.baseline import Baselines
from model_service.training.bootstrap import mean_interval, rmse_difference
from model_service.training.factors import Factors
from model_service.training.interactions import Interactions
from model_service.training.metrics import calibration, errors, long_tail
from model_service.training.ranker_search import (
    POPULARITY,
    Candidate,
    Choice,
    choose_fold_in_prior,
    fit_ranker,
    fold_in_curve,
)
from model_service.training.rankers import RankingModel
from model_service.training.ranking import K, Lists, RankingTask, Scorer, held_out_ndcg, random_scores
from model_service.training.split import Split

THIS = "this_model"
_MAX_SERVED_USERS = 2000


@dataclass(frozen=True, kw_only=True, eq=False)
class OrderEvaluation:
    """The metrics of the order on one split, the lists of what was chosen, and that model."""

    metrics: dict[str, Any]
    lists: Lists
    model: RankingModel


def evaluate_order(
    ratings: Ratings, split: Split, choice: Choice, *, others: Mapping[str, Scorer], seed: int
) -> OrderEvaluation:
    """NDCG@10 of what was chosen beside popularity, the other rankers and `others`, with intervals over users."""
    positions = split.train_and_validation
    data = Interactions.of(ratings, positions)
    task = RankingTask.of(ratings, train=positions, test=split.test, seed=seed)
    popularity = data.popularity()
    rivals = [candidate for candidate in choice.best[1:] if candidate.ranker != POPULARITY]
    simple = {**others, "random": random_scores(len(popularity), seed)}
    with tqdm(total=2 + len(rivals) + len(simple), desc=f"measuring the order ({split.name} split)", unit="") as bar:

        def measure(scorer: Scorer) -> Lists:
            lists = task.evaluate(scorer)
            bar.update()
            return lists

        model = fit_ranker(choice.winner, data, seed=seed)
        found = {THIS: measure(_scorer(model, data))}
        found[POPULARITY] = measure(lambda users: np.broadcast_to(popularity, (len(users), len(popularity))))
        found |= {rival.ranker: measure(_scorer(fit_ranker(rival, data, seed=seed), data)) for rival in rivals}
        found |= {name: measure(scorer) for name, scorer in simple.items()}
    metrics = {
        "split": split.name,
        "users": len(task.users),
        "results": {name: task.metrics(lists) for name, lists in found.items()},
        "differences": {
            name: mean_interval(found[THIS].ndcg - lists.ndcg) for name, lists in found.items() if name != THIS
        },
        "activity": task.by_activity(found[THIS], found[POPULARITY]),
        "chosen": _described(choice.winner),
        "candidates": [_described(candidate) for candidate in choice.best],
        "tried": choice.tried,
    }
    return OrderEvaluation(metrics=metrics, lists=found[THIS], model=model)


def evaluate_new_users(ratings: Ratings, split: Split, candidate: Candidate, *, seed: int) -> dict[str, Any]:
    """The prior for new users, chosen on the training ratings, and how good their lists are."""
    positions = split.train_and_validation
    prior = choose_fold_in_prior(candidate, ratings, positions, seed=seed)
    return {"prior": prior, "curve": fold_in_curve(candidate, ratings, positions, prior=prior, seed=seed + 1)}


def evaluate_stars(model: Factors, baselines: Baselines, ratings: Ratings, split: Split) -> dict[str, Any]:
    """Test errors of `model` and the baselines, with intervals of their differences, and the calibration.

    split: of ratings only, see `Split.rated`.
    """
    actual, predicted = ratings.values[split.test], model.predict(ratings, split.test)
    users = ratings.user_rows[split.test]
    others = {name: factors.predict(ratings, split.test) for name, factors in baselines.models.items()}

    def measured(stars: "np.ndarray[Any, np.dtype[np.float64]]") -> dict[str, float | None]:
        return {**errors(stars, actual), "held_out_ndcg": held_out_ndcg(ratings, split.test, stars)}

    return {
        "test": measured(predicted),
        "test_ratings": len(split.test),
        "test_users": len(np.unique(users)),
        "baselines": {name: measured(stars) for name, stars in others.items()},
        "rmse_differences": {
            name: rmse_difference(np.square(predicted - actual), np.square(stars - actual), users)
            for name, stars in others.items()
        },
        "tuned_svd": baselines.tuned,
        "calibration": calibration(predicted, actual),
    }


def evaluate_long_tail(
    lists: Lists, stars: Factors | None, ratings: Ratings, split: Split, rated: Split | None
) -> list[dict[str, Any]]:
    """Shares of what was watched and of the lists, and the error of the stars, by the popularity of the items."""
    items = len(ratings.item_ids)
    squares = np.zeros(0)
    tested = split.test[:0] if stars is None or rated is None else rated.test
    if stars is not None:
        squares = np.square(stars.predict(ratings, tested) - ratings.values[tested])
    counts = np.bincount(ratings.item_rows[split.train_and_validation], minlength=items)
    return long_tail(counts, lists.listed(items), ratings.item_rows[tested], squares)


def served_scores(ranking: RankingModel, stars: Factors, ratings: Ratings, *, seed: int) -> dict[str, Any]:
    """Mean and standard deviation of the stars in the lists that the service returns, clipped to the scale.

    The reference for drift monitoring; over a sample of at most _MAX_SERVED_USERS users.
    """
    data = Interactions.of(ratings, np.arange(len(ratings)))
    users = np.arange(len(ratings.user_ids))
    if len(users) > _MAX_SERVED_USERS:
        users = np.sort(np.random.default_rng(seed).choice(users, _MAX_SERVED_USERS, replace=False))
    task = RankingTask(
        users=users,
        history=data.matrix[users],
        relevant=data.matrix[users],
        counts=np.zeros(len(ratings.item_ids), np.int64),
        raters=len(users),
    )
    lists = task.evaluate(lambda rows: ranking.scores(data, rows)).lists
    rows, items = np.repeat(users, K)[lists.ravel() >= 0], lists.ravel()[lists.ravel() >= 0]
    dots = np.einsum("nk,nk->n", stars.users[rows], stars.items[items])
    served = stars.mean + stars.user_bias[rows] + stars.item_bias[items] + dots
    served = served if ratings.scale is None else np.clip(served, *ratings.scale)
    mean, deviation = (float(served.mean()), float(served.std())) if len(served) else (0.0, 0.0)
    return {"length": K, "users": len(users), "mean": round(mean, 5), "std": round(deviation, 5)}


def _scorer(model: RankingModel, data: Interactions) -> Callable[["np.ndarray[Any, Any]"], "np.ndarray[Any, Any]"]:
    return lambda users: model.scores(data, users)


def _described(candidate: Candidate) -> dict[str, Any]:
    return {"ranker": candidate.ranker, "settings": dict(candidate.settings), "validation_ndcg": candidate.ndcg}
