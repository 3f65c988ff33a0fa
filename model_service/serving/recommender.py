"""Answers for one artifact: the best films for a user, for someone new, like another film, or for everyone."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate

import numpy as np
from numpy.typing import NDArray

from model_service.ann_index import AnnIndex
from model_service.artifact import Artifact
from model_service.serving.ranking.engine import make_engine
from model_service.serving.ranking.fold_in import UserVector, fold_in
from model_service.serving.ranking.query import Mask, Query, Rows, TopK
from model_service.serving.ranking.score import exact_scores
from model_service.serving.ranking.similar import SimilarItems

POPULAR_FILMS = 100
_NO_ROWS: Rows = np.zeros(0, np.int32)


@dataclass(frozen=True, kw_only=True)
class Recommendations:
    """Titles with their predicted ratings in stars, best first, and the films' rows in that order.

    `cold_start` when the user is not in the data. Of similar films the number is the cosine of their vectors.
    """

    ranked: tuple[tuple[str, float], ...]
    rows: tuple[int, ...] = ()
    cold_start: bool = False


@dataclass(frozen=True, kw_only=True, eq=False)
class TopRequest:
    """The `n` best films that `who`, a user id or a person folded in, has not rated.

    exclude: item rows to leave out as well, in any order. only: a mask (I,) of the films to choose from.
    """

    who: int | UserVector
    n: int
    exclude: Rows | None = None
    mask: Mask | None = None


class Recommender:
    """Answers for one artifact.

    Scores are those of the model, r̂ = μ + b_u + b_i + p_u · q_i; films are ranked by b_i + p_u · q_i as
    `exact_scores` defines it, equal ones by row, and scores are clipped to the rating scale only when they are told.
    With an `index` of this artifact a user may miss a film, but never gets a seen one or another score. Of a large
    catalogue, up to `threads` threads share each pass over the factors.
    """

    def __init__(self, artifact: Artifact, index: AnnIndex | None = None, *, threads: int = 1) -> None:
        self._weights = weights = artifact.weights
        self.items = artifact.items
        self._scale = artifact.scale
        self._hyperparameters = artifact.metadata.hyperparameters
        self._mean = float(weights.global_mean[0])
        self._engine = make_engine(weights.item_factors, weights.item_bias, index, threads=threads)
        self._neighbours = SimilarItems(weights.item_factors)
        self._popular = self._rank_popular(np.ones(len(self.items), np.bool_))
        self.version = artifact.metadata.short_version

    @property
    def engine(self) -> str:
        """The name of what does the scoring, for logs and /model."""
        return self._engine.name

    def recommend(self, uid: int, n: int) -> Recommendations:
        """The `n` best films that user `uid` has not rated; fewer where fewer are left.

        For a user that is not in the data: the best of the POPULAR_FILMS most rated ones.
        """
        return self.recommend_many([TopRequest(who=uid, n=n)])[0]

    def recommend_many(self, requests: Sequence[TopRequest]) -> list[Recommendations]:
        """An answer for each request, the same as alone; one pass over the factors serves them all."""
        people = [self.person(request.who) if isinstance(request.who, int) else request.who for request in requests]
        queries = [
            Query(vector=person.vector, n=request.n, exclude=_union(person.seen, request.exclude), mask=request.mask)
            for person, request in zip(people, requests, strict=True)
            if person is not None
        ]
        offsets = [self._mean + float(person.bias) for person in people if person is not None]
        found = iter(self._stars(self._engine.top_k(queries), offsets))
        return [
            self.popular(request.n, exclude=request.exclude, mask=request.mask, cold_start=True)
            if person is None
            else next(found)
            for person, request in zip(people, requests, strict=True)
        ]

    def popular(
        self, n: int, *, exclude: Rows | None = None, mask: Mask | None = None, cold_start: bool = False
    ) -> Recommendations:
        """The `n` films with the best μ + b_i of the POPULAR_FILMS most rated of those that are allowed."""
        popular = self._popular
        if mask is not None or exclude is not None:
            allowed = np.ones(len(self.items), np.bool_) if mask is None else mask.copy()
            allowed[_NO_ROWS if exclude is None else exclude] = False
            popular = self._rank_popular(allowed)
        best = TopK(rows=popular.rows[:n], scores=popular.scores[:n])
        return self._told(best.rows, self._clip(best.scores + self._mean), cold_start=cold_start)

    def similar(
        self, item_row: int, n: int, *, exclude: Rows | None = None, mask: Mask | None = None
    ) -> Recommendations:
        """The `n` films whose vectors have the greatest cosine with that of the film in `item_row`, without itself.

        Raises IndexError for a row that is not there.
        """
        if not 0 <= item_row < len(self.items):
            raise IndexError(f"row {item_row} of {len(self.items)} films")
        excluded = _union(np.array([item_row], np.int32), exclude)
        best = self._neighbours.top_k(item_row, n, excluded, mask)
        return self._told(best.rows, best.scores.round(6).tolist())

    def fold_in(self, item_rows: Sequence[int], stars: Sequence[float]) -> UserVector:
        """Someone new who rated the films in `item_rows` with `stars`; see `fold_in` for how and what it raises."""
        rows = np.asarray(item_rows, np.int32)
        weights = self._weights
        residuals = np.asarray(stars, np.float64) - (self._mean + weights.item_bias[rows].astype(np.float64))
        given = {name: float(self._hyperparameters.get(name, 0.0)) for name in ("c_vector", "c_bias", "shrinkage")}
        return fold_in(rows, residuals, weights.item_factors[rows], **given)

    def score_pairs(self, people: Sequence[UserVector], item_rows: Sequence[int]) -> list[float]:
        """The predicted rating in stars for each pair of a person and an item row, as `recommend` tells it."""
        factors, bias = self._weights.item_factors, self._weights.item_bias
        stars: list[float] = []
        for person, row in zip(people, item_rows, strict=True):
            score = exact_scores(person.vector, factors[row : row + 1], bias[row : row + 1])
            stars += self._clip(score + (self._mean + float(person.bias)))
        return stars

    def person(self, uid: int) -> UserVector | None:
        """The user with id `uid`, None when there is none in the data."""
        row = _find(self._weights.user_ids, uid)
        if row is None:
            return None
        weights = self._weights
        return UserVector(vector=weights.user_factors[row], bias=weights.user_bias[row], seen=self.seen(row))

    def item_row(self, item_id: int) -> int | None:
        """The row of the film with this id, None when there is none."""
        return _find(self._weights.item_ids, item_id)

    def seen(self, user_row: int) -> Rows:
        """The rows of the films that the user in a row has rated, increasing."""
        start, end = self._weights.seen_indptr[user_row : user_row + 2]
        return self._weights.seen_indices[start:end]

    def _rank_popular(self, allowed: Mask) -> TopK:
        counts = np.where(allowed, self._weights.item_counts, -1)
        most = min(POPULAR_FILMS, int(allowed.sum()))
        rows = np.lexsort((np.arange(len(counts)), -counts))[:most] if most else _NO_ROWS
        base = self._weights.item_bias[rows].astype(np.float64)
        order = np.lexsort((rows, -base))
        return TopK(rows=rows[order].astype(np.int32), scores=base[order])

    def _stars(self, ranked: Sequence[TopK], offsets: Sequence[float]) -> list[Recommendations]:
        """Each of `ranked` with its offset added to its scores; the numbers of all in one go."""
        if not ranked:
            return []
        lengths = [len(best.rows) for best in ranked]
        numbers = self._clip(np.concatenate([best.scores for best in ranked]) + np.repeat(offsets, lengths))
        ends = list(accumulate(lengths))
        return [
            self._told(best.rows, numbers[end - length : end])
            for best, length, end in zip(ranked, lengths, ends, strict=True)
        ]

    def _clip(self, scores: NDArray[np.float64]) -> list[float]:
        low, high = self._scale
        told: list[float] = np.minimum(np.maximum(scores, low), high).round(6).tolist()
        return told

    def _told(self, rows: Rows, numbers: Sequence[float], *, cold_start: bool = False) -> Recommendations:
        places = rows.tolist()
        ranked = tuple((self.items[row].title, number) for row, number in zip(places, numbers, strict=True))
        return Recommendations(ranked=ranked, rows=tuple(places), cold_start=cold_start)


def _find(ids: NDArray[np.int64], wanted: int) -> int | None:
    row = int(np.searchsorted(ids, wanted))
    return row if row < len(ids) and ids[row] == wanted else None


def _union(seen: Rows, exclude: Rows | None) -> Rows:
    return seen if exclude is None or not len(exclude) else np.union1d(seen, exclude).astype(np.int32)
