"""Films like another one: the cosine of their vectors."""

import numpy as np
from numpy.typing import NDArray

from model_service.serving.scoring.query import Mask, Ranked, Rows
from model_service.serving.scoring.score import best_first, exact_scores

_BLOCK_ROWS = 1 << 16
_TINY = 2.0**-500


class Neighbours:
    """Finds the nearest films by cosine; films without a vector are near to none (cosine 0)."""

    def __init__(self, factors: NDArray[np.float32]) -> None:
        """`factors` (I, k) are kept, not copied; their lengths are computed when they are first needed."""
        self._factors = factors

    def top(self, row: int, n: int, skip: Rows, only: Mask | None) -> Ranked:
        """The `n` nearest to the film in `row`, without the rows in `skip` (increasing), of those `only` allows."""
        best = Ranked(rows=np.zeros(0, np.int32), scores=np.zeros(0))
        vector = self._factors[row]
        length = _lengths(self._factors[row : row + 1])[0]
        for first in range(0, len(self._factors), _BLOCK_ROWS):
            block = self._factors[first : first + _BLOCK_ROWS]
            allowed = np.ones(len(block), np.bool_) if only is None else only[first : first + len(block)].copy()
            begin, end = np.searchsorted(skip, (first, first + len(block)))
            allowed[skip[begin:end] - first] = False
            found = np.flatnonzero(allowed)
            chosen = block if len(found) == len(block) else block[found]
            dots = exact_scores(vector, chosen, np.zeros(len(chosen), np.float32))
            cosines = np.clip(dots / np.maximum(length * _lengths(chosen), _TINY), -1.0, 1.0)
            rows = np.concatenate((best.rows, (found + first).astype(np.int32)))
            scores = np.concatenate((best.scores, cosines))
            order = best_first(scores, rows, n)
            best = Ranked(rows=rows[order], scores=scores[order])
        return best


def _lengths(factors: NDArray[np.float32]) -> NDArray[np.float64]:
    """(m,) the length of each row."""
    lengths: NDArray[np.float64] = np.sqrt(np.square(factors, dtype=np.float64).sum(axis=1))
    return lengths
