"""Numpy engine, the portable fallback: blocked float32 matrix products, then exact scores within the error bound."""

import numpy as np
from numpy.typing import NDArray

from model_service.serving.ranking.top_k import Query, Rows, TopK, best_first, exact_scores_at

_BLOCK_SCORES = 1 << 21  # float32 scores held at once
_GROUP = 64  # scores of which only the maximum takes part in the n-th-greatest estimate


class NumpyEngine:
    """Scores in float32 by matrix product; items that the rounding error bound cannot rule out are scored exactly."""

    name = "numpy"

    def __init__(self, factors: NDArray[np.float32], bias: NDArray[np.float32]) -> None:
        """`factors` (I, k) and `bias` (I,) are held, not copied."""
        self._factors = factors
        self._bias = bias
        self._largest_norm = _largest_norm(factors)
        self._largest_bias = float(np.abs(bias.astype(np.float64)).max(initial=0.0))

    def top_k(self, queries: list[Query]) -> list[TopK]:
        """One result for each query; raises ValueError for one that does not fit or has a vector that is not finite."""
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
                    search.merge_block(row, first, factors, bias)
        return [search.best for search in searches]

    def _slack(self, vector: NDArray[np.float32]) -> float:
        return float32_slack(vector, self._largest_norm, self._largest_bias)


class _Search:
    """The best items of one query among the blocks processed so far."""

    def __init__(self, query: Query, slack: float) -> None:
        self._query = query
        self._slack = slack
        self.best = TopK(rows=np.zeros(0, np.int32), scores=np.zeros(0))

    def merge_block(
        self, scores: NDArray[np.float32], first: int, factors: NDArray[np.float32], bias: NDArray[np.float32]
    ) -> None:
        """Merge the items from row `first` on; their float32 `scores` are overwritten."""
        query = self._query
        if not query.n:
            return
        if np.isinf(self._slack):  # a sum may have overflowed: such items are scored exactly
            scores[~np.isfinite(scores)] = np.inf
        begin, end = np.searchsorted(query.exclude, (first, first + len(scores)))
        scores[query.exclude[begin:end] - first] = -np.inf
        if query.mask is not None:
            scores[~query.mask[first : first + len(scores)]] = -np.inf
        floor = max(self._floor(), self._nth(scores) - 2 * self._slack)
        floor = np.nextafter(np.float32(floor), np.float32(-np.inf))
        rows = np.flatnonzero((scores >= floor) & (scores > -np.inf)).astype(np.int32)
        self._merge(rows + np.int32(first), exact_scores_at(rows, query.vector, factors, bias))

    def _floor(self) -> float:
        """The float32 score below which an item cannot be among the best; -inf while fewer than n are known."""
        return float(self.best.scores[-1]) - self._slack if len(self.best.scores) == self._query.n else -np.inf

    def _nth(self, scores: NDArray[np.float32]) -> float:
        """A lower bound of the n-th greatest of `scores`: the n-th greatest group maximum where n allows."""
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
    """An upper bound of the greatest row norm, computed in blocks to bound working memory."""
    step = max(1, (1 << 20) // max(1, factors.shape[1]))
    squares = (
        np.square(factors[first : first + step], dtype=np.float64).sum(axis=1).max()
        for first in range(0, len(factors), step)
    )
    return float(np.sqrt(max(squares, default=0.0))) * (1 + 2.0**-40)


def float32_slack(vector: NDArray[np.float32], largest_norm: float, largest_bias: float) -> float:
    """An upper bound of |float32 sum - `exact_scores`| for b_i + p · q_i, whatever the order of the float32 sum.

    For items whose factors have norm `largest_norm` and whose bias has absolute value `largest_bias` at most; infinite
    where a float32 sum could overflow.
    Source: equation 3.5 of Higham, "Accuracy and Stability of Numerical Algorithms", 2nd edition; twice that.
    """
    terms = len(vector) + 2
    norm = float(np.linalg.norm(vector.astype(np.float64)))
    size = norm * largest_norm + largest_bias
    return 2 * terms * 2.0**-24 * size + terms * 2.0**-126 if size < 2.0**126 else np.inf
