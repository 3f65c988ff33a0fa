"""What users watched, as rankers see it: weights by user and item, and the popularity of the items."""

from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from model_service.data.ratings import Ratings
from model_service.serving.ranking.fold_in import history_weights

_DAY = 86_400.0  # seconds


@dataclass(frozen=True, kw_only=True, eq=False)
class Interactions:
    """The ratings at some positions. An item is liked from three quarters of the scale; every counted item is.

    Weights are the rating's share of the highest rating, or the logarithm of 1 + the count, scaled to a mean of 1.
    """

    matrix: sparse.csr_array  # (U, I) float32 weights, columns sorted
    liked_items: NDArray[np.int32]  # (L,) rows of the liked interactions
    liked_ages: NDArray[np.float64] | None  # (L,) days before the last interaction
    cache: dict[str, Any] = field(default_factory=dict)  # what fits with different settings share

    @classmethod
    def of(cls, ratings: Ratings, positions: NDArray[np.int64]) -> Self:
        """The ratings at `positions`."""
        users, items = ratings.user_rows[positions], ratings.item_rows[positions]
        values = ratings.values[positions]
        shape = (len(ratings.user_ids), len(ratings.item_ids))
        weights = history_weights(values, highest_rating=highest_rating(ratings), log_mean=log_mean(ratings))
        matrix = sparse.coo_array((weights.astype(np.float32), (users, items)), shape=shape).tocsr()
        matrix.sort_indices()
        liked = values >= relevance_threshold(ratings.scale)
        ages = None
        if ratings.times is not None:
            times = ratings.times[positions]
            ages = (times.max() - times[liked]) / _DAY
        return cls(matrix=matrix, liked_items=items[liked], liked_ages=ages)

    def popularity(self, half_life_days: float | None = None) -> NDArray[np.float64]:
        """(I,) how often each item was liked; with a half-life, older interactions count less."""
        decay = None
        if half_life_days is not None and self.liked_ages is not None:
            decay = np.exp2(-self.liked_ages / half_life_days)
        counts = np.bincount(self.liked_items, weights=decay, minlength=self.matrix.shape[1])
        return counts.astype(np.float64)

    def prior(self) -> NDArray[np.float64]:
        """(I,) the share of each item in what was liked."""
        counts = self.popularity() + 1e-9
        return np.asarray(counts / counts.sum())


def relevance_threshold(scale: tuple[float, float] | None) -> float:
    """The lowest rating of a liked item: three quarters up the scale, 4 of 5 stars; of counts every one."""
    if scale is None:
        return float("-inf")
    low, high = scale
    return float(np.ceil(low + 0.75 * (high - low)))


def highest_rating(ratings: Ratings) -> float | None:
    """The top of the scale; None for counts."""
    return None if ratings.scale is None else ratings.scale[1]


def log_mean(ratings: Ratings) -> float:
    """The mean of log(1 + count), 1 for ratings on a scale or where every count is 0."""
    return 1.0 if ratings.scale is not None else float(np.log1p(ratings.values, dtype=np.float64).mean()) or 1.0
