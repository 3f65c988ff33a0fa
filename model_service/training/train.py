"""From ratings to an artifact folder: find the epochs, measure beside the baselines, train on everything, write."""

import platform
from collections.abc import Mapping
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from model_service.artifact import Weights, write_artifact
from model_service.data.ratings import Ratings
from model_service.training.baseline import baseline_metrics
from model_service.training.config import Recipe
from model_service.training.evaluate import errors
from model_service.training.fit import fit, predict
from model_service.training.model import MatrixFactorization
from model_service.training.split import split_ratings
from model_service.version import Metadata

_LIBRARIES = ("torch", "scikit-surprise", "numpy", "safetensors")


def train(ratings: Ratings, *, recipe: Recipe, out: Path) -> Metadata:
    """Train and write the artifact to `out`; returns its metadata, test errors beside the baselines' included.

    The number of epochs is found on validation ratings; the reported errors are those of a model trained without
    the test ratings; the model that is written learned from all of them, with the same recipe.
    """
    split = split_ratings(len(ratings), seed=recipe.fit.seed)
    sizes = recipe.model_config(ratings)
    search = fit(
        ratings,
        train=split.train,
        validation=split.validation,
        model_config=sizes,
        config=recipe.fit,
        label="finding epochs",
    )
    settled = replace(recipe.fit, epochs=search.epochs)
    measured = fit(
        ratings,
        train=split.without_test,
        validation=None,
        model_config=sizes,
        config=settled,
        label="measuring",
    )
    metrics = {
        "test": errors(predict(measured.model, ratings, split.test), ratings.values[split.test]),
        "baselines": baseline_metrics(
            ratings, train=split.without_test, test=split.test, factors=recipe.factors, seed=recipe.fit.seed
        ),
        "test_ratings": len(split.test),
        "best_epoch": search.epochs,
        "validation_rmse": [round(value, 5) for value in search.validation_rmse],
    }
    final = fit(
        ratings,
        train=np.arange(len(ratings)),
        validation=None,
        model_config=sizes,
        config=settled,
        label="training on all",
    )
    return write_artifact(
        out,
        weights=to_weights(final.model, ratings),
        items=ratings.catalogue,
        data=ratings.describe(),
        hyperparameters=_hyperparameters(recipe),
        metrics=metrics,
        libraries={"python": platform.python_version(), **{name: version(name) for name in _LIBRARIES}},
    )


def to_weights(model: MatrixFactorization, ratings: Ratings) -> Weights:
    """The model's arrays with the ids of their rows and the films that each user rated."""
    arrays = {name: value.detach().numpy() for name, value in model.state_dict().items()}
    order = np.lexsort((ratings.item_rows, ratings.user_rows))
    per_user = np.bincount(ratings.user_rows, minlength=len(ratings.user_ids))
    return Weights(
        **arrays,
        user_ids=ratings.user_ids,
        item_ids=ratings.item_ids,
        seen_indptr=np.concatenate(([0], np.cumsum(per_user))).astype(np.int64),
        seen_indices=ratings.item_rows[order],
        item_counts=np.bincount(ratings.item_rows, minlength=len(ratings.item_ids)).astype(np.int32),
    )


def _hyperparameters(recipe: Recipe) -> Mapping[str, Any]:
    own = {"factors": recipe.factors, "c_vector": recipe.c_vector, "c_bias": recipe.c_bias}
    return own | vars(recipe.fit)
