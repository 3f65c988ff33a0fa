"""Early stopping on the validation RMSE; keeps the parameters of the best epoch."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from model_service.data.ratings import Ratings
from model_service.training.metrics import rmse
from model_service.training.model import MatrixFactorization


@dataclass(frozen=True, kw_only=True)
class FitResult:
    """A trained model (on the CPU), its number of epochs, and the RMSE after each epoch in stars.

    train_rmse is computed on as many training ratings as there are validation ratings. Without validation ratings
    both are empty.
    """

    model: MatrixFactorization
    epochs: int
    validation_rmse: tuple[float, ...]
    train_rmse: tuple[float, ...]


@dataclass(frozen=True, kw_only=True)
class RatingTensors:
    """N ratings on a device."""

    users: Tensor  # (N,) int32 rows
    items: Tensor  # (N,) int32 rows
    values: Tensor  # (N,) float32

    @classmethod
    def of(cls, ratings: Ratings, positions: NDArray[np.int64], device: torch.device) -> "RatingTensors":
        """The ratings at `positions`."""
        columns = (ratings.user_rows, ratings.item_rows, ratings.values)
        users, items, values = (torch.from_numpy(column[positions]).to(device) for column in columns)
        return cls(users=users, items=items, values=values)

    def rmse(self, model: MatrixFactorization, scale: tuple[float, float]) -> float:
        """RMSE of the model's predictions, clipped to `scale`, in stars."""
        with torch.no_grad():
            predicted = model(self.users, self.items).clamp(*scale).cpu().numpy()
        return rmse(predicted, self.values.cpu().numpy())


class EarlyStopping:
    """Records the errors after each epoch and the parameters of the best one.

    Without validation ratings it never stops, and the last epoch counts as the best.
    """

    def __init__(
        self,
        model: MatrixFactorization,
        ratings: Ratings,
        *,
        train: NDArray[np.int64],
        validation: NDArray[np.int64] | None,
        patience: int,
        min_delta: float = 0.0,
    ) -> None:
        """An epoch is an improvement when its RMSE is more than `min_delta` below the best one's."""
        self._model, self._scale = model, ratings.scale or (-math.inf, math.inf)
        self._patience, self._min_delta = patience, min_delta
        device = model.global_mean.device
        self._held_out = None if validation is None else RatingTensors.of(ratings, validation, device)
        self._learned = None if validation is None else RatingTensors.of(ratings, train[: len(validation)], device)
        self._validation: list[float] = []
        self._train: list[float] = []
        self._best_epoch, self._best_error = 0, float("inf")
        self._best_state: dict[str, Tensor] = {}
        self._epochs = 0

    def should_stop(self) -> bool:
        """Record an epoch; true after `patience` epochs without improvement."""
        self._epochs += 1
        if self._held_out is None or self._learned is None:
            return False
        error = self._held_out.rmse(self._model, self._scale)
        self._validation.append(error)
        self._train.append(self._learned.rmse(self._model, self._scale))
        if error < self._best_error - self._min_delta:
            self._best_epoch, self._best_error = self._epochs, error
            self._best_state = {name: value.clone() for name, value in self._model.state_dict().items()}
        return self._epochs - self._best_epoch >= self._patience

    def progress(self) -> dict[str, str]:
        """The figures for a progress bar."""
        return {"validation_rmse": f"{self._validation[-1]:.4f}"} if self._validation else {}

    def result(self) -> FitResult:
        """The outcome, with the model restored to its best epoch."""
        if self._best_state:
            self._model.load_state_dict(self._best_state)
        return FitResult(
            model=self._model.cpu(),
            epochs=self._best_epoch or self._epochs,
            validation_rmse=tuple(self._validation),
            train_rmse=tuple(self._train),
        )
