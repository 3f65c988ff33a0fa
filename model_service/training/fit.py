"""Training by the configured method."""

import importlib
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model_service.data.ratings import Ratings
from model_service.training import trainers
from model_service.training.config import FitConfig, ModelConfig
from model_service.training.early_stopping import Fit

__all__ = ["Fit", "description", "fit", "unused_settings"]

_OPTIONAL = frozenset(("batch_size", "learning_rate"))


def fit(
    ratings: Ratings,
    *,
    train: NDArray[np.int64],
    validation: NDArray[np.int64] | None,
    model_config: ModelConfig,
    config: FitConfig,
    label: str,
) -> Fit:
    """Train on the ratings at positions `train`, with a progress bar named `label`.

    With `validation` positions, stops after `config.patience` epochs without improvement and returns the best epoch's
    model; without, trains for `config.epochs`. The same seed gives the same model on the same kind of machine.
    """
    trained: Fit = _trainer(config.method).fit(
        ratings, train=train, validation=validation, model_config=model_config, config=config, label=label
    )
    return trained


def description(method: str) -> str:
    """The method in words."""
    return str(_trainer(method).DESCRIPTION)


def unused_settings(method: str) -> frozenset[str]:
    """The fields of FitConfig that the method ignores."""
    return _OPTIONAL - frozenset(_trainer(method).SETTINGS)


def _trainer(method: str) -> Any:
    return importlib.import_module(f"{trainers.__name__}.{method}")
