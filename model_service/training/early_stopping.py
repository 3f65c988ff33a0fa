"""What both ways of training share: the ratings as tensors, when to stop, and the epoch that is kept."""

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
    """A trained model (on the CPU), the epochs behind it, and the RMSE after each epoch in stars.

    validation_rmse is empty without validation ratings; train_rmse is measured on as many of the learned ratings
    as there are validation ratings, and is empty without them too.
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
    def of(cls, ratings: Ratings, chosen: NDArray[np.int64], device: torch.device) -> "RatingTensors":
        """The ratings at positions `chosen`."""
        columns = (ratings.user_rows, ratings.item_rows, ratings.values)
        users, items, values = (torch.from_numpy(column[chosen]).to(device) for column in columns)
        return cls(users=users, items=items, values=values)

    def predicted(self, model: MatrixFactorization, scale: tuple[float, float]) -> NDArray[np.float32]:
        """(N,) the model's predictions, clipped to `scale`."""
        with torch.no_grad():
            clipped: NDArray[np.float32] = model(self.users, self.items).clamp(*scale).cpu().numpy()
        return clipped

    def rmse(self, model: MatrixFactorization, scale: tuple[float, float]) -> float:
        """The model's error on these ratings, in stars."""
        return rmse(self.predicted(model, scale), self.values.cpu().numpy())


class EarlyStopping:
    """Follows a model while it is trained: errors after each epoch, the best epoch, when it is enough.

    Without validation ratings it only counts; the last epoch is then the one that is kept.
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
        """An epoch is better when it gains more than `min_delta` stars on the best one before it."""
        self._model, self._scale = model, ratings.scale
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
        """To be asked after each epoch: True when the last `patience` of them brought nothing better."""
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
        """What a progress bar shows."""
        return {"validation_rmse": f"{self._validation[-1]:.4f}"} if self._validation else {}

    def result(self) -> FitResult:
        """The outcome; the model holds the best epoch's numbers afterwards."""
        if self._best_state:
            self._model.load_state_dict(self._best_state)
        return FitResult(
            model=self._model.cpu(),
            epochs=self._best_epoch or self._epochs,
            validation_rmse=tuple(self._validation),
            train_rmse=tuple(self._train),
        )
