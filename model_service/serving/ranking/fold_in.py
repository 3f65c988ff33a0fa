"""A user's vector from a few ratings, the items staying as they were trained."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model_service.serving.ranking.query import Rows


@dataclass(frozen=True, kw_only=True, eq=False)
class UserVector:
    """Someone to score for: a vector (k,), a bias in stars, and the rows of the films that were rated."""

    vector: NDArray[np.float32]
    bias: np.float32
    seen: Rows  # (m,) increasing


def fold_in(
    rows: NDArray[np.int32],
    residuals: NDArray[np.float64],
    factors: NDArray[np.float32],
    *,
    c_vector: float,
    c_bias: float,
    shrinkage: float,
) -> UserVector:
    """The vector and the bias of someone who rated the films `rows` (m,) with factors (m, k).

    `residuals` (m,) are the ratings less μ + b_i. Solves the training's own loss for one user, in float64:
    Σ (residual - b - p · q_i)² + (m + shrinkage) (c_vector |p|² + c_bias b²), of the solutions the shortest one.
    Raises ValueError without ratings, for a film rated twice, and for a rating that is no finite number.
    """
    count, k = factors.shape
    if not count:
        raise ValueError("no ratings: at least one is needed")
    if not np.isfinite(residuals).all():
        raise ValueError("a rating has to be a finite number")
    seen = np.unique(rows).astype(np.int32)
    if len(seen) < count:
        raise ValueError("a film is rated twice; one rating a film is allowed")
    system = np.zeros((count + k + 1, k + 1))
    system[:count, :k] = factors
    system[:count, k] = 1.0
    weights = np.full(k + 1, np.sqrt((count + shrinkage) * c_vector))
    weights[k] = np.sqrt((count + shrinkage) * c_bias)
    system[count:] = np.diag(weights)
    wanted = np.concatenate((residuals, np.zeros(k + 1)))
    solution = np.linalg.lstsq(system, wanted)[0].astype(np.float32)
    return UserVector(vector=solution[:k], bias=solution[k], seen=seen)
