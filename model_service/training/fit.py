"""Training by either method."""

import numpy as np
from numpy.typing import NDArray

from model_service.data.ratings import Ratings
from model_service.training.als import fit_als
from model_service.training.config import FitConfig, ModelConfig
from model_service.training.early_stopping import FitResult
from model_service.training.sgd import fit_sgd

__all__ = ["FitResult", "fit"]


def fit(
    ratings: Ratings,
    *,
    train: NDArray[np.int64],
    validation: NDArray[np.int64] | None,
    model_config: ModelConfig,
    config: FitConfig,
    label: str,
) -> FitResult:
    """Train by `config.method`; see `fit_als` and `fit_sgd`, which minimise the same objective."""
    train_by = fit_als if config.method == "als" else fit_sgd
    return train_by(ratings, train=train, validation=validation, model_config=model_config, config=config, label=label)
