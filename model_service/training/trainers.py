"""Registry of training methods; another one is a module with a `FitFunction` and an entry in `TRAINERS`."""

import pkgutil
from dataclasses import dataclass
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


@dataclass(frozen=True, kw_only=True)
class Trainer:
    """A training method.

    fit: the FitFunction as "module:function", imported on first use: the command line starts without PyTorch.
    description: for the command line's help, the comparison and the model card.
    options: TrainConfig fields that only such methods read; other methods leave them out of the metadata.
    min_reg: minimum of `reg_factors` and of `reg_bias`.
    """

    fit: str
    description: str
    options: tuple[str, ...] = ()
    min_reg: float = 0.0


# Both minimise the same objective; errors agree within 0.002 stars, als takes a ninth of the time of sgd
# (benchmarks/training.md).
TRAINERS: dict[str, Trainer] = {
    "als": Trainer(
        fit="model_service.training.als:fit_als",
        description="alternating least squares",
        min_reg=1e-4,  # with less, the normal equations of a user with few ratings are singular
    ),
    "sgd": Trainer(
        fit="model_service.training.sgd:fit_sgd",
        description="stochastic gradient descent with Adam",
        options=("batch_size", "learning_rate"),
    ),
}


def fit(
    ratings: Ratings,
    *,
    train: NDArray[np.int64],
    validation: NDArray[np.int64] | None,
    config: "TrainConfig",
    label: str,
) -> "FitResult":
    """Train with `config.method`; see `FitFunction`."""
    function: FitFunction = pkgutil.resolve_name(TRAINERS[config.method].fit)
    return function(ratings, train=train, validation=validation, config=config, label=label)
