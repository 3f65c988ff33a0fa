"""How far predictions are from ratings, and where."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

CALIBRATION_GROUPS = 10
POPULARITY_GROUPS = 20


def rmse(predicted: NDArray[np.floating], actual: NDArray[np.floating]) -> float:
    """Root of the mean squared error, in stars."""
    return float(np.sqrt(np.mean(np.square(_difference(predicted, actual)))))


def mae(predicted: NDArray[np.floating], actual: NDArray[np.floating]) -> float:
    """Mean absolute error, in stars."""
    return float(np.mean(np.abs(_difference(predicted, actual))))


def errors(predicted: NDArray[np.floating], actual: NDArray[np.floating]) -> dict[str, float]:
    """Both errors, rounded to the five digits that mean something."""
    return {"rmse": round(rmse(predicted, actual), 5), "mae": round(mae(predicted, actual), 5)}


def calibration(predicted: NDArray[np.floating], actual: NDArray[np.floating]) -> dict[str, Any]:
    """Groups of equal size by increasing prediction: mean prediction and mean rating of each, in stars.

    `error` is the mean distance between the two, weighted by the groups' sizes.
    """
    order = np.argsort(predicted, kind="stable")
    groups = [group for group in np.array_split(order, CALIBRATION_GROUPS) if len(group)]
    means = [(float(predicted[group].mean()), float(actual[group].mean()), len(group)) for group in groups]
    error = sum(abs(told - true) * count for told, true, count in means) / len(predicted)
    return {
        "error": round(error, 5),
        "groups": [{"predicted": round(told, 5), "actual": round(true, 5), "ratings": n} for told, true, n in means],
    }


def long_tail(
    counts: NDArray[np.integer],
    listed: NDArray[np.integer],
    items: NDArray[np.integer],
    squared_errors: NDArray[np.floating],
) -> list[dict[str, Any]]:
    """Groups of equally many films, most rated first: their share of ratings and of list places, and their error.

    counts (I,) ratings of each film, listed (I,) places on lists; items (T,) and squared_errors (T,) of the test
    ratings. `rmse` is None for a group without a test rating.
    """
    order = np.argsort(-counts, kind="stable")
    sums = np.bincount(items, weights=squared_errors, minlength=len(counts))
    tested = np.bincount(items, minlength=len(counts))
    groups = [group for group in np.array_split(order, POPULARITY_GROUPS) if len(group)]
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
