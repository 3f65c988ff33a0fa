"""Fold-in: the vector of a new user from a few ratings, with the item factors fixed."""

import numpy as np
from numpy.typing import NDArray

from model_service.serving.ranking.top_k import UserVector


def fold_in(
    rows: NDArray[np.int32],
    residuals: NDArray[np.float64],
    factors: NDArray[np.float32],
    *,
    reg_factors: float,
    reg_bias: float,
    shrinkage: float,
) -> UserVector:
    """The vector and bias of a user who rated the items `rows` (m,), whose factors are `factors` (m, k).

    residuals: (m,) ratings less μ + b_i. Solves the training loss for one user, in float64:
    Σ (residual - b - p · q_i)² + (m + shrinkage) (reg_factors |p|² + reg_bias b²); the minimum-norm solution.
    Raises ValueError without ratings, for an item rated twice, and for a rating that is not a finite number.
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
    weights = np.full(k + 1, np.sqrt((count + shrinkage) * reg_factors))
    weights[k] = np.sqrt((count + shrinkage) * reg_bias)
    system[count:] = np.diag(weights)
    target = np.concatenate((residuals, np.zeros(k + 1)))
    solution = np.linalg.lstsq(system, target)[0].astype(np.float32)
    return UserVector(vector=solution[:k], bias=solution[k], seen=seen)
