"""Approximate engine for very large catalogues: candidates from an ANN index, ranked by their exact scores.

Maximum inner product search as nearest-neighbour search: a query vector p becomes [p, 1, 0], an item is stored as
[q, b, sqrt(longest² - |q|² - b²)], both zero-padded. All items then have the same norm, and the nearest ones are those
with the greatest b + p · q.
Source: Bachrach et al., "Speeding Up the Xbox Recommender System Using a Euclidean Transformation for Inner-Product
Spaces", RecSys 2014.
"""

import numpy as np
from numpy.typing import NDArray

from model_service.ann_index import AnnIndex, load_library, stored_width
from model_service.serving.ranking.top_k import Engine, Query, Rows, TopK, best_first, exact_scores_at

_SPARE = 16  # extra candidates: the index quantises, so that its order is not quite the exact one
_MAX_CANDIDATES = 2048  # a wider search is slower than the exact one, and its recall was not measured


def stored_items(factors: NDArray[np.float32], bias: NDArray[np.float32], longest: float) -> NDArray[np.float32]:
    """(m, `stored_width(k)`) items with `factors` (m, k) and `bias` (m,) as the index stores them."""
    k = factors.shape[1]
    stored = np.zeros((len(factors), stored_width(k)), np.float32)
    stored[:, :k], stored[:, k] = factors, bias
    stored[:, k + 1] = np.sqrt(np.maximum(longest**2 - item_norms(factors, bias) ** 2, 0.0))
    return stored


def item_norms(factors: NDArray[np.float32], bias: NDArray[np.float32]) -> NDArray[np.float64]:
    """(m,) the norms of [q, b]."""
    squares = np.square(factors, dtype=np.float64).sum(axis=1) + np.square(bias, dtype=np.float64)
    norms: NDArray[np.float64] = np.sqrt(squares)
    return norms


def query_point(vector: NDArray[np.float32], longest: float) -> NDArray[np.float32]:
    """(1, `stored_width(k)`) the index query for a vector (k,), scaled to the items' norm: the order is unchanged."""
    k = len(vector)
    point = np.zeros((1, stored_width(k)))
    point[0, :k], point[0, k] = vector, 1.0
    point *= longest / np.linalg.norm(point)
    return point.astype(np.float32)


class AnnEngine:
    """Returns nearly always the items of the `exact` engine, with the same scores and in the same order.

    Queries that the index does not suit are passed to `exact`: those with a mask, very long results, users with very
    many rated items, and those for which it returns too few.
    """

    def __init__(self, exact: Engine, index: AnnIndex, factors: NDArray[np.float32], bias: NDArray[np.float32]) -> None:
        """`factors` (I, k) and `bias` (I,) are held, not copied; `index` has to be of the same items."""
        self.name = f"{exact.name}, approximate"
        self._longest = index.metadata.longest
        self._exact, self._index = exact, index.faiss_index
        self._factors, self._bias = factors, bias
        self._probes = load_library().SearchParametersIVF(nprobe=index.metadata.probes)

    def top_k(self, queries: list[Query]) -> list[TopK]:
        """One result for each query; raises ValueError for one that does not fit or has a vector that is not finite."""
        for query in queries:
            query.check(*self._factors.shape)
            if not np.isfinite(query.vector).all():
                raise ValueError("a user's vector has to hold finite numbers")
        results = [self._search(query) for query in queries]
        remaining = [query for query, result in zip(queries, results, strict=True) if result is None]
        exact = iter(self._exact.top_k(remaining) if remaining else ())
        return [next(exact) if result is None else result for result in results]

    def _search(self, query: Query) -> TopK | None:
        """The top k by the index, None where the query has to be passed to `exact`.

        One query at a time: for a batch faiss would start threads, which a forked worker must not inherit.
        """
        candidates = query.n + len(query.exclude) + _SPARE
        if query.mask is not None or candidates > min(_MAX_CANDIDATES, len(self._bias)):
            return None
        point = query_point(query.vector, self._longest)
        _, nearest = self._index.search(point, candidates, params=self._probes)
        rows = _not_excluded(nearest[0], query.exclude)[: query.n + _SPARE]
        if len(rows) < query.n:
            return None
        scores = exact_scores_at(rows, query.vector, self._factors, self._bias)
        order = best_first(scores, rows, query.n)
        return TopK(rows=rows[order], scores=scores[order])


def _not_excluded(nearest: NDArray[np.int64], exclude: Rows) -> Rows:
    """The rows in `nearest` (-1: no further match) that are not in `exclude`, in the same order."""
    rows = nearest[nearest >= 0].astype(np.int32)
    if not len(exclude):
        return rows
    positions = np.minimum(np.searchsorted(exclude, rows), len(exclude) - 1)
    remaining: Rows = rows[exclude[positions] != rows]
    return remaining
