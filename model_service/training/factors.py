"""Any trained model of the stars as numpy arrays: one evaluation code for this model and the baselines."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model_service.data.ratings import Ratings
from model_service.training.model import MatrixFactorization

_PAIRS_PER_BLOCK = 1 << 20


@dataclass(frozen=True, kw_only=True)
class Factors:
    """r̂(u, i) = μ + b_u + b_i + p_u · q_i; rows without training ratings are zeros."""

    mean: float
    user_bias: NDArray[np.floating]  # (U,)
    item_bias: NDArray[np.floating]  # (I,)
    users: NDArray[np.floating]  # (U, k)
    items: NDArray[np.floating]  # (I, k)

    @classmethod
    def of(cls, model: MatrixFactorization) -> "Factors":
        """The arrays of a PyTorch model on the CPU, without a copy."""
        return cls(
            mean=float(model.global_mean),
            user_bias=model.user_bias.detach().numpy(),
            item_bias=model.item_bias.detach().numpy(),
            users=model.user_factors.detach().numpy(),
            items=model.item_factors.detach().numpy(),
        )

    def predict(self, ratings: Ratings, positions: NDArray[np.int64]) -> NDArray[np.float64]:
        """(N,) predictions for the ratings at `positions` (N,), clipped to the rating scale."""
        parts = [np.zeros(0)]
        for start in range(0, len(positions), _PAIRS_PER_BLOCK):
            at = positions[start : start + _PAIRS_PER_BLOCK]
            users, items = ratings.user_rows[at], ratings.item_rows[at]
            dot = np.einsum("nk,nk->n", self.users[users], self.items[items])
            stars = self.mean + self.user_bias[users] + self.item_bias[items] + dot
            parts.append(stars if ratings.scale is None else np.clip(stars, *ratings.scale))
        return np.concatenate(parts)

    def scores(self, users: NDArray[np.int64]) -> NDArray[np.floating]:
        """(B, I) predictions for the user rows `users` (B,) and every item, not clipped."""
        base = self.mean + self.item_bias
        return np.asarray(self.users[users] @ self.items.T + base + self.user_bias[users, None])
