"""Stochastic gradient descent with Adam: minibatches indexed from tensors that stay on the device."""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray

from model_service.data.ratings import Ratings
from model_service.serving.ranking.stars import star_width
from model_service.training.config import TrainConfig
from model_service.training.early_stopping import EarlyStopping, FitResult, RatingTensors
from model_service.training.epochs import run_epochs
from model_service.training.model import MatrixFactorization

DESCRIPTION = "stochastic gradient descent with Adam"
SETTINGS = ("batch_size", "learning_rate")

_SINGLE_THREAD_ELEMENTS = 1 << 20  # in the vectors of a batch


def fit(
    ratings: Ratings,
    *,
    train: NDArray[np.int64],
    validation: NDArray[np.int64] | None,
    config: TrainConfig,
    label: str,
) -> FitResult:
    """Minimise `MatrixFactorization.loss`; see `FitFunction` for the arguments. Rows without ratings are zeros."""
    generator = torch.Generator().manual_seed(config.seed)
    model = MatrixFactorization.initialise(ratings, train=train, config=config, generator=generator)
    tensors = RatingTensors.of(ratings, train, model.global_mean.device)
    users = torch.bincount(tensors.users, minlength=len(ratings.user_ids))
    items = torch.bincount(tensors.items, minlength=len(ratings.item_ids))
    model.set_weights(users, items)
    with torch.no_grad():
        model.user_factors[users == 0] = 0
        model.item_factors[items == 0] = 0
    optimiser = torch.optim.Adam(model.parameters(), lr=config.learning_rate * star_width(ratings.scale))

    def epoch() -> Iterator[int]:
        order = torch.randperm(len(train), generator=generator).to(tensors.values.device)
        for batch in torch.split(order, config.batch_size):
            optimiser.zero_grad(set_to_none=True)
            loss = model.loss(tensors.users[batch], tensors.items[batch], tensors.values[batch])
            loss.backward()  # type: ignore[no-untyped-call]
            optimiser.step()
            yield len(batch)

    return run_epochs(
        epoch,
        EarlyStopping(model, ratings, train=train, validation=validation, patience=config.patience),
        train=train,
        config=config,
        label=label,
        single_thread=config.batch_size * config.factors <= _SINGLE_THREAD_ELEMENTS,
    )
