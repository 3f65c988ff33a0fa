"""Rankers: models of what users watch next. Each module of this package is one, its name is the value of `--ranker`.

A module defines `fit`, a `FitRanker`; `search_space`, a `SearchSpace`; and DESCRIPTION, for reports.
"""

import importlib
import pkgutil
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from types import ModuleType
from typing import Any, Protocol, Self

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse

from model_service.serving.ranking.fold_in import FoldIn
from model_service.training.interactions import Interactions
from model_service.training.least_squares import Prior, Rows, solve_rows

Settings = Mapping[str, Any]


@dataclass(frozen=True, kw_only=True, eq=False)
class RankingModel:
    """Scores b_i + p_u · q_i by which the items that a user has not watched are ranked.

    user_factors None: the vector of a user of the data is folded in from the history, without a prior.
    new_users: the fold-in of new users with a prior of so many watched items spread by popularity.
    """

    item_factors: NDArray[np.float32]  # (I, k)
    item_bias: NDArray[np.float32]  # (I,)
    user_factors: NDArray[np.float32] | None  # (U, k)
    new_users: Callable[[float], FoldIn]

    def with_items(self, item_factors: NDArray[np.float32]) -> Self:
        """This model, whose scores do not depend on the user, with other item vectors, for similar items."""
        users = 0 if self.user_factors is None else len(self.user_factors)
        zeros = np.zeros((users, item_factors.shape[1]), np.float32)
        fold_in = FoldIn(rhs=np.zeros(item_factors.shape[1]))
        return replace(self, item_factors=item_factors, user_factors=zeros, new_users=lambda prior: fold_in)

    def with_trend(self, data: Interactions, *, weight: float, half_life_days: float | None) -> Self:
        """This model with `weight` times the popularity, of at most 1, added to every score.

        It adds what the model does not know: that some items are watched by everybody just now.
        """
        popularity = data.popularity(half_life_days)
        bias = self.item_bias + weight * popularity / max(popularity.max(), 1e-9)
        return replace(self, item_bias=bias.astype(np.float32))

    def fold_in(self, history: sparse.csr_array, *, prior: float) -> NDArray[np.float32]:
        """(B, k) the vectors of new users with these histories (B, I), of weights."""
        fold_in = self.new_users(prior)
        if fold_in.encoder is not None:
            return np.asarray(fold_in.rhs + _watched(history) @ fold_in.encoder, np.float32)
        if fold_in.base is None:
            return np.tile(fold_in.rhs, (history.shape[0], 1)).astype(np.float32)
        penalty = np.full(len(fold_in.rhs), fold_in.ridge)
        common = Prior(base=fold_in.base, base_rhs=fold_in.rhs, penalty=penalty, shift=fold_in.shift)
        return solve_rows(Rows.of(history), torch.from_numpy(self.item_factors), common).numpy()

    def scores(self, data: Interactions, users: NDArray[np.int64]) -> NDArray[np.float32]:
        """(B, I) scores for the user rows `users` (B,), whose histories are those in `data`."""
        known = self.user_factors
        vectors = self.fold_in(data.matrix[users], prior=0.0) if known is None else known[users]
        return np.asarray(vectors @ self.item_factors.T + self.item_bias)


class FitRanker(Protocol):
    """Trains one model; deterministic for a seed on the same kind of machine."""

    def __call__(self, data: Interactions, settings: Settings, *, seed: int) -> RankingModel:
        """Train on all of `data`."""


class SearchSpace(Protocol):
    """The settings to try."""

    def __call__(self, data: Interactions) -> tuple[Settings, Sequence[tuple[str, Sequence[Any]]]] | None:
        """The first settings, and for one setting after the other its alternatives; None: not suited to `data`."""


def _watched(history: sparse.csr_array) -> sparse.csr_array:
    """`history` with 1 for every weight."""
    return sparse.csr_array((np.ones_like(history.data), history.indices, history.indptr), shape=history.shape)


def ranker_names() -> list[str]:
    """The names of all rankers."""
    return sorted(module.name for module in pkgutil.iter_modules(__path__))


def load_ranker(name: str) -> ModuleType:
    """Import the module of a ranker; raises ValueError for an unknown one."""
    if name not in ranker_names():
        raise ValueError(f"ranker is {name!r}; allowed: {', '.join(ranker_names())}")
    return importlib.import_module(f"{__name__}.{name}")
