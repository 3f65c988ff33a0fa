"""What users watched, as rankers see it: weights by user and item, and the popularity of the items."""

from dataclasses import dataclass, field
from typing import Any, Self

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from model_service.data.ratings import Ratings
from model_service.serving.ranking.fold_in import history_weights

_DAY = 86_400.0  # seconds
_MIN_LIKED, _MIN_LIKED_SHARE = 100, 0.01  # fewer liked ratings, by both, say nothing of what is liked


@dataclass(frozen=True, kw_only=True, eq=False)
class Interactions:
    """The ratings at some positions, with the weights of `history_weights`; see `is_liked` for what was liked."""

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
        typical = typical_value(ratings)
        weights = history_weights(values, scale=ratings.scale, log_mean=log_mean(ratings), typical=typical)
        matrix = sparse.coo_array((weights.astype(np.float32), (users, items)), shape=shape).tocsr()
        matrix.sort_indices()
        liked = is_liked(ratings, positions)
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
    """The lowest rating of a liked item: three quarters up the scale, 4 of 5 stars; of counts every one.

    Rounded up to a whole number, but on scales that are shorter than 2 or end below it.
    """
    if scale is None:
        return float("-inf")
    low, high = scale
    exact = low + 0.75 * (high - low)
    whole = float(np.ceil(exact))
    return exact if high - low < 2 or whole > high else whole


def liked_from(ratings: Ratings) -> float | None:
    """The lowest rating of a liked item; None where all that was watched is liked: counts, too few ratings so high."""
    if ratings.scale is None:
        return None
    least = relevance_threshold(ratings.scale)
    count = int((ratings.values >= least).sum())
    return least if count and count >= min(_MIN_LIKED, _MIN_LIKED_SHARE * len(ratings)) else None


def is_liked(ratings: Ratings, positions: NDArray[np.int64]) -> NDArray[np.bool_]:
    """(P,) whether each of the ratings at `positions` (P,) counts as liked."""
    least = liked_from(ratings)
    return np.ones(len(positions), np.bool_) if least is None else ratings.values[positions] >= least


def typical_value(ratings: Ratings) -> float:
    """The mean rating, the top of the scale where nothing was rated, or the count of mean weight."""
    if ratings.scale is None:
        return float(np.expm1(log_mean(ratings)))
    given = ratings.given
    return float(np.float32(given.mean(dtype=np.float64))) if len(given) else ratings.scale[1]


def log_mean(ratings: Ratings) -> float:
    """The mean of log(1 + count), 1 for ratings on a scale or where every count is 0."""
    return 1.0 if ratings.scale is not None else float(np.log1p(ratings.values, dtype=np.float64).mean()) or 1.0
