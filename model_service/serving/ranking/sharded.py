"""Sharded engine: splits a large catalogue between threads and merges their results."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from model_service.serving.ranking.top_k import Engine, Query, TopK, best_first

MakeEngine = Callable[[NDArray[np.float32], NDArray[np.float32]], Engine]


class ShardedEngine:
    """Runs one engine per shard in parallel; the top k of their results is the exact top k.

    The engines have to release the GIL while they search, as `NativeEngine` does. Threads are started for each pass,
    so that an engine created before a fork works after it.
    """

    def __init__(
        self, factors: NDArray[np.float32], bias: NDArray[np.float32], *, make: MakeEngine, threads: int
    ) -> None:
        """`factors` (I, k) and `bias` (I,) are held, not copied, by the engines that `make` creates for the shards."""
        self._shape = factors.shape
        ends = [len(factors) * shard // threads for shard in range(threads + 1)]
        self._ranges = list(pairwise(ends))
        self._engines = [make(factors[first:end], bias[first:end]) for first, end in self._ranges]
        self.name = f"{self._engines[0].name}, {threads} threads"

    def top_k(self, queries: list[Query]) -> list[TopK]:
        """One result for each query; raises ValueError for one that does not fit or has a vector that is not finite."""
        for query in queries:
            query.check(*self._shape)
        shards = [[_shard_query(query, first, end) for query in queries] for first, end in self._ranges]
        with ThreadPoolExecutor(len(shards) - 1, "shard") as pool:
            others = [
                pool.submit(engine.top_k, shard) for engine, shard in zip(self._engines[1:], shards[1:], strict=True)
            ]
            results = [self._engines[0].top_k(shards[0]), *(other.result() for other in others)]
        return [self._merge([result[number] for result in results], query.n) for number, query in enumerate(queries)]

    def _merge(self, parts: list[TopK], n: int) -> TopK:
        rows = np.concatenate(
            [part.rows + np.int32(first) for part, (first, _) in zip(parts, self._ranges, strict=True)]
        )
        scores = np.concatenate([part.scores for part in parts])
        order = best_first(scores, rows, n)
        return TopK(rows=rows[order], scores=scores[order])


def _shard_query(query: Query, first: int, end: int) -> Query:
    """`query` restricted to the rows from `first` to before `end`, renumbered from 0."""
    begin, stop = np.searchsorted(query.exclude, (first, end))
    mask = None if query.mask is None else query.mask[first:end]
    return Query(vector=query.vector, n=query.n, exclude=query.exclude[begin:stop] - np.int32(first), mask=mask)
