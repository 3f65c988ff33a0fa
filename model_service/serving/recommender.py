"""Recommendations from one artifact: for known users, folded-in users and cold starts, and similar items."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from model_service.ann_index import AnnIndex
from model_service.artifact import Artifact
from model_service.catalogue import Catalogue
from model_service.serving.ranking.engine import make_engine
from model_service.serving.ranking.fold_in import fold_in
from model_service.serving.ranking.similar import SimilarItems
from model_service.serving.ranking.top_k import Mask, Query, Rows, TopK, UserVector, exact_scores

DEFAULT_N: Final = 10
POPULAR_ITEMS: Final = 100
_NO_ROWS: Final[Rows] = np.zeros(0, np.int32)


class RecommendRequest(NamedTuple):
    """A request for the `n` best items that a user has not rated; hashable, so that equal requests are computed once.

    user: an id as in the data, or a folded-in user, which equals no other. genre: of the catalogue; None for all.
    exclude: item rows. with_ids: whether the response carries item ids beside the titles.
    """

    user: int | UserVector
    n: int = DEFAULT_N
    genre: str | None = None
    exclude: tuple[int, ...] = ()
    with_ids: bool = False

    @property
    def cache_key(self) -> bytes | None:
        """The canonical request target of this request; None for requests whose responses are not cached."""
        if self.genre is not None or self.exclude or self.with_ids or not isinstance(self.user, int):
            return None
        if self.n == DEFAULT_N:
            return b"/?uid=%d" % self.user
        return b"/?uid=%d&n=%d" % (self.user, self.n)


@dataclass(frozen=True, kw_only=True)
class Recommendations:
    """Titles with predicted ratings in stars, best first, and the items' rows in that order.

    cold_start: the user is not in the data. For similar items the number is the cosine similarity, -1 to 1.
    """

    ranked: tuple[tuple[str, float], ...]
    rows: tuple[int, ...] = ()
    cold_start: bool = False


class Recommender:
    """Recommendations from one artifact.

    Scores are those of the model, r̂ = μ + b_u + b_i + p_u · q_i. Items are ranked by b_i + p_u · q_i as `exact_scores`
    defines it, ties by row; scores are clipped to the rating scale in the result only. With an `index` of this artifact
    an item may be missed, but rated items never appear and scores are exact. For a large catalogue up to `threads`
    threads share each pass over the factors.
    """

    def __init__(self, artifact: Artifact, index: AnnIndex | None = None, *, threads: int = 1) -> None:
        self._weights = weights = artifact.weights
        self._scale = artifact.scale
        self._hyperparameters = artifact.metadata.hyperparameters
        self._mean = float(weights.global_mean[0])
        self._engine = make_engine(weights.item_factors, weights.item_bias, index, threads=threads)
        self._similar_items = SimilarItems(weights.item_factors)
        self.catalogue = Catalogue(artifact.items, weights.item_counts)
        self.items = self.catalogue.items
        self._popular = self._rank_popular(np.ones(len(self.items), np.bool_))
        self.version = artifact.metadata.short_version

    @property
    def engine(self) -> str:
        """The name of the ranking engine, for logs and GET /model."""
        return self._engine.name

    def recommend(self, uid: int, n: int) -> Recommendations:
        """The `n` best items that user `uid` has not rated, fewer where fewer remain; see `recommend_many`."""
        return self.recommend_many([RecommendRequest(uid, n)])[0]

    def recommend_many(self, requests: Sequence[RecommendRequest]) -> list[Recommendations]:
        """One result per request, the same as alone; one pass over the factors serves them all.

        A user who is not in the data gets the best of the POPULAR_ITEMS most rated items (cold start).
        """
        users = [self.user(request.user) if isinstance(request.user, int) else request.user for request in requests]
        queries = [
            Query(vector=user.vector, n=request.n, exclude=_union(user.seen, request.exclude), mask=self._mask(request))
            for user, request in zip(users, requests, strict=True)
            if user is not None
        ]
        offsets = [self._mean + float(user.bias) for user in users if user is not None]
        results = iter(self._to_stars(self._engine.top_k(queries), offsets))
        return [
            self._cold_start(request) if user is None else next(results)
            for user, request in zip(users, requests, strict=True)
        ]

    def similar(self, item_row: int, n: int, *, mask: Mask | None = None) -> Recommendations:
        """The `n` items whose factors have the greatest cosine similarity with those of `item_row`, itself excluded.

        mask: (I,) true for the items to choose from. Raises IndexError for a row out of range.
        """
        if not 0 <= item_row < len(self.items):
            raise IndexError(f"row {item_row} of {len(self.items)} films")
        top = self._similar_items.top_k(item_row, n, np.array([item_row], np.int32), mask)
        return self._recommendations(top.rows, top.scores.round(6).tolist())

    def rated(self, user: UserVector, n: int) -> Recommendations:
        """The `n` items that a user rated with the highest predicted ratings, ties by row."""
        stars = self.predict([user] * len(user.seen), user.seen.tolist())
        order = np.lexsort((user.seen, -np.array(stars)))[:n]
        return self._recommendations(user.seen[order], [stars[position] for position in order])

    def predict(self, users: Sequence[UserVector], item_rows: Sequence[int]) -> list[float]:
        """The predicted rating in stars of each pair of a user and an item row, equal to that of `recommend`."""
        factors, bias = self._weights.item_factors, self._weights.item_bias
        stars: list[float] = []
        for user, row in zip(users, item_rows, strict=True):
            score = exact_scores(user.vector, factors[row : row + 1], bias[row : row + 1])
            stars += self._clip(score + (self._mean + float(user.bias)))
        return stars

    def fold_in(self, item_rows: Sequence[int], stars: Sequence[float]) -> UserVector:
        """The vector of a new user who rated `item_rows` with `stars`; raises what `ranking.fold_in` raises."""
        rows = np.asarray(item_rows, np.int32)
        weights = self._weights
        residuals = np.asarray(stars, np.float64) - (self._mean + weights.item_bias[rows].astype(np.float64))
        return fold_in(
            rows,
            residuals,
            weights.item_factors[rows],
            reg_factors=self._hyperparameter("c_vector"),
            reg_bias=self._hyperparameter("c_bias"),
            shrinkage=self._hyperparameter("shrinkage"),
        )

    def user(self, uid: int) -> UserVector | None:
        """The user with id `uid`; None when the data has none."""
        row = _row_of(self._weights.user_ids, uid)
        if row is None:
            return None
        weights = self._weights
        start, end = weights.seen_indptr[row : row + 2]
        return UserVector(
            vector=weights.user_factors[row], bias=weights.user_bias[row], seen=weights.seen_indices[start:end]
        )

    def unknown_user(self) -> UserVector:
        """A user without ratings: a zero vector and bias, so that predictions are μ + b_i."""
        factors = self._weights.item_factors.shape[1]
        return UserVector(vector=np.zeros(factors, np.float32), bias=np.float32(0), seen=_NO_ROWS)

    def item_row(self, item_id: int) -> int | None:
        """The row of the item with this id; None when there is none."""
        return _row_of(self._weights.item_ids, item_id)

    def _mask(self, request: RecommendRequest) -> Mask | None:
        return None if request.genre is None else self.catalogue.genre_mask(request.genre)

    def _cold_start(self, request: RecommendRequest) -> Recommendations:
        """The items with the best μ + b_i of the POPULAR_ITEMS most rated ones that the request allows."""
        popular, mask = self._popular, self._mask(request)
        if mask is not None or request.exclude:
            allowed = np.ones(len(self.items), np.bool_) if mask is None else mask
            allowed[list(request.exclude)] = False
            popular = self._rank_popular(allowed)
        stars = self._clip(popular.scores[: request.n] + self._mean)
        return self._recommendations(popular.rows[: request.n], stars, cold_start=True)

    def _rank_popular(self, allowed: Mask) -> TopK:
        counts = np.where(allowed, self._weights.item_counts, -1)
        length = min(POPULAR_ITEMS, int(allowed.sum()))
        rows = np.lexsort((np.arange(len(counts)), -counts))[:length] if length else _NO_ROWS
        bias = self._weights.item_bias[rows].astype(np.float64)
        order = np.lexsort((rows, -bias))
        return TopK(rows=rows[order].astype(np.int32), scores=bias[order])

    def _to_stars(self, results: Sequence[TopK], offsets: Sequence[float]) -> list[Recommendations]:
        """Each of `results` with its offset added to its scores, clipped; all scores in one vectorised step."""
        if not results:
            return []
        lengths = [len(top.rows) for top in results]
        stars = self._clip(np.concatenate([top.scores for top in results]) + np.repeat(offsets, lengths))
        ends = list(accumulate(lengths))
        return [
            self._recommendations(top.rows, stars[end - length : end])
            for top, length, end in zip(results, lengths, ends, strict=True)
        ]

    def _clip(self, scores: NDArray[np.float64]) -> list[float]:
        low, high = self._scale
        stars: list[float] = np.minimum(np.maximum(scores, low), high).round(6).tolist()
        return stars

    def _recommendations(self, rows: Rows, numbers: Sequence[float], *, cold_start: bool = False) -> Recommendations:
        row_list = rows.tolist()
        ranked = tuple((self.items[row].title, number) for row, number in zip(row_list, numbers, strict=True))
        return Recommendations(ranked=ranked, rows=tuple(row_list), cold_start=cold_start)

    def _hyperparameter(self, name: str) -> float:
        return float(self._hyperparameters.get(name, 0.0))


def _row_of(ids: NDArray[np.int64], id_: int) -> int | None:
    row = int(np.searchsorted(ids, id_))
    return row if row < len(ids) and ids[row] == id_ else None


def _union(seen: Rows, exclude: tuple[int, ...]) -> Rows:
    return np.union1d(seen, np.array(exclude, np.int32)).astype(np.int32) if exclude else seen
