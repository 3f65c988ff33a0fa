"""From ratings to an artifact: choose the number of epochs, evaluate beside the baselines, train on all, write."""

import platform
from collections.abc import Mapping
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np

from model_service.artifact import Weights, write_artifact
from model_service.data.ratings import Ratings
from model_service.metadata import Metadata
from model_service.training.baseline import train_baselines
from model_service.training.config import TrainConfig
from model_service.training.evaluation import evaluate, served_scores
from model_service.training.factors import Factors
from model_service.training.fit import fit, unused_settings
from model_service.training.model import MatrixFactorization
from model_service.training.model_card import write_card
from model_service.training.sparse import by_user
from model_service.training.split import split_ratings

_LIBRARIES = ("torch", "scikit-surprise", "scipy", "numpy", "safetensors", "pyarrow")
_METADATA_NAMES = {"reg_factors": "c_vector", "reg_bias": "c_bias"}
"""The tutorial's names, by which artifacts hold these settings."""


def train(ratings: Ratings, *, config: TrainConfig, out: Path) -> Metadata:
    """Train and write the artifact to `out`; returns its metadata with the metrics.

    The number of epochs is chosen on the validation ratings; the metrics are those of a model trained without the test
    ratings; the model that is written is trained on all ratings with the same settings.
    """
    seed = config.fit.seed
    split = split_ratings(len(ratings), seed=seed)
    sizes = config.model_config(ratings)
    search = fit(
        ratings,
        train=split.train,
        validation=split.validation,
        model_config=sizes,
        config=config.fit,
        label="finding epochs",
    )
    final_config = replace(config.fit, epochs=search.epochs)
    measured = fit(
        ratings,
        train=split.train_and_validation,
        validation=None,
        model_config=sizes,
        config=final_config,
        label="measuring",
    )
    metrics = {
        "best_epoch": search.epochs,
        "validation_rmse": [round(value, 5) for value in search.validation_rmse],
        "train_rmse": [round(value, 5) for value in search.train_rmse],
        **evaluate(Factors.of(measured.model), train_baselines(ratings, split, seed=seed), ratings, split, seed=seed),
    }
    final = fit(
        ratings,
        train=np.arange(len(ratings)),
        validation=None,
        model_config=sizes,
        config=final_config,
        label="training on all",
    )
    metrics["served_scores"] = served_scores(Factors.of(final.model), ratings, seed=seed)
    return write_artifact(
        out,
        weights=to_weights(final.model, ratings),
        items=ratings.catalogue,
        data=ratings.describe(),
        hyperparameters=_hyperparameters(config),
        metrics=metrics,
        libraries={"python": platform.python_version(), **{name: version(name) for name in _LIBRARIES}},
        attach=write_card,
    )


def to_weights(model: MatrixFactorization, ratings: Ratings) -> Weights:
    """The model's arrays with the ids of their rows and the films that each user rated."""
    arrays = {name: value.detach().numpy() for name, value in model.state_dict().items()}
    seen = by_user(ratings)
    return Weights(
        **arrays,
        user_ids=ratings.user_ids,
        item_ids=ratings.item_ids,
        seen_indptr=seen.indptr.astype(np.int64),
        seen_indices=seen.indices.astype(np.int32),
        item_counts=np.bincount(ratings.item_rows, minlength=len(ratings.item_ids)).astype(np.int32),
    )


def _hyperparameters(config: TrainConfig) -> Mapping[str, Any]:
    settings = {name: value for name, value in vars(config).items() if name != "fit"} | vars(config.fit)
    unused = unused_settings(config.fit.method)
    return {_METADATA_NAMES.get(name, name): value for name, value in settings.items() if name not in unused}
