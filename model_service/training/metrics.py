"""Error metrics of rating predictions: RMSE, MAE, calibration, error by popularity."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

_CALIBRATION_BINS = 10
_POPULARITY_BINS = 20


def rmse(predicted: NDArray[np.floating], actual: NDArray[np.floating]) -> float:
    """Root mean squared error, in stars."""
    return float(np.sqrt(np.mean(np.square(_difference(predicted, actual)))))


def mae(predicted: NDArray[np.floating], actual: NDArray[np.floating]) -> float:
    """Mean absolute error, in stars."""
    return float(np.mean(np.abs(_difference(predicted, actual))))


def errors(predicted: NDArray[np.floating], actual: NDArray[np.floating]) -> dict[str, float]:
    """RMSE and MAE, rounded to five decimals."""
    return {"rmse": round(rmse(predicted, actual), 5), "mae": round(mae(predicted, actual), 5)}


def calibration(predicted: NDArray[np.floating], actual: NDArray[np.floating]) -> dict[str, Any]:
    """Calibration curve over bins of equal size by prediction: mean prediction and mean rating of each, in stars.

    `error` is the expected calibration error: the mean absolute difference, weighted by the size of the bins.
    """
    order = np.argsort(predicted, kind="stable")
    groups = [group for group in np.array_split(order, _CALIBRATION_BINS) if len(group)]
    means = [(float(predicted[group].mean()), float(actual[group].mean()), len(group)) for group in groups]
    error = sum(abs(mean - true) * count for mean, true, count in means) / len(predicted)
    return {
        "error": round(error, 5),
        "groups": [{"predicted": round(mean, 5), "actual": round(true, 5), "ratings": n} for mean, true, n in means],
    }


def long_tail(
    counts: NDArray[np.integer],
    listed: NDArray[np.integer],
    items: NDArray[np.integer],
    squared_errors: NDArray[np.floating],
) -> list[dict[str, Any]]:
    """Bins of equally many items by decreasing popularity: share of the ratings, share of the recommendations, RMSE.

    counts (I,): ratings of each item. listed (I,): lists that recommend it. items (T,), squared_errors (T,): of the
    test ratings. `rmse` is None for a bin without test ratings.
    """
    order = np.argsort(-counts, kind="stable")
    sums = np.bincount(items, weights=squared_errors, minlength=len(counts))
    tested = np.bincount(items, minlength=len(counts))
    groups = [group for group in np.array_split(order, _POPULARITY_BINS) if len(group)]
    return [
        {
            "films": len(group),
            "ratings_share": round(float(counts[group].sum() / counts.sum()), 5),
            "listed_share": round(float(listed[group].sum() / max(int(listed.sum()), 1)), 5),
            "rmse": round(float(np.sqrt(sums[group].sum() / tested[group].sum())), 5) if tested[group].any() else None,
        }
        for group in groups
    ]


def _difference(predicted: NDArray[np.floating], actual: NDArray[np.floating]) -> NDArray[np.float64]:
    if predicted.shape != actual.shape or not actual.size:
        raise ValueError(f"{predicted.shape} predictions for {actual.shape} ratings")
    return np.asarray(predicted, dtype=np.float64) - actual
