"""Scoring with numpy: the best films that a user has not rated."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model_service.artifact import Artifact

POPULAR_FILMS = 100


@dataclass(frozen=True, kw_only=True)
class Recommendations:
    """Titles with their predicted ratings in stars, best first; `cold_start` when the user is not in the data."""

    ranked: tuple[tuple[str, float], ...]
    cold_start: bool = False


class Recommender:
    """Answers for one artifact.

    Scores are those of the model, r̂ = μ + b_u + b_i + p_u · q_i; films are ranked by them, equal ones by row, and
    they are clipped to the rating scale only when they are told.
    """

    def __init__(self, artifact: Artifact) -> None:
        self._weights = artifact.weights
        self._items = artifact.items
        self._scale = artifact.scale
        self._film_base = artifact.weights.global_mean + artifact.weights.item_bias  # (I,) μ + b_i
        self._popular = self._rank_popular()
        self.version = artifact.metadata.short_version

    def recommend(self, uid: int, n: int) -> Recommendations:
        """The `n` best films that user `uid` has not rated; fewer where fewer are left.

        For a user that is not in the data: the best of the POPULAR_FILMS most rated ones.
        """
        row = self._user_row(uid)
        if row is None:
            rows = self._popular[:n]
            return Recommendations(ranked=self._told(rows, self._film_base[rows]), cold_start=True)
        scores = self.scores(row)
        scores[self.seen(row)] = -np.inf
        rows = top_rows(scores, min(n, len(scores) - len(self.seen(row))))
        return Recommendations(ranked=self._told(rows, scores[rows]))

    def scores(self, user_row: int) -> NDArray[np.float32]:
        """(I,) the model's prediction of every film for the user in a row, not clipped."""
        weights = self._weights
        product: NDArray[np.float32] = weights.item_factors @ weights.user_factors[user_row]  # (I, k) @ (k,)
        product += self._film_base
        product += weights.user_bias[user_row]
        return product

    def seen(self, user_row: int) -> NDArray[np.int32]:
        """The rows of the films that the user in a row has rated, increasing."""
        start, end = self._weights.seen_indptr[user_row : user_row + 2]
        return self._weights.seen_indices[start:end]

    def _user_row(self, uid: int) -> int | None:
        ids = self._weights.user_ids
        row = int(np.searchsorted(ids, uid))
        return row if row < len(ids) and ids[row] == uid else None

    def _rank_popular(self) -> NDArray[np.intp]:
        counts = self._weights.item_counts
        most_rated = np.sort(top_rows(counts, min(POPULAR_FILMS, len(counts))))
        base = self._film_base[most_rated]
        return most_rated[top_rows(base, len(base))]

    def _told(self, rows: NDArray[np.intp], scores: NDArray[np.float32]) -> tuple[tuple[str, float], ...]:
        clipped = np.clip(scores.astype(np.float64), *self._scale).round(6).tolist()
        return tuple((self._items[row].title, score) for row, score in zip(rows.tolist(), clipped, strict=True))


def top_rows(scores: NDArray[np.float32] | NDArray[np.int32], n: int) -> NDArray[np.intp]:
    """The rows of the `n` greatest of `scores` (I,), greatest first, equal ones by row; 0 <= n <= I."""
    if n < 1:
        return np.zeros(0, dtype=np.intp)
    threshold = np.partition(scores, len(scores) - n)[len(scores) - n]
    candidates = np.flatnonzero(scores >= threshold)  # n, and more only where scores tie with the last
    order = np.argsort(-scores[candidates], kind="stable")
    return candidates[order[:n]]
