"""The engine for very large catalogues: candidates from an index, ranked by their exact scores.

A user's vector p is asked as [p, 1, 0], a film is stored as [q, b, sqrt(longest² - |q|² - b²)], both with zeros behind:
all films are equally long then, and the nearest are those with the greatest b + p · q.
Source: Bachrach et al., "Speeding Up the Xbox Recommender System Using a Euclidean Transformation for Inner-Product
Spaces", RecSys 2014.
"""

import numpy as np
from numpy.typing import NDArray

from model_service.ann_index import AnnIndex, IndexMetadata, load_library, stored_width
from model_service.serving.ranking.query import Engine, Query, Rows, TopK
from model_service.serving.ranking.score import best_first, exact_scores_at

_SPARE = 16  # candidates beyond those wanted: the index rounds, so that its order is not quite the exact one
_MAX_CANDIDATES = 2048  # a wider search takes longer than the exact one, and its recall was not measured


def stored_films(factors: NDArray[np.float32], bias: NDArray[np.float32], longest: float) -> NDArray[np.float32]:
    """(m, `stored_width(k)`) films with `factors` (m, k) and `bias` (m,) as the index stores them."""
    k = factors.shape[1]
    stored = np.zeros((len(factors), stored_width(k)), np.float32)
    stored[:, :k], stored[:, k] = factors, bias
    stored[:, k + 1] = np.sqrt(np.maximum(longest**2 - film_lengths(factors, bias) ** 2, 0.0))
    return stored


def film_lengths(factors: NDArray[np.float32], bias: NDArray[np.float32]) -> NDArray[np.float64]:
    """(m,) the lengths of [q, b]."""
    squares = np.square(factors, dtype=np.float64).sum(axis=1) + np.square(bias, dtype=np.float64)
    lengths: NDArray[np.float64] = np.sqrt(squares)
    return lengths


def asked(vector: NDArray[np.float32], longest: float) -> NDArray[np.float32]:
    """(1, `stored_width(k)`) a user's vector (k,) as the index is asked; as long as a film, which changes no order."""
    k = len(vector)
    point = np.zeros((1, stored_width(k)))
    point[0, :k], point[0, k] = vector, 1.0
    point *= longest / np.linalg.norm(point)
    return point.astype(np.float32)


class AnnEngine:
    """Nearly always the films of the `exact` engine; their scores and the order among them are its own.

    What the index is not for goes to `exact`: a mask, very long answers, users who have seen very many films, and
    queries for which it finds too few.
    """

    def __init__(self, exact: Engine, index: AnnIndex, factors: NDArray[np.float32], bias: NDArray[np.float32]) -> None:
        """`factors` (I, k) and `bias` (I,) are kept, not copied; `index` has to be of the same films."""
        self.name = f"{exact.name}, approximate"
        self.about: IndexMetadata = index.about
        self._exact, self._index = exact, index.found
        self._factors, self._bias = factors, bias
        self._probes = load_library().SearchParametersIVF(nprobe=index.about.probes)

    def top_k(self, queries: list[Query]) -> list[TopK]:
        """An answer for each query; raises ValueError for one that does not fit or has a vector that is not finite."""
        for query in queries:
            query.check(*self._factors.shape)
            if not np.isfinite(query.vector).all():
                raise ValueError("a user's vector has to hold finite numbers")
        answers = [self._search(query) for query in queries]
        left = [query for query, answer in zip(queries, answers, strict=True) if answer is None]
        exact = iter(self._exact.top_k(left) if left else ())
        return [next(exact) if answer is None else answer for answer in answers]

    def _search(self, query: Query) -> TopK | None:
        """The best films by the index, None where `exact` has to be asked.

        One query a time: for several, faiss would start threads, which a forked worker must not inherit.
        """
        wanted = query.n + len(query.exclude) + _SPARE
        if query.mask is not None or wanted > min(_MAX_CANDIDATES, len(self._bias)):
            return None
        point = asked(query.vector, self.about.longest)
        _, found = self._index.search(point, wanted, params=self._probes)
        rows = _unseen(found[0], query.exclude)[: query.n + _SPARE]
        if len(rows) < query.n:
            return None
        scores = exact_scores_at(rows, query.vector, self._factors, self._bias)
        order = best_first(scores, rows, query.n)
        return TopK(rows=rows[order], scores=scores[order])


def _unseen(found: NDArray[np.int64], exclude: Rows) -> Rows:
    """The rows in `found`, -1 where there were no more, that are not in `exclude`, in the same order."""
    rows = found[found >= 0].astype(np.int32)
    if not len(exclude):
        return rows
    places = np.minimum(np.searchsorted(exclude, rows), len(exclude) - 1)
    left: Rows = rows[exclude[places] != rows]
    return left
