"""Recommendations from one artifact: for known users, folded-in users and cold starts, and similar items."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate
from typing import Any, Final, Literal, NamedTuple

import numpy as np
from numpy.typing import NDArray

from model_service.ann_index import AnnIndex
from model_service.artifact import Artifact
from model_service.catalogue import Catalogue
from model_service.ids import whole_number
from model_service.serving.ranking.engine import make_engine
from model_service.serving.ranking.fold_in import FoldIn, history_weights, known_user_vector
from model_service.serving.ranking.native import NativeEngine
from model_service.serving.ranking.similar import SimilarItems
from model_service.serving.ranking.stars import DECIMALS, Stars, star_width
from model_service.serving.ranking.top_k import Mask, Query, QueryBlock, Rows, UserVector

DEFAULT_N: Final = 10
Order = Literal["rank", "stars"]
IdForm = Literal["data", "text"]
_MAX_PLAIN_ID: Final = 64
_PLAIN_ID: Final = re.compile(rf"[A-Za-z0-9._~-]{{1,{_MAX_PLAIN_ID}}}")  # characters that a URL holds as they are
_NO_ROWS: Final[Rows] = np.zeros(0, np.int32)


class RecommendRequest(NamedTuple):
    """A request for the `n` best items that a user has not rated; hashable, so that equal requests are computed once.

    user: an id as in the data, or a folded-in user, which equals no other. genre: of the catalogue; None for all.
    exclude: item rows. order: of the n best. ids: the form of the item ids that the response carries beside the titles;
    None: it carries none.
    """

    user: str | UserVector
    n: int = DEFAULT_N
    genre: str | None = None
    exclude: tuple[int, ...] = ()
    order: Order = "rank"
    ids: IdForm | None = None

    @property
    def cache_key(self) -> bytes | None:
        """The canonical request target of this request; None for requests whose responses are not cached."""
        plain = self.genre is None and not self.exclude and self.ids is None and self.order == "rank"
        if not plain or not isinstance(self.user, str):
            return None
        digits = self.user.isdigit() and self.user.isascii() and len(self.user) <= _MAX_PLAIN_ID  # a fast check before
        if not digits and not _PLAIN_ID.fullmatch(self.user):
            return None
        if self.n == DEFAULT_N:
            return b"/?uid=%b" % self.user.encode()
        return b"/?uid=%b&n=%d" % (self.user.encode(), self.n)


@dataclass(kw_only=True, slots=True)
class Recommendations:
    """Titles with predicted ratings in stars, best first, and the items' rows in that order.

    The stars are None where the model has none. cold_start: the user is not in the data. For similar items the number
    is the similarity, -1 to 1.
    """

    ranked: tuple[tuple[str, float | None], ...]
    rows: tuple[int, ...] = ()
    cold_start: bool = False


@dataclass(frozen=True, kw_only=True, eq=False)
class RowLists:
    """Recommendations of B users as arrays: item rows (m,), best first, `lengths[i]` of them, (B,), of user i.

    stars: (m,) predicted ratings; None where the model has none.
    """

    rows: Rows
    lengths: NDArray[np.int64]
    stars: NDArray[np.float64] | None


@dataclass(frozen=True, kw_only=True, eq=False)
class History:
    """What a user of the data watched: item rows (m,), increasing, and the ratings or counts (m,), NaN without one."""

    rows: Rows
    values: NDArray[np.float32]


@dataclass(frozen=True, kw_only=True)
class RatedRow:
    """An item that a user watched: its row, the rating or count, None without one, and the predicted stars, if any."""

    row: int
    value: float | None
    stars: float | None


class Recommender:
    """Recommendations from one artifact.

    Items are ranked by b_i + p_u · q_i of the ranking model, as `exact_scores` defines it, ties by row; the listed
    items get the predicted ratings of the model of the stars, which need not descend. With an `index` of this artifact
    an item may be missed, but rated items never appear. For a large catalogue up to `threads` threads share each pass
    over the factors.
    """

    def __init__(self, artifact: Artifact, index: AnnIndex | None = None, *, threads: int = 1) -> None:
        self._weights = weights = artifact.weights
        self._hyperparameters = artifact.metadata.hyperparameters
        ranking = self._hyperparameters.get("ranking", {})
        self._fold_in = FoldIn(
            rhs=weights.fold_in_rhs,
            base=weights.fold_in_base,
            ridge=float(ranking.get("fold_in_ridge", 0.0)),
            shift=float(ranking.get("fold_in_shift", 0.0)),
            encoder=weights.fold_in_encoder,
        )
        self.scale = artifact.scale
        self._scale = None if ranking.get("highest_rating") is None else artifact.scale
        self._log_mean = float(ranking.get("log_mean", 1.0))
        self.stars = self._make_stars(artifact)
        self._typical = float(ranking.get("typical_value", self._usual_value()))
        self._engine = make_engine(weights.item_factors, weights.item_bias, index, threads=threads)
        self._similar_items = SimilarItems(weights.item_factors, weights.item_counts)
        self.catalogue = Catalogue(artifact.items, weights.item_counts)
        self.items = self.catalogue.items
        self._by_popularity = np.argsort(-weights.popularity, kind="stable").astype(np.int32)
        self.version = artifact.metadata.short_version

    @property
    def engine(self) -> str:
        """The name of the ranking engine, for logs and GET /model."""
        return self._engine.name

    def recommend(self, uid: str, n: int) -> Recommendations:
        """The `n` best items that user `uid` has not rated, fewer where fewer remain; see `recommend_many`."""
        return self.recommend_many([RecommendRequest(uid, n)])[0]

    def recommend_many(self, requests: Sequence[RecommendRequest]) -> list[Recommendations]:
        """One result per request, the same as alone; one pass over the factors serves them all.

        A user who is not in the data gets the items that were liked most often (cold start).
        """
        users = [self.user(request.user) if isinstance(request.user, str) else request.user for request in requests]
        queries = [
            Query(vector=user.vector, n=request.n, exclude=_union(user.seen, request.exclude), mask=self._mask(request))
            for user, request in zip(users, requests, strict=True)
            if user is not None
        ]
        found = iter(self._engine.top_k(queries))
        lists = [
            self._popular(request) if user is None else next(found).rows
            for user, request in zip(users, requests, strict=True)
        ]
        return self._with_stars(lists, users, requests)

    def recommend_rows(self, user_rows: NDArray[np.int64], n: int) -> RowLists:
        """The same items and stars as `recommend` for the users in `user_rows` (B,) of the data, -1: not in the data.

        Without an object for each item or user, for millions of them; threads may call it at the same time.
        """
        known = user_rows >= 0
        rows, lengths = self._ranked_rows(user_rows[known], min(n, len(self.items)))
        if not known.all():
            rows, lengths = _with_cold_starts(rows, lengths, known, self._by_popularity[:n])
        if self.stars is None:
            return RowLists(rows=rows, lengths=lengths, stars=None)
        weights = self._weights
        assert weights.star_user_factors is not None  # noqa: S101 there with the stars
        assert weights.star_user_bias is not None  # noqa: S101
        vectors = np.zeros((len(user_rows), weights.star_user_factors.shape[1]), np.float32)
        biases = np.zeros(len(user_rows), np.float32)
        vectors[known], biases[known] = (
            weights.star_user_factors[user_rows[known]],
            weights.star_user_bias[user_rows[known]],
        )
        return RowLists(rows=rows, lengths=lengths, stars=self.stars.predict_block(vectors, biases, lengths, rows))

    def _ranked_rows(self, user_rows: NDArray[np.int64], n: int) -> tuple[Rows, NDArray[np.int64]]:
        """Item rows of all these users of the data, and how many are of each."""
        weights = self._weights
        if weights.user_factors is not None:
            vectors = weights.user_factors[user_rows]
        else:
            vectors = np.array([known_user_vector(weights, row) for row in user_rows.tolist()], np.float32)
            vectors = vectors.reshape(len(user_rows), weights.item_factors.shape[1])
        firsts = weights.seen_indptr[user_rows]
        lengths = weights.seen_indptr[user_rows + 1] - firsts
        places = np.arange(lengths.sum()) + (firsts - np.cumsum(lengths) + lengths).repeat(lengths)
        block = QueryBlock(vectors=vectors, n=n, exclude=weights.seen_indices[places], lengths=lengths)
        if isinstance(self._engine, NativeEngine):
            return self._engine.top_k_block(block)
        found = self._engine.top_k(block.queries())
        rows = [top.rows for top in found]
        return np.concatenate([_NO_ROWS, *rows]), np.array([len(one) for one in rows], np.int64)

    def similar(self, item_row: int, n: int, *, mask: Mask | None = None) -> Recommendations:
        """The `n` items most similar to that of `item_row`, itself excluded; see `SimilarItems`.

        mask: (I,) true for the items to choose from. Raises IndexError for a row out of range.
        """
        if not 0 <= item_row < len(self.items):
            raise IndexError(f"row {item_row} of {len(self.items)} films")
        top = self._similar_items.top_k(item_row, n, np.array([item_row], np.int32), mask)
        return self._recommendations(top.rows.tolist(), top.scores.round(DECIMALS).tolist())

    def reasons(self, history: History | None, item_rows: Sequence[int], n: int) -> list[list[tuple[int, float]]]:
        """For each item the at most `n` items of a user's `history` that add most to its score, with their shares.

        A share is that of all positive contributions, 0 to 1. Empty without a history.
        """
        if history is None or not len(history.rows):
            return [[] for _ in item_rows]
        weights = self._history_weights(history.values)
        fold_in, factors = self._fold_in, self._weights.item_factors
        return [
            _largest(fold_in.contributions(row, history.rows, weights, factors), history.rows, n) for row in item_rows
        ]

    def rated(self, uid: str, n: int) -> list[RatedRow]:
        """The `n` items that user `uid` gave the highest ratings or counts, ties by popularity; none if unknown.

        Those that the user watched and did not rate come last.
        """
        user, history = self.user(uid), self.history(uid)
        if user is None or history is None:
            return []
        order = np.lexsort((history.rows, -self._weights.popularity[history.rows], -history.values))[:n]
        rows = history.rows[order]
        stars: Sequence[float | None] = [None] * len(rows)
        if self.stars is not None and len(rows):
            stars = self.stars.predict([user], [len(rows)], rows)
        return [
            RatedRow(row=row, value=None if math.isnan(value) else round(value, DECIMALS), stars=predicted)
            for row, value, predicted in zip(rows.tolist(), history.values[order].tolist(), stars, strict=True)
        ]

    def predict(self, users: Sequence[UserVector], item_rows: Sequence[int]) -> list[float]:
        """The predicted rating in stars of each pair of a user and an item row, equal to that of `recommend`.

        Raises ValueError where the model has no stars.
        """
        if self.stars is None:
            raise ValueError("this model predicts no stars: its data has none")
        return self.stars.predict(users, [1] * len(users), np.array(item_rows, np.int32)) if users else []

    def fold_in(self, item_rows: Sequence[int], values: Sequence[float | None]) -> UserVector:
        """A new user who watched `item_rows`, and gave them these ratings or counts; None: watched, without a number.

        Raises ValueError without items, for an item given twice, and for a value that is not a finite number.
        """
        rows = np.asarray(item_rows, np.int32)
        if not len(rows):
            raise ValueError("no ratings: at least one is needed")
        if len(np.unique(rows)) < len(rows):
            raise ValueError("a film is rated twice; one rating a film is allowed")
        numbers = np.array([np.nan if value is None else value for value in values], np.float64)
        given = np.array([value is not None for value in values])
        if not np.isfinite(numbers[given]).all():
            raise ValueError("a rating has to be a finite number")
        weights = self._history_weights(numbers)
        vector = self._fold_in.vector(rows, weights, self._weights.item_factors)
        seen = np.sort(rows)
        if self.stars is None or not given.any():
            return UserVector(vector=vector, seen=seen)
        star_vector, star_bias = self.stars.fold_in(rows[given], numbers[given])
        return UserVector(vector=vector, seen=seen, star_vector=star_vector, star_bias=star_bias)

    def user(self, uid: str) -> UserVector | None:
        """The user with id `uid`; None when the data has none."""
        weights = self._weights
        row = weights.users.row(uid)
        if row is None:
            return None
        seen = weights.seen_indices[weights.seen_indptr[row] : weights.seen_indptr[row + 1]]
        user = UserVector(vector=known_user_vector(weights, row), seen=seen)
        if weights.star_user_factors is not None and weights.star_user_bias is not None:
            user.star_vector, user.star_bias = weights.star_user_factors[row], float(weights.star_user_bias[row])
        return user

    def history(self, uid: str) -> History | None:
        """What user `uid` watched; None for a user who is not in the data."""
        row = self._weights.users.row(uid)
        if row is None:
            return None
        span = slice(*self._weights.seen_indptr[row : row + 2])
        return History(rows=self._weights.seen_indices[span], values=self._weights.seen_values[span])

    def unknown_user(self) -> UserVector:
        """A user without ratings, whose predictions are μ + b_i."""
        return UserVector(vector=self._fold_in.rhs.astype(np.float32), seen=_NO_ROWS)

    def item_row(self, item_id: str) -> int | None:
        """The row of the item with this id; None when there is none."""
        return self._weights.items.row(item_id)

    def item_id(self, row: int, form: IdForm) -> int | str:
        """The id of the item in `row`: for `data` a number where all items have one, for `text` always a text."""
        return self._weights.items[row] if form == "text" else self._weights.items.as_json(row)

    def user_id(self, uid: str, form: IdForm) -> int | str:
        """`uid` in the form that `item_id` gives; an unknown one that is no 64-bit number stays a text."""
        number = whole_number(uid) if form == "data" and self._weights.users.are_numbers else None
        return uid if number is None else number

    def _mask(self, request: RecommendRequest) -> Mask | None:
        return None if request.genre is None else self.catalogue.genre_mask(request.genre)

    def _popular(self, request: RecommendRequest) -> Rows:
        """The rows that were liked most often, of those that the request allows."""
        mask, ordered = self._mask(request), self._by_popularity
        if mask is not None:
            ordered = ordered[mask[ordered]]
        if request.exclude:
            ordered = ordered[~np.isin(ordered, request.exclude)]
        return ordered[: request.n]

    def _with_stars(
        self, lists: Sequence[Rows], users: Sequence[UserVector | None], requests: Sequence[RecommendRequest]
    ) -> list[Recommendations]:
        """The lists with predicted ratings, all in one vectorised step, sorted by them where a request asks for it."""
        lengths = [len(rows) for rows in lists]
        numbers: Sequence[float | None] = [None] * sum(lengths)
        if self.stars is not None and lists:
            rows = lists[0] if len(lists) == 1 else np.concatenate(lists)
            numbers = self.stars.predict([user or _UNKNOWN for user in users], lengths, rows)
        results = []
        for found, user, request, end in zip(lists, users, requests, accumulate(lengths), strict=True):
            listed, stars = found.tolist(), numbers[end - len(found) : end]
            if request.order == "stars":
                order = sorted(range(len(listed)), key=lambda place: -(stars[place] or 0.0))
                listed, stars = [listed[place] for place in order], [stars[place] for place in order]
            results.append(self._recommendations(listed, stars, cold_start=user is None))
        return results

    def _recommendations(
        self, rows: Sequence[int], numbers: Sequence[float | None], *, cold_start: bool = False
    ) -> Recommendations:
        items = self.items
        ranked = tuple([(items[row].title, number) for row, number in zip(rows, numbers, strict=True)])
        return Recommendations(ranked=ranked, rows=tuple(rows), cold_start=cold_start)

    def _history_weights(self, values: NDArray[np.floating]) -> NDArray[np.float64]:
        return history_weights(values, scale=self._scale, log_mean=self._log_mean, typical=self._typical)

    def _usual_value(self) -> float:
        """The typical value of an artifact that tells none: the mean rating, or the count of mean weight."""
        if self._scale is None:
            return float(np.expm1(self._log_mean))
        return self.stars.mean if self.stars is not None else self._scale[1]

    def _make_stars(self, artifact: Artifact) -> Stars | None:
        if not artifact.weights.has_stars or artifact.scale is None:
            return None
        regularisation = (
            self._hyperparameter("c_vector") * star_width(artifact.scale),
            self._hyperparameter("c_bias"),
            self._hyperparameter("shrinkage"),
        )
        return Stars(artifact.weights, scale=artifact.scale, regularisation=regularisation)

    def _hyperparameter(self, name: str) -> float:
        value: Any = self._hyperparameters.get(name, 0.0)
        return float(value)


_UNKNOWN: Final = UserVector(vector=np.zeros(0, np.float32), seen=_NO_ROWS)


def _with_cold_starts(
    rows: Rows, lengths: NDArray[np.int64], known: NDArray[np.bool_], popular: Rows
) -> tuple[Rows, NDArray[np.int64]]:
    """Rows and lengths of the known users with the popular items in the places of the others."""
    all_lengths = np.full(len(known), len(popular))
    all_lengths[known] = lengths
    of_known = known.repeat(all_lengths)
    all_rows = np.empty(len(of_known), np.int32)
    all_rows[of_known] = rows
    all_rows[~of_known] = np.tile(popular, int((~known).sum()))
    return all_rows, all_lengths


def _union(seen: Rows, exclude: tuple[int, ...]) -> Rows:
    return np.union1d(seen, np.array(exclude, np.int32)).astype(np.int32) if exclude else seen


def _largest(contributions: NDArray[np.float64], rows: Rows, n: int) -> list[tuple[int, float]]:
    """The `n` largest positive contributions: row and share of all positive ones."""
    positive = np.maximum(contributions, 0.0)
    total = float(positive.sum())
    best = np.argsort(-positive, kind="stable")[:n]
    return [(int(rows[place]), round(float(positive[place]) / total, 4)) for place in best if positive[place] > 0]
