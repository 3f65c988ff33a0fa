"""The training pipeline: choose the epochs, evaluate against baselines, train on all ratings, write the artifact."""

import platform
from dataclasses import replace
from importlib.metadata import version
from pathlib import Path

import numpy as np

from model_service.artifact import Weights, write_artifact
from model_service.data.ratings import Ratings
from model_service.metadata import Metadata
from model_service.training.baseline import train_baselines
from model_service.training.config import TrainConfig
from model_service.training.evaluation import evaluate, served_scores
from model_service.training.factors import Factors
from model_service.training.model import MatrixFactorization
from model_service.training.model_card import write_model_card
from model_service.training.sparse import user_item_matrix
from model_service.training.split import split_ratings
from model_service.training.trainers import fit

_LIBRARIES = ("torch", "scikit-surprise", "scipy", "numpy", "safetensors", "pyarrow")


def train(ratings: Ratings, *, config: TrainConfig, out: Path) -> Metadata:
    """Train and write the artifact to `out`; returns its metadata with the metrics of the model and the baselines.

    The number of epochs is chosen on the validation ratings. The metrics are those of a model trained without the
    test ratings; the written model is trained on all ratings with the same hyperparameters.
    """
    seed, split = config.seed, split_ratings(len(ratings), seed=config.seed)
    search = fit(ratings, train=split.train, validation=split.validation, config=config, label="finding epochs")
    config_final = replace(config, epochs=search.epochs)
    evaluated = fit(
        ratings, train=split.train_and_validation, validation=None, config=config_final, label="training to evaluate"
    )
    baselines = train_baselines(ratings, split, seed=seed)
    metrics = {
        "best_epoch": search.epochs,
        "validation_rmse": [round(value, 5) for value in search.validation_rmse],
        "train_rmse": [round(value, 5) for value in search.train_rmse],
        **evaluate(Factors.of(evaluated.model), baselines, ratings, split, seed=seed),
    }
    final = fit(ratings, train=np.arange(len(ratings)), validation=None, config=config_final, label="training on all")
    metrics["served_scores"] = served_scores(Factors.of(final.model), ratings, seed=seed)
    return write_artifact(
        out,
        weights=to_weights(final.model, ratings),
        items=ratings.catalogue,
        data=ratings.describe(),
        hyperparameters=config.to_metadata(),
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
