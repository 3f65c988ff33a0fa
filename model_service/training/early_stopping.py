"""Early stopping on validation ratings, shared by the trainers, and the ratings as tensors."""

from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from model_service.data.ratings import Ratings
from model_service.training.metrics import rmse
from model_service.training.model import MatrixFactorization


@dataclass(frozen=True, kw_only=True)
class Fit:
    """A trained model (on the CPU), the epochs behind it, and the RMSE after each epoch in stars.

    validation_rmse and train_rmse are empty without validation ratings; train_rmse is measured on as many training
    ratings as there are validation ratings.
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

    def predict(self, model: MatrixFactorization, scale: tuple[float, float]) -> NDArray[np.float32]:
        """(N,) the model's predictions, clipped to `scale`."""
        with torch.no_grad():
            clipped: NDArray[np.float32] = model(self.users, self.items).clamp(*scale).cpu().numpy()
        return clipped

    def rmse(self, model: MatrixFactorization, scale: tuple[float, float]) -> float:
        """The model's error on these ratings, in stars."""
        return rmse(self.predict(model, scale), self.values.cpu().numpy())


class EarlyStopping:
    """Measures a model after each epoch, and restores the best epoch; without validation ratings, the last one."""

    def __init__(
        self,
        model: MatrixFactorization,
        ratings: Ratings,
        *,
        train: NDArray[np.int64],
        validation: NDArray[np.int64] | None,
        patience: int,
        min_improvement: float = 0.0,
    ) -> None:
        """min_improvement: in stars; an epoch that lowers the best error by less does not count as better."""
        self._model, self._scale = model, ratings.scale
        self._patience, self._min_improvement = patience, min_improvement
        device = model.global_mean.device
        self._held_out = None if validation is None else RatingTensors.of(ratings, validation, device)
        self._train_sample = None if validation is None else RatingTensors.of(ratings, train[: len(validation)], device)
        self._validation: list[float] = []
        self._train: list[float] = []
        self._best_epoch, self._best_error = 0, float("inf")
        self._best_state: dict[str, Tensor] = {}
        self._epochs = 0

    def should_stop(self) -> bool:
        """Call after each epoch: True when none of the last `patience` epochs was better."""
        self._epochs += 1
        if self._held_out is None or self._train_sample is None:
            return False
        error = self._held_out.rmse(self._model, self._scale)
        self._validation.append(error)
        self._train.append(self._train_sample.rmse(self._model, self._scale))
        if error < self._best_error - self._min_improvement:
            self._best_epoch, self._best_error = self._epochs, error
            self._best_state = {name: value.clone() for name, value in self._model.state_dict().items()}
        return self._epochs - self._best_epoch >= self._patience

    def progress(self) -> dict[str, str]:
        """The values for a progress bar."""
        return {"validation_rmse": f"{self._validation[-1]:.4f}"} if self._validation else {}

    def fit(self) -> Fit:
        """The result; the model has the best epoch's parameters afterwards."""
        if self._best_state:
            self._model.load_state_dict(self._best_state)
        return Fit(
            model=self._model.cpu(),
            epochs=self._best_epoch or self._epochs,
            validation_rmse=tuple(self._validation),
            train_rmse=tuple(self._train),
        )
