"""Fold-in: the vectors of a user from what they watched, with the item vectors fixed."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model_service.metadata_schema import MAX_NUMBER
from model_service.weights import Weights

_MIN_WEIGHT = 0.05  # of what was watched, however low the rating


@dataclass(frozen=True, kw_only=True, eq=False)
class FoldIn:
    """How a ranker turns a history into a user vector: by least squares, as a sum of encoded items, or not at all.

    Least squares, with the item vectors h, the weights w and n watched items (`base` is given):
        (base + Σ w h hᵀ + (n + shift) ridge I) p = rhs + Σ w h
    Sum, with the rows e of `encoder`:
        p = rhs + Σ e
    With neither `base` nor `encoder` every user has the vector `rhs`.
    `rhs` holds a prior: some watched items spread over all by their popularity.
    Source of the first: Hu, Koren, Volinsky, "Collaborative Filtering for Implicit Feedback Datasets", ICDM 2008.
    """

    rhs: NDArray[np.float64]  # (k,)
    base: NDArray[np.float64] | None = None  # (k, k)
    ridge: float = 0.0
    shift: float = 0.0
    encoder: NDArray[np.float32] | None = None  # (I, k)

    def vector(
        self, rows: NDArray[np.int32], weights: NDArray[np.float64], factors: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        """(k,) the vector of a user who watched the items `rows` (m,) with `weights` (m,); factors (I, k)."""
        if self.encoder is not None:
            total = self.encoder[rows].sum(axis=0, dtype=np.float64)
            return np.asarray(self.rhs + total, np.float32)
        if self.base is None:
            return self.rhs.astype(np.float32)
        watched = factors[rows].astype(np.float64)
        rhs = self.rhs + weights @ watched
        return _within_bounds(_solve(self._system(self.base, watched, weights), rhs))

    def contributions(
        self, item: int, rows: NDArray[np.int32], weights: NDArray[np.float64], factors: NDArray[np.float32]
    ) -> NDArray[np.float64]:
        """(m,) how much each watched item adds to the score of the item in row `item`; the rest is the prior's."""
        own = factors[item].astype(np.float64)
        if self.encoder is not None:
            return np.asarray(self.encoder[rows].astype(np.float64) @ own)
        if self.base is None:
            return np.zeros(len(rows))
        watched = factors[rows].astype(np.float64)
        return np.asarray(weights * (watched @ _solve(self._system(self.base, watched, weights), own)))

    def _system(
        self, base: NDArray[np.float64], watched: NDArray[np.float64], weights: NDArray[np.float64]
    ) -> NDArray[np.float64]:
        system = base + (watched * weights[:, None]).T @ watched
        system.flat[:: len(system) + 1] += (len(watched) + self.shift) * self.ridge
        return system


def fold_in_stars(
    residuals: NDArray[np.float64],
    factors: NDArray[np.float32],
    *,
    reg_factors: float,
    reg_bias: float,
    shrinkage: float,
) -> tuple[NDArray[np.float32], np.float32]:
    """The vector (k,) and the bias of a user who rated items with factors (m, k).

    residuals: (m,) ratings less μ + b_i. Solves the training loss for one user, in float64:
    Σ (residual - b - p · q_i)² + (m + shrinkage) (reg_factors |p|² + reg_bias b²); the minimum-norm solution.
    """
    count, k = factors.shape
    system = np.zeros((count + k + 1, k + 1))
    system[:count, :k] = factors
    system[:count, k] = 1.0
    weights = np.full(k + 1, np.sqrt((count + shrinkage) * reg_factors))
    weights[k] = np.sqrt((count + shrinkage) * reg_bias)
    system[count:] = np.diag(weights)
    target = np.concatenate((residuals, np.zeros(k + 1)))
    solution = _within_bounds(np.linalg.lstsq(system, target)[0])
    return solution[:k], solution[k]


def _solve(system: NDArray[np.float64], rhs: NDArray[np.float64]) -> NDArray[np.float64]:
    """The solution of a symmetric system; of least norm where it has no single one, as without regularisation."""
    try:
        return np.linalg.solve(system, rhs)
    except np.linalg.LinAlgError:
        return np.linalg.lstsq(system, rhs)[0]


def _within_bounds(vector: NDArray[np.float64]) -> NDArray[np.float32]:
    """`vector` as float32, with the bounds of weights: that of a nearly singular system may be of any length."""
    return np.clip(np.nan_to_num(vector), -MAX_NUMBER, MAX_NUMBER).astype(np.float32)


def history_weights(
    values: NDArray[np.floating], *, scale: tuple[float, float] | None, log_mean: float, typical: float
) -> NDArray[np.float64]:
    """(m,) the weights of ratings or counts (m,); NaN: watched without one, which weighs as the `typical` one does.

    Of ratings their share of the way from 0, or from the lowest where that is below 0, to the highest; of counts,
    `scale` None, log(1 + count) over its mean.
    """
    numbers = np.asarray(values, np.float64)
    numbers = np.where(np.isnan(numbers), typical, numbers)
    if scale is None:
        return np.maximum(np.log1p(np.maximum(numbers, 0.0)) / log_mean, _MIN_WEIGHT)
    start = min(scale[0], 0.0)
    return np.maximum((numbers - start) / (scale[1] - start), _MIN_WEIGHT)


def known_user_vector(weights: Weights, row: int) -> NDArray[np.float32]:
    """(k,) the ranking vector of the user in `row` of the data: as trained, or summed from the encoded history."""
    if weights.user_factors is not None:
        vector: NDArray[np.float32] = weights.user_factors[row]
        return vector
    assert weights.fold_in_encoder is not None  # noqa: S101 checked when the weights were read
    seen = weights.seen_indices[slice(*weights.seen_indptr[row : row + 2])]
    return np.asarray(weights.fold_in_encoder[seen].sum(axis=0, dtype=np.float64), np.float32)
