"""The engine that is always there: matrix products in numpy, block by block."""

import numpy as np
from numpy.typing import NDArray

from model_service.serving.ranking.query import Query, Rows, TopK
from model_service.serving.ranking.score import best_first, exact_scores_at, float32_slack

_BLOCK_SCORES = 1 << 21  # float32 scores held at once
_GROUP = 64  # neighbours of which only the greatest is compared


class NumpyEngine:
    """Scores in float32 by matrix product; whatever could be among the best by its error bound is scored exactly."""

    name = "numpy"

    def __init__(self, factors: NDArray[np.float32], bias: NDArray[np.float32]) -> None:
        """`factors` (I, k) and `bias` (I,) are kept, not copied."""
        self._factors = factors
        self._bias = bias
        self._largest_norm = _largest_norm(factors)
        self._largest_bias = float(np.abs(bias.astype(np.float64)).max(initial=0.0))

    def top_k(self, queries: list[Query]) -> list[TopK]:
        """An answer for each query; raises ValueError for one that does not fit or has a vector that is not finite."""
        if not queries:
            return []
        for query in queries:
            query.check(*self._factors.shape)
        users = np.stack([query.vector for query in queries])  # (B, k)
        if not np.isfinite(users).all():
            raise ValueError("a user's vector has to hold finite numbers")
        step = max(_GROUP, _BLOCK_SCORES // len(queries))
        searches = [_Search(query, self._slack(query.vector)) for query in queries]
        for first in range(0, len(self._bias), step):
            factors, bias = self._factors[first : first + step], self._bias[first : first + step]
            with np.errstate(over="ignore", invalid="ignore"):
                scores = users @ factors.T  # (B, block)
                scores += bias
                for row, search in zip(scores, searches, strict=True):
                    search.look(row, first, factors, bias)
        return [search.best for search in searches]

    def _slack(self, vector: NDArray[np.float32]) -> float:
        return float32_slack(vector, self._largest_norm, self._largest_bias)


class _Search:
    """The best films of one query among the blocks seen so far."""

    def __init__(self, query: Query, slack: float) -> None:
        self._query = query
        self._slack = slack
        self.best = TopK(rows=np.zeros(0, np.int32), scores=np.zeros(0))

    def look(
        self, scores: NDArray[np.float32], first: int, factors: NDArray[np.float32], bias: NDArray[np.float32]
    ) -> None:
        """Merge the films from row `first` on, with float32 `scores` that may be overwritten."""
        query = self._query
        if not query.n:
            return
        if np.isinf(self._slack):  # a sum may have overflowed: such films are looked at
            scores[~np.isfinite(scores)] = np.inf
        begin, end = np.searchsorted(query.exclude, (first, first + len(scores)))
        scores[query.exclude[begin:end] - first] = -np.inf
        if query.mask is not None:
            scores[~query.mask[first : first + len(scores)]] = -np.inf
        floor = max(self._floor(), self._nth(scores) - 2 * self._slack)
        floor = np.nextafter(np.float32(floor), np.float32(-np.inf))
        found = np.flatnonzero((scores >= floor) & (scores > -np.inf)).astype(np.int32)
        self._merge(found + np.int32(first), exact_scores_at(found, query.vector, factors, bias))

    def _floor(self) -> float:
        """What a float32 score has to reach for the film to be among the best, -inf as long as there is room."""
        return float(self.best.scores[-1]) - self._slack if len(self.best.scores) == self._query.n else -np.inf

    def _nth(self, scores: NDArray[np.float32]) -> float:
        """A lower bound for the n-th greatest of `scores`: that among the greatest of each group, where n allows."""
        n, groups = self._query.n, len(scores) // _GROUP
        if n > len(scores):
            return -np.inf
        if n <= groups:
            scores = scores[: groups * _GROUP].reshape(_GROUP, groups).max(axis=0)
        return float(np.partition(scores, len(scores) - n)[len(scores) - n])

    def _merge(self, rows: Rows, scores: NDArray[np.float64]) -> None:
        rows, scores = np.concatenate((self.best.rows, rows)), np.concatenate((self.best.scores, scores))
        order = best_first(scores, rows, self._query.n)
        self.best = TopK(rows=rows[order], scores=scores[order])


def _largest_norm(factors: NDArray[np.float32]) -> float:
    """The greatest length of a row, not less; in blocks, so that nothing of the size of `factors` is made."""
    step = max(1, (1 << 20) // max(1, factors.shape[1]))
    squares = (
        np.square(factors[first : first + step], dtype=np.float64).sum(axis=1).max()
        for first in range(0, len(factors), step)
    )
    return float(np.sqrt(max(squares, default=0.0))) * (1 + 2.0**-40)
