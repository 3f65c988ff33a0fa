"""The one definition of a score that films are ranked by."""

import numpy as np
from numpy.typing import NDArray

_ROWS_AT_ONCE = 1 << 13


def exact_scores(
    vector: NDArray[np.float32], factors: NDArray[np.float32], bias: NDArray[np.float32]
) -> NDArray[np.float64]:
    """(m,) b_i + p · q_i of a user's vector p (k,) for films with factors (m, k) and bias (m,).

    The terms are added from left to right in float64. The product of two float32 numbers is exact there, so that
    the order of the additions alone decides every bit: the same here, in C, with fused multiply-add or without.
    """
    terms = np.empty((len(bias), len(vector) + 1))
    terms[:, 0] = bias
    np.multiply(factors, vector, out=terms[:, 1:], dtype=np.float64)
    totals: NDArray[np.float64] = np.add.accumulate(terms, axis=1)[:, -1]
    return totals


def exact_scores_at(
    rows: NDArray[np.int32], vector: NDArray[np.float32], factors: NDArray[np.float32], bias: NDArray[np.float32]
) -> NDArray[np.float64]:
    """(m,) the exact scores of the films in `rows` (m,), in memory that does not grow with m times k."""
    parts = [np.zeros(0)]
    for first in range(0, len(rows), _ROWS_AT_ONCE):
        at = rows[first : first + _ROWS_AT_ONCE]
        parts.append(exact_scores(vector, factors[at], bias[at]))
    return np.concatenate(parts)


def float32_slack(vector: NDArray[np.float32], largest_norm: float, largest_bias: float) -> float:
    """How far b_i + p · q_i summed in float32, in any order, can be from `exact_scores`, at most.

    For films whose factors have at most `largest_norm` and whose bias at most `largest_bias` as absolute value;
    infinite where a sum in float32 could overflow.
    Source: equation 3.5 of Higham, "Accuracy and Stability of Numerical Algorithms", 2nd edition; twice that.
    """
    terms = len(vector) + 2
    norm = float(np.linalg.norm(vector.astype(np.float64)))
    size = norm * largest_norm + largest_bias
    return 2 * terms * 2.0**-24 * size + terms * 2.0**-126 if size < 2.0**126 else np.inf


def best_first(scores: NDArray[np.float64], rows: NDArray[np.int32], n: int) -> NDArray[np.intp]:
    """The positions of the `n` best, greatest score first, equal ones by row."""
    return np.lexsort((rows, -scores))[:n]
