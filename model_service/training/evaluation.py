"""Everything that is told about a model's quality, from models that never saw the test ratings."""

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

THIS = "this_model"


def evaluate(model: Factors, baselines: Baselines, ratings: Ratings, split: Split, *, seed: int) -> dict[str, Any]:
    """Test errors, ranking, calibration and long tail of `model`, the first two beside the baselines'."""
    actual, predicted = ratings.values[split.test], model.predict(ratings, split.test)
    train = split.train_and_validation
    task = RankingTask.of(ratings, train=train, test=split.test, seed=seed)
    models: Mapping[str, Factors] = {THIS: model, **baselines.models}
    contenders = {name: factors.scores for name, factors in models.items()}
    ranked = evaluate_all(
        task,
        {**contenders, "popularity": popularity(ratings, train), "random": random_scores(len(ratings.item_ids), seed)},
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
            ranked[THIS].listed,
            ratings.item_rows[split.test],
            np.square(predicted - actual),
        ),
    }


def served_scores(model: Factors, ratings: Ratings, *, seed: int) -> dict[str, Any]:
    """Mean and deviation of the scores that the service tells: ten best unseen films, clipped, in stars.

    Of at most MAX_USERS users. What the service tells in production can be held against it.
    """
    seen = user_item_matrix(ratings)
    users = np.arange(len(ratings.user_ids))
    if len(users) > MAX_USERS:
        users = np.sort(np.random.default_rng(seed).choice(users, MAX_USERS, replace=False))
    told = []
    for user in users:
        scores = model.scores(users=np.array([user]))[0].astype(np.float64)
        scores[seen.indices[seen.indptr[user] : seen.indptr[user + 1]]] = -np.inf
        best = scores[top_k(scores)]
        told.append(np.clip(best[best > -np.inf], *ratings.scale))
    all_told = np.concatenate(told)
    mean, deviation = (float(all_told.mean()), float(all_told.std())) if len(all_told) else (0.0, 0.0)
    return {"length": K, "users": len(users), "mean": round(mean, 5), "std": round(deviation, 5)}
