"""The training loop: minibatches by index on tensors that stay where they are, early stopping, best epoch kept."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor
from tqdm import tqdm

from model_service.data.ratings import Ratings
from model_service.training.config import FitConfig, ModelConfig
from model_service.training.evaluate import rmse
from model_service.training.model import MatrixFactorization

_ONE_THREAD_BELOW = 1 << 20  # numbers in the vectors of a batch


@dataclass(frozen=True, kw_only=True)
class Fit:
    """A trained model (on the CPU), the epochs behind it, and the validation RMSE after each epoch in stars."""

    model: MatrixFactorization
    epochs: int
    validation_rmse: tuple[float, ...]


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

    With `validation` positions, stops after `patience` epochs without improvement and returns the best epoch's
    model; without, trains for exactly `epochs`. The same seed gives the same model on the same kind of machine.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    generator = torch.Generator().manual_seed(config.seed)
    mean = float(ratings.values[train].mean(dtype=np.float64))
    model = MatrixFactorization(model_config, global_mean=mean, generator=generator).to(device)
    learned = _tensors(ratings, train, device)
    held_out = _tensors(ratings, validation, device) if validation is not None else None
    optimiser = torch.optim.Adam(model.parameters(), lr=config.learning_rate)
    best, best_epoch, curve = _state(model), config.epochs, []
    with (
        _threads_for(config.batch_size * model_config.factors),
        tqdm(total=config.epochs, desc=label, unit="epoch") as bar,
    ):
        for epoch in range(1, config.epochs + 1):
            _train_epoch(model, optimiser, learned, config.batch_size, generator)
            bar.update()
            if held_out is None:
                continue
            curve.append(_validation_rmse(model, held_out, ratings.scale))
            bar.set_postfix(validation_rmse=f"{curve[-1]:.4f}")
            if curve[-1] == min(curve):
                best, best_epoch = _state(model), epoch
            elif epoch - best_epoch >= config.patience:
                break
    if held_out is not None:
        model.load_state_dict(best)
    return Fit(model=model.cpu(), epochs=best_epoch, validation_rmse=tuple(curve))


def predict(
    model: MatrixFactorization, ratings: Ratings, chosen: NDArray[np.int64], batch_size: int = 1 << 20
) -> NDArray[np.float32]:
    """Predictions (len(chosen),) for the pairs at positions `chosen`, clipped to the rating scale."""
    device = model.global_mean.device
    parts = []
    with torch.no_grad():
        for start in range(0, len(chosen), batch_size):
            users, items, _ = _tensors(ratings, chosen[start : start + batch_size], device)
            parts.append(model(users, items).clamp(*ratings.scale).cpu().numpy())
    return np.concatenate(parts)


@contextmanager
def _threads_for(numbers: int) -> Iterator[None]:
    """One thread for steps on few `numbers`: they end before the other threads have begun, and the sums of one
    thread are the same on every machine."""
    before = torch.get_num_threads()
    torch.set_num_threads(before if numbers > _ONE_THREAD_BELOW else 1)
    try:
        yield
    finally:
        torch.set_num_threads(before)


def _train_epoch(
    model: MatrixFactorization,
    optimiser: torch.optim.Optimizer,
    learned: tuple[Tensor, Tensor, Tensor],
    batch_size: int,
    generator: torch.Generator,
) -> None:
    users, items, values = learned
    order = torch.randperm(len(values), generator=generator).to(values.device)
    for batch in torch.split(order, batch_size):
        optimiser.zero_grad(set_to_none=True)
        model.loss(users[batch], items[batch], values[batch]).backward()  # type: ignore[no-untyped-call]
        optimiser.step()


def _validation_rmse(
    model: MatrixFactorization, held_out: tuple[Tensor, Tensor, Tensor], scale: tuple[float, float]
) -> float:
    users, items, values = held_out
    with torch.no_grad():
        predicted = model(users, items).clamp(*scale)
    return rmse(predicted.cpu().numpy(), values.cpu().numpy())


def _tensors(ratings: Ratings, chosen: NDArray[np.int64], device: torch.device) -> tuple[Tensor, Tensor, Tensor]:
    users = torch.from_numpy(ratings.user_rows[chosen]).to(device)
    items = torch.from_numpy(ratings.item_rows[chosen]).to(device)
    return users, items, torch.from_numpy(ratings.values[chosen]).to(device)


def _state(model: MatrixFactorization) -> dict[str, Tensor]:
    return {name: value.detach().clone() for name, value in model.state_dict().items()}
