"""How far predictions are from ratings."""

import numpy as np
from numpy.typing import NDArray


def rmse(predicted: NDArray[np.floating], actual: NDArray[np.floating]) -> float:
    """Root of the mean squared error, in stars."""
    return float(np.sqrt(np.mean(np.square(_difference(predicted, actual)))))


def mae(predicted: NDArray[np.floating], actual: NDArray[np.floating]) -> float:
    """Mean absolute error, in stars."""
    return float(np.mean(np.abs(_difference(predicted, actual))))


def errors(predicted: NDArray[np.floating], actual: NDArray[np.floating]) -> dict[str, float]:
    """Both errors, rounded to the five digits that mean something."""
    return {"rmse": round(rmse(predicted, actual), 5), "mae": round(mae(predicted, actual), 5)}


def _difference(predicted: NDArray[np.floating], actual: NDArray[np.floating]) -> NDArray[np.float64]:
    if predicted.shape != actual.shape or not actual.size:
        raise ValueError(f"{predicted.shape} predictions for {actual.shape} ratings")
    return np.asarray(predicted, dtype=np.float64) - actual
