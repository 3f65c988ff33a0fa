"""Bootstrap intervals over users: how much a mean, or a difference of two models, could be due to chance."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

_RESAMPLES = 1000
_MAX_DRAWS = 20_000_000
_PERCENTILES = (2.5, 97.5)

Statistic = Callable[[NDArray[np.float64]], float]


def mean_interval(values: NDArray[np.float64], *, seed: int = 0) -> list[float]:
    """[mean, low, high] of `values` (users,), 95 %; zeros for none."""
    if not len(values):
        return [0.0, 0.0, 0.0]
    means = [float(weights @ values) for weights in _resamples(len(values), seed)]
    return _rounded(float(values.mean()), means)


def rmse_difference(
    errors: NDArray[np.float64], others: NDArray[np.float64], users: NDArray[np.integer], *, seed: int = 0
) -> list[float]:
    """[difference, low, high] of the RMSE from squared `errors` (N,) less that from `others` (N,), 95 %.

    The ratings of a user are drawn together: they are not independent.
    """
    _, rows = np.unique(users, return_inverse=True)
    counts = np.bincount(rows).astype(np.float64)
    own, other = (np.bincount(rows, weights=squares) for squares in (errors, others))

    def difference(weights: NDArray[np.float64]) -> float:
        count = weights @ counts
        return float(np.sqrt(weights @ own / count) - np.sqrt(weights @ other / count))

    everything = np.full(len(counts), 1 / len(counts))
    return _rounded(difference(everything), [difference(weights) for weights in _resamples(len(counts), seed)])


def _resamples(count: int, seed: int) -> "list[NDArray[np.float64]]":
    generator = np.random.default_rng(seed)
    times = int(min(_RESAMPLES, max(100, _MAX_DRAWS // count)))
    return [np.bincount(generator.integers(count, size=count), minlength=count) / count for _ in range(times)]


def _rounded(value: float, resampled: list[float]) -> list[float]:
    low, high = np.percentile(resampled, _PERCENTILES)
    return [round(value, 5), round(float(low), 5), round(float(high), 5)]
