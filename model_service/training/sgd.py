"""Stochastic gradient descent: minibatches by index on tensors that stay where they are."""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from model_service.data.ratings import Ratings
from model_service.training.config import FitConfig, ModelConfig
from model_service.training.early_stopping import EarlyStopping, FitResult, RatingTensors
from model_service.training.model import MatrixFactorization
from model_service.training.threads import single_thread_if

_FEW = 1 << 20  # numbers in the vectors of a batch


def fit_sgd(
    ratings: Ratings,
    *,
    train: NDArray[np.int64],
    validation: NDArray[np.int64] | None,
    model_config: ModelConfig,
    config: FitConfig,
    label: str,
) -> FitResult:
    """Train on the ratings at positions `train` with Adam, with a progress bar named `label`.

    With `validation` positions, stops after `patience` epochs without improvement and returns the best epoch's
    model; without, trains for exactly `epochs`. The same seed gives the same model on the same kind of machine.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    generator = torch.Generator().manual_seed(config.seed)
    mean = float(ratings.values[train].mean(dtype=np.float64))
    model = MatrixFactorization(model_config, global_mean=mean, generator=generator).to(device)
    learned = RatingTensors.of(ratings, train, device)
    model.weigh_by_counts(
        torch.bincount(learned.users, minlength=model_config.users),
        torch.bincount(learned.items, minlength=model_config.items),
    )
    stopping = EarlyStopping(model, ratings, train=train, validation=validation, patience=config.patience)
    optimiser = torch.optim.Adam(model.parameters(), lr=config.learning_rate)
    with (
        single_thread_if(config.batch_size * model_config.factors <= _FEW),
        tqdm(total=config.epochs * len(train), desc=label, unit=" ratings", unit_scale=True) as bar,
    ):
        for _ in range(config.epochs):
            for count in _epoch(model, optimiser, learned, config.batch_size, generator):
                bar.update(count)
            done = stopping.should_stop()
            bar.set_postfix(stopping.progress())
            if done:
                break
    return stopping.result()


def _epoch(
    model: MatrixFactorization,
    optimiser: torch.optim.Optimizer,
    learned: RatingTensors,
    batch_size: int,
    generator: torch.Generator,
) -> Iterator[int]:
    """One pass over the ratings in a random order; yields the size of each batch once it was learned."""
    order = torch.randperm(len(learned.values), generator=generator).to(learned.values.device)
    for batch in torch.split(order, batch_size):
        optimiser.zero_grad(set_to_none=True)
        loss = model.loss(learned.users[batch], learned.items[batch], learned.values[batch])
        loss.backward()  # type: ignore[no-untyped-call]
        optimiser.step()
        yield len(batch)
