"""An engine for each part of a large catalogue, all asked at the same time."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from model_service.serving.ranking.query import Engine, Query, TopK
from model_service.serving.ranking.score import best_first

MakeEngine = Callable[[NDArray[np.float32], NDArray[np.float32]], Engine]


class ShardedEngine:
    """Asks `threads` engines, each for as many films, at once; the best of what they find is the best of all.

    The engines have to leave the interpreter while they search, as `NativeEngine` does. Threads are started for each
    pass: an engine that is made before a fork works after it.
    """

    def __init__(
        self, factors: NDArray[np.float32], bias: NDArray[np.float32], *, make: MakeEngine, threads: int
    ) -> None:
        """`factors` (I, k) and `bias` (I,) are kept by the engines that `make` makes of their parts."""
        self._shape = factors.shape
        ends = [len(factors) * part // threads for part in range(threads + 1)]
        self._ranges = list(pairwise(ends))
        self._engines = [make(factors[first:end], bias[first:end]) for first, end in self._ranges]
        self.name = f"{self._engines[0].name}, {threads} threads"

    def top_k(self, queries: list[Query]) -> list[TopK]:
        """An answer for each query; raises ValueError for one that does not fit or has a vector that is not finite."""
        for query in queries:
            query.check(*self._shape)
        parts = [[_within(query, first, end) for query in queries] for first, end in self._ranges]
        with ThreadPoolExecutor(len(parts) - 1, "part") as pool:
            others = [
                pool.submit(engine.top_k, part) for engine, part in zip(self._engines[1:], parts[1:], strict=True)
            ]
            found = [self._engines[0].top_k(parts[0]), *(other.result() for other in others)]
        return [self._merged([answers[number] for answers in found], query.n) for number, query in enumerate(queries)]

    def _merged(self, parts: list[TopK], n: int) -> TopK:
        rows = np.concatenate(
            [part.rows + np.int32(first) for part, (first, _) in zip(parts, self._ranges, strict=True)]
        )
        scores = np.concatenate([part.scores for part in parts])
        order = best_first(scores, rows, n)
        return TopK(rows=rows[order], scores=scores[order])


def _within(query: Query, first: int, end: int) -> Query:
    """`query` for the films from row `first` to before `end`, whose rows count from 0."""
    begin, stop = np.searchsorted(query.exclude, (first, end))
    only = None if query.mask is None else query.mask[first:end]
    return Query(vector=query.vector, n=query.n, exclude=query.exclude[begin:stop] - np.int32(first), mask=only)
