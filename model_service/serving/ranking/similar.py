"""Similar items: nearest neighbours by cosine similarity of the item factors, shrunk by support."""

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from model_service.serving.ranking.top_k import Mask, Rows, TopK, best_first, exact_scores_at

SUPPORT = 50.0
"""Ratings at which a similarity counts half."""

_BLOCK_ROWS = 1 << 16
_TINY = 2.0**-500
_SAFE_NORMS = (2.0**-40, 2.0**60)  # whose product neither underflows nor overflows in float32


class SimilarItems:
    """Exact neighbours, computed in float64; an item with a zero vector has similarity 0 to every other.

    The similarity is cosine · n / (n + SUPPORT) for a neighbour with n ratings: the vector of an item that few rated
    says little, and points in the direction of those few.
    Source: section 4.1 of Bell, Koren, "Scalable Collaborative Filtering with Jointly Derived Neighborhood
    Interpolation Weights", ICDM 2007 (shrinkage of similarities by support).
    """

    def __init__(self, factors: NDArray[np.float32], counts: NDArray[np.integer]) -> None:
        """`factors` (I, k) are held, not copied; counts: (I,) ratings of each item."""
        self._factors = factors
        self._support = counts / (counts + SUPPORT)
        self._no_bias = np.zeros(len(factors), np.float32)
        # The error bound of a float32 similarity, whatever the order of its sum.
        self._slack = 8 * (factors.shape[1] + 4) * 2.0**-24

    def top_k(self, row: int, n: int, exclude: Rows, mask: Mask | None) -> TopK:
        """The `n` items nearest to the one in `row`, without the rows in `exclude`, of those `mask` (I,) allows."""
        allowed = np.ones(len(self._factors), np.bool_) if mask is None else mask.copy()
        allowed[exclude] = False
        n = min(n, int(allowed.sum()))
        if n < 1:
            return TopK(rows=np.zeros(0, np.int32), scores=np.zeros(0))
        near, reliable = self._float32_similarities(row)
        at_least = np.where(allowed & reliable, near, np.where(allowed, np.float32(-2.0), np.float32(-np.inf)))
        floor = float(np.partition(at_least, len(near) - n)[len(near) - n]) - 2 * self._slack
        rows = np.flatnonzero(allowed & ((near >= floor) | ~reliable)).astype(np.int32)
        dots = exact_scores_at(rows, self._factors[row], self._factors, self._no_bias)
        cosines = np.clip(dots / np.maximum(self._norms[row] * self._norms[rows], _TINY), -1.0, 1.0)
        similarities = cosines * self._support[rows]
        order = best_first(similarities, rows, n)
        return TopK(rows=rows[order], scores=similarities[order])

    @cached_property
    def _norms(self) -> NDArray[np.float64]:
        """(I,) the norm of each vector; computed on first use."""
        norms = np.empty(len(self._factors))
        for first in range(0, len(norms), _BLOCK_ROWS):
            block = self._factors[first : first + _BLOCK_ROWS]
            norms[first : first + len(block)] = np.sqrt(np.square(block, dtype=np.float64).sum(axis=1))
        return norms

    def _float32_similarities(self, row: int) -> tuple[NDArray[np.float32], Mask]:
        """(I,) float32 similarities, and (I,) whether each is within the error bound."""
        low, high = _SAFE_NORMS
        reliable = (self._norms > low) & (self._norms < high)
        reliable &= reliable[row]
        with np.errstate(all="ignore"):
            near: NDArray[np.float32] = self._factors @ self._factors[row]
            near /= (self._norms * self._norms[row]).astype(np.float32)
            near *= self._support.astype(np.float32)
        return near, reliable
