"""Similar items: nearest neighbours by cosine similarity of the item factors."""

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from model_service.serving.ranking.top_k import Mask, Rows, TopK, best_first, exact_scores_at

_BLOCK_ROWS = 1 << 16
_TINY = 2.0**-500
_SAFE_NORMS = (2.0**-40, 2.0**60)  # whose product neither underflows nor overflows in float32


class SimilarItems:
    """Exact cosine neighbours, computed in float64; an item with a zero vector has cosine 0 to every other."""

    def __init__(self, factors: NDArray[np.float32]) -> None:
        """`factors` (I, k) are held, not copied."""
        self._factors = factors
        self._no_bias = np.zeros(len(factors), np.float32)
        # The error bound of a float32 cosine, whatever the order of its sum.
        self._slack = 8 * (factors.shape[1] + 4) * 2.0**-24

    def top_k(self, row: int, n: int, exclude: Rows, mask: Mask | None) -> TopK:
        """The `n` items nearest to the one in `row`, without the rows in `exclude`, of those `mask` (I,) allows."""
        allowed = np.ones(len(self._factors), np.bool_) if mask is None else mask.copy()
        allowed[exclude] = False
        n = min(n, int(allowed.sum()))
        if n < 1:
            return TopK(rows=np.zeros(0, np.int32), scores=np.zeros(0))
        near, reliable = self._float32_cosines(row)
        at_least = np.where(allowed & reliable, near, np.where(allowed, np.float32(-2.0), np.float32(-np.inf)))
        floor = float(np.partition(at_least, len(near) - n)[len(near) - n]) - 2 * self._slack
        rows = np.flatnonzero(allowed & ((near >= floor) | ~reliable)).astype(np.int32)
        dots = exact_scores_at(rows, self._factors[row], self._factors, self._no_bias)
        cosines = np.clip(dots / np.maximum(self._norms[row] * self._norms[rows], _TINY), -1.0, 1.0)
        order = best_first(cosines, rows, n)
        return TopK(rows=rows[order], scores=cosines[order])

    @cached_property
    def _norms(self) -> NDArray[np.float64]:
        """(I,) the norm of each vector; computed on first use."""
        norms = np.empty(len(self._factors))
        for first in range(0, len(norms), _BLOCK_ROWS):
            block = self._factors[first : first + _BLOCK_ROWS]
            norms[first : first + len(block)] = np.sqrt(np.square(block, dtype=np.float64).sum(axis=1))
        return norms

    def _float32_cosines(self, row: int) -> tuple[NDArray[np.float32], Mask]:
        """(I,) float32 cosines, and (I,) whether each is within the error bound."""
        low, high = _SAFE_NORMS
        reliable = (self._norms > low) & (self._norms < high)
        reliable &= reliable[row]
        with np.errstate(all="ignore"):
            near: NDArray[np.float32] = self._factors @ self._factors[row]
            near /= (self._norms * self._norms[row]).astype(np.float32)
        return near, reliable
