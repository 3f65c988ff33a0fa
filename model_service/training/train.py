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
from model_service.metadata import Metadata
from model_service.training.baseline import train_baselines
from model_service.training.config import TrainConfig
from model_service.training.evaluation import evaluate, served_scores
from model_service.training.factors import Factors
from model_service.training.fit import fit
from model_service.training.model import MatrixFactorization
from model_service.training.model_card import write_model_card
from model_service.training.sparse import user_item_matrix
from model_service.training.split import split_ratings

_LIBRARIES = ("torch", "scikit-surprise", "scipy", "numpy", "safetensors", "pyarrow")
_SGD_ONLY = ("batch_size", "learning_rate")
_METADATA_KEYS = {"reg_factors": "c_vector", "reg_bias": "c_bias"}  # the names that artifacts of format 1 have


def train(ratings: Ratings, *, config: TrainConfig, out: Path) -> Metadata:
    """Train and write the artifact to `out`; returns its metadata, figures beside the baselines' included.

    The number of epochs is found on validation ratings; the reported figures are those of a model trained without
    the test ratings; the model that is written learned from all of them, with the same config.
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
    settled = replace(config.fit, epochs=search.epochs)
    measured = fit(
        ratings,
        train=split.train_and_validation,
        validation=None,
        model_config=sizes,
        config=settled,
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
        config=settled,
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
        attach=write_model_card,
    )


def to_weights(model: MatrixFactorization, ratings: Ratings) -> Weights:
    """The model's arrays with the ids of their rows and the films that each user rated."""
    arrays = {name: value.detach().numpy() for name, value in model.state_dict().items()}
    seen = user_item_matrix(ratings)
    return Weights(
        **arrays,
        user_ids=ratings.user_ids,
        item_ids=ratings.item_ids,
        seen_indptr=seen.indptr.astype(np.int64),
        seen_indices=seen.indices.astype(np.int32),
        item_counts=np.bincount(ratings.item_rows, minlength=len(ratings.item_ids)).astype(np.int32),
    )


def _hyperparameters(config: TrainConfig) -> Mapping[str, Any]:
    values = {name: value for name, value in vars(config).items() if name != "fit"} | vars(config.fit)
    unused = _SGD_ONLY if config.fit.method == "als" else ()
    return {_METADATA_KEYS.get(name, name): value for name, value in values.items() if name not in unused}
