"""The same model with numpy: one matrix-vector product, `argpartition`, a dictionary as the response.

Every contender but ours and the tutorial's uses it. It needs numpy and nothing of the service.
"""

import os
from pathlib import Path
from typing import Any

import numpy as np

from model_service.artifact import Weights, load_artifact

TOP = 10
_MAX_TITLES = 100_000  # of a larger catalogue titles are decoded on access


class NumpyBaseline:
    """Answers for the artifact in a folder."""

    def __init__(self, folder: str | Path) -> None:
        artifact = load_artifact(folder)
        self._weights = artifact.weights
        self._users, self._factors, self._user_bias, item_bias, mean = star_arrays(artifact.weights)
        self._base = mean + item_bias  # (I,)
        self._rows = {int(uid): row for row, uid in enumerate(artifact.weights.user_ids)}
        self._items = artifact.items
        few = len(artifact.items) <= _MAX_TITLES
        self._titles = [item.title for item in artifact.items] if few else None
        self._scale = artifact.scale or (-np.inf, np.inf)

    def answer(self, uid: int) -> dict[str, Any]:
        """The ten best unseen films of user `uid`, in the shape that all contenders answer with."""
        weights, user = self._weights, self._rows[uid]
        scores = self._factors @ self._users[user] + self._base + self._user_bias[user]
        scores[weights.seen_indices[weights.seen_indptr[user] : weights.seen_indptr[user + 1]]] = -np.inf
        best = np.argpartition(scores, -TOP)[-TOP:]
        best = best[np.argsort(-scores[best], kind="stable")]
        stars = np.clip(scores[best], *self._scale).astype(float).round(6).tolist()
        return {
            "success": True,
            "response": [[self._title(row), score] for row, score in zip(best.tolist(), stars, strict=True)],
        }

    def _title(self, row: int) -> str:
        return self._titles[row] if self._titles is not None else self._items[row].title


def star_arrays(weights: Weights) -> tuple[Any, Any, Any, Any, float]:
    """The vectors of users and items, their biases, and the mean, of the model of the stars.

    The artifacts of the benchmark order items by the same numbers as their stars.
    """
    if weights.global_mean is None:
        raise ValueError("the artifact has no stars")
    arrays = (weights.star_user_factors, weights.star_item_factors, weights.star_user_bias, weights.star_item_bias)
    return (*arrays, float(weights.global_mean[0]))


def baseline_from_environment() -> NumpyBaseline:
    """The model of the folder that ARTIFACT_DIR names."""
    return NumpyBaseline(os.environ["ARTIFACT_DIR"])
