"""Matrix factorisation with biases, in PyTorch."""

from typing import Self

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from model_service.data.ratings import Ratings
from model_service.serving.ranking.stars import star_width
from model_service.training.config import TrainConfig


class MatrixFactorization(nn.Module):
    """r̂(u, i) = μ + b_u + b_i + p_u · q_i.

    Source: equation 4 of Koren, Bell, Volinsky, "Matrix Factorization Techniques for Recommender Systems",
    IEEE Computer 42(8), 2009; the loss is its equation 5 as a mean, with a separate weight for the biases.
    """

    global_mean: Tensor
    user_weight: Tensor
    item_weight: Tensor

    def __init__(
        self, config: TrainConfig, *, users: int, items: int, global_mean: float, generator: torch.Generator
    ) -> None:
        """Vectors are drawn from N(0, 0.01 / k) with `generator`, biases are zero; `global_mean` is μ, not trained."""
        super().__init__()
        self.config = config
        self.reg_factors = config.reg_factors
        deviation = 0.1 / config.factors**0.5
        user_factors = torch.randn(users, config.factors, generator=generator) * deviation
        item_factors = torch.randn(items, config.factors, generator=generator) * deviation
        self.user_factors = nn.Parameter(user_factors)  # (U, k)
        self.item_factors = nn.Parameter(item_factors)  # (I, k)
        self.user_bias = nn.Parameter(torch.zeros(users))  # (U,)
        self.item_bias = nn.Parameter(torch.zeros(items))  # (I,)
        self.register_buffer("global_mean", torch.tensor([global_mean], dtype=torch.float32))  # (1,)
        self.register_buffer("user_weight", torch.ones(users), persistent=False)  # (U,)
        self.register_buffer("item_weight", torch.ones(items), persistent=False)  # (I,)

    @classmethod
    def initialise(
        cls, ratings: Ratings, *, train: NDArray[np.int64], config: TrainConfig, generator: torch.Generator
    ) -> Self:
        """An untrained model of all users and items, μ from the ratings at positions `train`, on the GPU if any.

        Its vectors and their penalty suit the scale.
        """
        mean = float(ratings.values[train].mean(dtype=np.float64))
        users, items = len(ratings.user_ids), len(ratings.item_ids)
        model = cls(config, users=users, items=items, global_mean=mean, generator=generator)
        star = star_width(ratings.scale)  # squares of errors grow with its square, those of vectors with it
        model.reg_factors *= star
        with torch.no_grad():
            model.user_factors.mul_(star**0.5)
            model.item_factors.mul_(star**0.5)
        return model.to("cuda" if torch.cuda.is_available() else "cpu")

    def set_weights(self, users: Tensor, items: Tensor) -> None:
        """Set the penalty's weights to (n + m) / n, with n ratings of a row and shrinkage m.

        users (U,), items (I,): numbers of training ratings.
        """
        self.user_weight = 1 + self.config.shrinkage / users.clamp(min=1)
        self.item_weight = 1 + self.config.shrinkage / items.clamp(min=1)

    def forward(self, users: Tensor, items: Tensor) -> Tensor:
        """Predicted ratings (B,), not clipped, for rows `users` (B,) and `items` (B,)."""
        dot = (self.user_factors[users] * self.item_factors[items]).sum(dim=1)
        return self.global_mean + self.user_bias[users] + self.item_bias[items] + dot

    def loss(self, users: Tensor, items: Tensor, values: Tensor) -> Tensor:
        """Mean over the batch of (r - r̂)² + w_u (λ_f |p_u|² + λ_b b_u²) + w_i (λ_f |q_i|² + λ_b b_i²).

        λ_f is `reg_factors` times the width of a star on the scale, λ_b `reg_bias`; the weights w are 1 until
        `set_weights` is called.
        """
        p, q = self.user_factors[users], self.item_factors[items]  # (B, k)
        b_u, b_i = self.user_bias[users], self.item_bias[items]  # (B,)
        error = values - (self.global_mean + b_u + b_i + (p * q).sum(dim=1))
        user_penalty = self._penalty(p, b_u) * self.user_weight[users]
        item_penalty = self._penalty(q, b_i) * self.item_weight[items]
        return (error.square() + user_penalty + item_penalty).mean()

    def _penalty(self, vectors: Tensor, biases: Tensor) -> Tensor:
        return self.reg_factors * vectors.square().sum(dim=1) + self.config.reg_bias * biases.square()
