"""Metrics of top-10 lists out of all items that a user has not watched; hits are the liked test items.

An item that the user never rated counts as not relevant, so the figures favour popularity.
Source: Said, Bellogín, "Comparative Recommender System Evaluation", RecSys 2014 (candidate strategies).
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from model_service.data.ratings import Ratings
from model_service.training.bootstrap import mean_interval
from model_service.training.interactions import is_liked, liked_from
from model_service.training.sparse import groups, user_item_matrix

K = 10
MAX_USERS = 10_000  # sample size; sampling error is below the interval
_BLOCK_SCORES = 1 << 23  # scores at a time
_DISCOUNTS = 1 / np.log2(np.arange(2, K + 2))
_IDEAL = np.cumsum(_DISCOUNTS)

Scorer = Callable[[NDArray[np.int64]], NDArray[np.floating]]  # (B,) user rows -> (B, I) scores, higher is better


@dataclass(frozen=True, kw_only=True, eq=False)
class Lists:
    """The lists of one scorer and their metrics by user (T,); lists (T, K): item rows, -1 where none was left."""

    ndcg: NDArray[np.float64]
    precision: NDArray[np.float64]
    recall: NDArray[np.float64]
    lists: NDArray[np.int64]

    def listed(self, items: int) -> NDArray[np.int64]:
        """(I,) the number of lists with each item."""
        counts: NDArray[np.int64] = np.bincount(self.lists[self.lists >= 0], minlength=items).astype(np.int64)
        return counts


@dataclass(frozen=True, kw_only=True, eq=False)
class RankingTask:
    """The evaluated users, what they watched in training, and their liked test items."""

    users: NDArray[np.int64]  # (T,) rows of users with a training rating and a liked test item
    history: Any  # (T, I) CSR, training ratings
    relevant: Any  # (T, I) CSR, liked test items
    counts: NDArray[np.int64]  # (I,) training ratings of each item
    raters: int  # users with a training rating

    @classmethod
    def of(cls, ratings: Ratings, *, train: NDArray[np.int64], test: NDArray[np.int64], seed: int) -> "RankingTask":
        """The task for a split; a random sample of MAX_USERS users where there are more."""
        liked = test[is_liked(ratings, test)]
        history, relevant = user_item_matrix(ratings, train), user_item_matrix(ratings, liked)
        known = np.diff(history.indptr) > 0
        users = np.flatnonzero((np.diff(relevant.indptr) > 0) & known)
        if len(users) > MAX_USERS:
            users = np.sort(np.random.default_rng(seed).choice(users, MAX_USERS, replace=False))
        return cls(
            users=users,
            history=history[users],
            relevant=relevant[users],
            counts=np.bincount(ratings.item_rows[train], minlength=len(ratings.item_ids)),
            raters=int(known.sum()),
        )

    @property
    def items(self) -> int:
        """The number of items."""
        return len(self.counts)

    def evaluate(self, scorer: Scorer) -> Lists:
        """The lists by `scorer`."""
        step = max(1, _BLOCK_SCORES // self.items)
        width = min(K, self.items)
        lists = np.full((len(self.users), K), -1, np.int64)
        hits = np.zeros((len(self.users), K))
        for start in range(0, len(self.users), step):
            part = slice(start, min(start + step, len(self.users)))
            scores = np.array(scorer(self.users[part]), np.float32)
            watched = self.history[part].tocoo()
            scores[watched.coords] = -np.inf
            best, rows = (tensor.numpy() for tensor in torch.topk(torch.from_numpy(scores), width, dim=1))
            lists[part, :width] = np.where(best > -np.inf, rows, -1)
            relevant = np.zeros(scores.shape, np.bool_)
            relevant[self.relevant[part].tocoo().coords] = True
            hits[part, :width] = np.take_along_axis(relevant, rows, axis=1) & (best > -np.inf)
        return Lists(
            ndcg=hits @ _DISCOUNTS / _IDEAL[np.minimum(self._relevant_counts, K) - 1],
            precision=hits.sum(axis=1) / K,
            recall=hits.sum(axis=1) / np.maximum(self._relevant_counts, 1),
            lists=lists,
        )

    def metrics(self, found: Lists) -> dict[str, Any]:
        """NDCG with its interval, precision, recall, and how varied the lists are.

        coverage: share of the items on any list. novelty: mean of -log2 of the share of users who rated a listed item,
        in bits. gini: inequality of the items' numbers of lists, 0 (all alike) to 1.
        """
        listed = found.listed(self.items)
        shares = np.maximum(self.counts, 1) / max(self.raters, 1)
        novelty = float(-np.log2(shares) @ listed / max(listed.sum(), 1))
        return {
            "ndcg": mean_interval(found.ndcg),
            "precision": _mean(found.precision),
            "recall": _mean(found.recall),
            "coverage": round(float(np.mean(listed > 0)), 5),
            "novelty": round(novelty, 5),
            "gini": round(_gini(listed), 5),
        }

    def by_activity(self, found: Lists, other: Lists) -> list[dict[str, Any]]:
        """NDCG of both for thirds of the users by the number of their training ratings."""
        lengths = np.diff(self.history.indptr)
        groups = [group for group in np.array_split(np.argsort(lengths, kind="stable"), 3) if len(group)]
        return [
            {
                "users": len(group),
                "ratings": [int(lengths[group].min()), int(lengths[group].max())],
                "ndcg": mean_interval(found.ndcg[group]),
                "popularity": mean_interval(other.ndcg[group]),
            }
            for group in groups
        ]

    @cached_property
    def _relevant_counts(self) -> NDArray[np.int64]:
        lengths: NDArray[np.int64] = np.diff(self.relevant.indptr).astype(np.int64)
        return lengths


def random_scores(items: int, seed: int) -> Scorer:
    """Baseline: uniformly random items."""
    generator = np.random.default_rng(seed)
    return lambda users: generator.random((len(users), items))


def held_out_ndcg(ratings: Ratings, positions: NDArray[np.int64], predicted: NDArray[np.floating]) -> float | None:
    """Mean NDCG@10 of each user's test items, ordered by the predicted ratings; hits are the liked ones.

    predicted (N,): for the ratings at `positions` (N,). 0 where nobody has a liked test item, None where every item
    counts as liked: then any order is the best.
    """
    if liked_from(ratings) is None:
        return None
    users, liked = ratings.user_rows[positions], is_liked(ratings, positions)
    order = np.lexsort((ratings.item_rows[positions], -predicted, users))
    users, liked = users[order], liked[order]
    starts, place = groups(users)
    gains = np.where(liked & (place < K), _DISCOUNTS[np.minimum(place, K - 1)], 0.0)
    totals, relevant = np.add.reduceat(gains, starts), np.add.reduceat(liked.astype(np.int64), starts)
    counted = relevant > 0
    return (
        round(float(np.mean(totals[counted] / _IDEAL[np.minimum(relevant[counted], K) - 1])), 5)
        if counted.any()
        else 0.0
    )


def _gini(counts: NDArray[np.integer]) -> float:
    total = int(counts.sum())
    if not total:
        return 0.0
    ranks = np.arange(1, len(counts) + 1)
    return float((2 * ranks - len(counts) - 1) @ np.sort(counts) / (len(counts) * total))


def _mean(values: NDArray[np.float64]) -> float:
    return round(float(values.mean()), 5) if len(values) else 0.0
