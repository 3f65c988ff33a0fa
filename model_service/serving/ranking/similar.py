"""Films like another one: the cosine of their vectors."""

from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from model_service.serving.ranking.query import Mask, Rows, TopK
from model_service.serving.ranking.score import best_first, exact_scores_at

_BLOCK_ROWS = 1 << 16
_TINY = 2.0**-500
_SAFE = (2.0**-40, 2.0**60)  # lengths whose product neither vanishes nor overflows in float32


class SimilarItems:
    """Finds the nearest films by cosine, in float64; films without a vector are near to none (cosine 0)."""

    def __init__(self, factors: NDArray[np.float32]) -> None:
        """`factors` (I, k) are kept, not copied."""
        self._factors = factors
        self._no_bias = np.zeros(len(factors), np.float32)
        self._slack = 8 * (factors.shape[1] + 4) * 2.0**-24  # of a cosine in float32, whatever the order of its sum

    def top_k(self, row: int, n: int, exclude: Rows, mask: Mask | None) -> TopK:
        """The `n` nearest to the film in `row`, without the rows in `exclude`, of those `mask` (I,) allows."""
        allowed = np.ones(len(self._factors), np.bool_) if mask is None else mask.copy()
        allowed[exclude] = False
        n = min(n, int(allowed.sum()))
        if n < 1:
            return TopK(rows=np.zeros(0, np.int32), scores=np.zeros(0))
        near, told = self._float32_cosines(row)
        at_least = np.where(allowed & told, near, np.where(allowed, np.float32(-2.0), np.float32(-np.inf)))
        floor = float(np.partition(at_least, len(near) - n)[len(near) - n]) - 2 * self._slack
        rows = np.flatnonzero(allowed & ((near >= floor) | ~told)).astype(np.int32)
        dots = exact_scores_at(rows, self._factors[row], self._factors, self._no_bias)
        cosines = np.clip(dots / np.maximum(self._lengths[row] * self._lengths[rows], _TINY), -1.0, 1.0)
        order = best_first(cosines, rows, n)
        return TopK(rows=rows[order], scores=cosines[order])

    @cached_property
    def _lengths(self) -> NDArray[np.float64]:
        """(I,) the length of each vector; computed when it is first needed."""
        lengths = np.empty(len(self._factors))
        for first in range(0, len(lengths), _BLOCK_ROWS):
            block = self._factors[first : first + _BLOCK_ROWS]
            lengths[first : first + len(block)] = np.sqrt(np.square(block, dtype=np.float64).sum(axis=1))
        return lengths

    def _float32_cosines(self, row: int) -> tuple[NDArray[np.float32], Mask]:
        """(I,) the cosines, and (I,) where float32 does tell them within the slack."""
        low, high = _SAFE
        told = (self._lengths > low) & (self._lengths < high)
        told &= told[row]
        with np.errstate(all="ignore"):
            near: NDArray[np.float32] = self._factors @ self._factors[row]
            near /= (self._lengths * self._lengths[row]).astype(np.float32)
        return near, told
