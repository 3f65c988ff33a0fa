"""The model: matrix factorisation with biases, in PyTorch."""

import torch
from torch import Tensor, nn

from model_service.training.config import ModelConfig


class MatrixFactorization(nn.Module):
    """r̂(u, i) = μ + b_u + b_i + p_u · q_i.

    Source: equation 4 of Koren, Bell, Volinsky, "Matrix Factorization Techniques for Recommender Systems",
    IEEE Computer 42(8), 2009; the loss is its equation 5 as a mean, with a weight of its own for the biases.
    """

    global_mean: Tensor
    user_weight: Tensor
    item_weight: Tensor

    def __init__(self, config: ModelConfig, *, global_mean: float, generator: torch.Generator) -> None:
        """Vectors start small and random from `generator`, biases at zero; `global_mean` is μ and not learned."""
        super().__init__()
        self.config = config
        deviation = 0.1 / config.factors**0.5
        users = torch.randn(config.users, config.factors, generator=generator) * deviation
        items = torch.randn(config.items, config.factors, generator=generator) * deviation
        self.user_factors = nn.Parameter(users)  # (U, k)
        self.item_factors = nn.Parameter(items)  # (I, k)
        self.user_bias = nn.Parameter(torch.zeros(config.users))  # (U,)
        self.item_bias = nn.Parameter(torch.zeros(config.items))  # (I,)
        self.register_buffer("global_mean", torch.tensor([global_mean], dtype=torch.float32))  # (1,)
        self.register_buffer("user_weight", torch.ones(config.users), persistent=False)  # (U,)
        self.register_buffer("item_weight", torch.ones(config.items), persistent=False)  # (I,)

    def weigh_by_counts(self, users: Tensor, items: Tensor) -> None:
        """Spread the shrinkage m over the ratings: a row with n of them is penalised (n + m) / n times in each.

        `users` (U,) and `items` (I,) are the numbers of ratings that are learned from.
        """
        self.user_weight = 1 + self.config.shrinkage / users.clamp(min=1)
        self.item_weight = 1 + self.config.shrinkage / items.clamp(min=1)

    def forward(self, users: Tensor, items: Tensor) -> Tensor:
        """Predicted ratings (B,), not clipped, for rows `users` (B,) and `items` (B,)."""
        dot = (self.user_factors[users] * self.item_factors[items]).sum(dim=1)
        return self.global_mean + self.user_bias[users] + self.item_bias[items] + dot

    def loss(self, users: Tensor, items: Tensor, values: Tensor) -> Tensor:
        """Mean over the batch of (r - r̂)² + w_u (λ_f |p_u|² + λ_b b_u²) + w_i (λ_f |q_i|² + λ_b b_i²).

        λ_f is `reg_factors`, λ_b `reg_bias`; the weights w are 1 until `weigh_by_counts` is called.
        """
        p, q = self.user_factors[users], self.item_factors[items]  # (B, k)
        b_u, b_i = self.user_bias[users], self.item_bias[items]  # (B,)
        error = values - (self.global_mean + b_u + b_i + (p * q).sum(dim=1))
        of_users = self._penalty(p, b_u) * self.user_weight[users]
        of_items = self._penalty(q, b_i) * self.item_weight[items]
        return (error.square() + of_users + of_items).mean()

    def _penalty(self, vectors: Tensor, biases: Tensor) -> Tensor:
        return self.config.reg_factors * vectors.square().sum(dim=1) + self.config.reg_bias * biases.square()
