"""Training methods. Each module of this package is one, and its name is the value of `--method`.

A module defines `fit`, a `FitFunction`; DESCRIPTION, for the comparison and the model card; and SETTINGS, the
TrainConfig fields that not every method reads and this one does. Optional: MIN_REG, the minimum of `reg_factors` and
of `reg_bias`.
"""

import importlib
import pkgutil
from types import ModuleType
from typing import TYPE_CHECKING, Protocol

import numpy as np
from numpy.typing import NDArray

from model_service.data.ratings import Ratings

if TYPE_CHECKING:
    from model_service.training.config import TrainConfig
    from model_service.training.early_stopping import FitResult


class FitFunction(Protocol):
    """Trains one model; deterministic for a seed on the same kind of machine."""

    def __call__(
        self,
        ratings: Ratings,
        *,
        train: NDArray[np.int64],
        validation: NDArray[np.int64] | None,
        config: "TrainConfig",
        label: str,
    ) -> "FitResult":
        """Train on the ratings at positions `train`, with a progress bar named `label`.

        With `validation` positions, stop after `config.patience` epochs without improvement and return the model of
        the best epoch; without, train for exactly `config.epochs`.
        """


def methods() -> list[str]:
    """The names of all methods, without importing them: the command line starts without PyTorch."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def load_trainer(method: str) -> ModuleType:
    """Import the module of a method; raises ValueError for an unknown one."""
    if method not in methods():
        raise ValueError(f"method is {method!r}; allowed: {', '.join(methods())}")
    return importlib.import_module(f"{__name__}.{method}")


def fit(
    ratings: Ratings,
    *,
    train: NDArray[np.int64],
    validation: NDArray[np.int64] | None,
    config: "TrainConfig",
    label: str,
) -> "FitResult":
    """Train with `config.method`; see `FitFunction`."""
    function: FitFunction = load_trainer(config.method).fit
    return function(ratings, train=train, validation=validation, config=config, label=label)
