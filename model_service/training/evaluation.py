"""All metrics of the artifact and the model card, from models trained without the test ratings."""

from collections.abc import Mapping
from typing import Any

import numpy as np

from model_service.data.ratings import Ratings
from model_service.training.baseline import Baselines
from model_service.training.factors import Factors
from model_service.training.metrics import calibration, errors, long_tail
from model_service.training.ranking import (
    MAX_USERS,
    K,
    RankingTask,
    evaluate_all,
    popularity,
    random_scores,
    relevance_threshold,
    top_k,
)
from model_service.training.sparse import user_item_matrix
from model_service.training.split import Split

_THIS = "this_model"


def evaluate(model: Factors, baselines: Baselines, ratings: Ratings, split: Split, *, seed: int) -> dict[str, Any]:
    """Test errors and ranking metrics of `model` and the baselines, calibration and long tail of `model`."""
    actual, predicted = ratings.values[split.test], model.predict(ratings, split.test)
    train = split.train_and_validation
    task = RankingTask.of(ratings, train=train, test=split.test, seed=seed)
    models: Mapping[str, Factors] = {_THIS: model, **baselines.models}
    scorers = {name: factors.scores for name, factors in models.items()}
    ranked = evaluate_all(
        task,
        {**scorers, "popularity": popularity(ratings, train), "random": random_scores(len(ratings.item_ids), seed)},
    )
    return {
        "test": errors(predicted, actual),
        "test_ratings": len(split.test),
        "baselines": {
            name: errors(factors.predict(ratings, split.test), actual) for name, factors in baselines.models.items()
        },
        "tuned_svd": baselines.tuned,
        "ranking": {
            "length": K,
            "liked_from": relevance_threshold(ratings.scale),
            "users": len(task.users),
            **{
                strategy: {name: result.metrics[strategy] for name, result in ranked.items()}
                for strategy in ("held_out", "unseen")
            },
        },
        "calibration": calibration(predicted, actual),
        "long_tail": long_tail(
            np.bincount(ratings.item_rows[train], minlength=len(ratings.item_ids)),
            ranked[_THIS].listed,
            ratings.item_rows[split.test],
            np.square(predicted - actual),
        ),
    }


def served_scores(model: Factors, ratings: Ratings, *, seed: int) -> dict[str, Any]:
    """Mean and standard deviation of the scores that the service returns: ten best unseen items, clipped, in stars.

    The reference for drift monitoring; over a sample of at most MAX_USERS users.
    """
    seen = user_item_matrix(ratings)
    users = np.arange(len(ratings.user_ids))
    if len(users) > MAX_USERS:
        users = np.sort(np.random.default_rng(seed).choice(users, MAX_USERS, replace=False))
    lists = []
    for user in users:
        scores = model.scores(users=np.array([user]))[0].astype(np.float64)
        scores[seen.indices[seen.indptr[user] : seen.indptr[user + 1]]] = -np.inf
        best = scores[top_k(scores)]
        lists.append(np.clip(best[best > -np.inf], *ratings.scale))
    served = np.concatenate(lists)
    mean, deviation = (float(served.mean()), float(served.std())) if len(served) else (0.0, 0.0)
    return {"length": K, "users": len(users), "mean": round(mean, 5), "std": round(deviation, 5)}
