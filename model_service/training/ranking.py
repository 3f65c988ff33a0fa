"""Ranking metrics of top-10 lists: precision, recall, NDCG and catalogue coverage, for two candidate strategies.

`held_out` ranks only the user's test items, whose ratings are known: what a rating model learns. `unseen` ranks all
items without a training rating of the user; there an item that the user never rated counts as not relevant, which
favours popularity.
Source: Said, Bellogín, "Comparative Recommender System Evaluation", RecSys 2014 (candidate strategies).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model_service.data.ratings import Ratings
from model_service.training.sparse import user_item_matrix

K = 10
MAX_USERS = 2000  # sample size; sampling error is below the reported digits
_BLOCK = 256  # users scored at a time
_DISCOUNTS = 1 / np.log2(np.arange(2, K + 2))

Scorer = Callable[[NDArray[np.int64]], NDArray[np.floating]]  # (B,) user rows -> (B, I) scores, higher is better


@dataclass(frozen=True, kw_only=True)
class RankingResult:
    """Metrics of one scorer's lists.

    metrics: precision, recall and ndcg for each strategy; coverage, the share of items on any `unseen` list.
    listed: (I,) number of `unseen` lists with each item.
    """

    metrics: dict[str, dict[str, float]]
    listed: NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class RankingTask:
    """The evaluated users, their training items, their test items, and which of those are relevant."""

    users: NDArray[np.int64]  # (T,) rows of users with at least one relevant test item
    items: int
    seen: tuple[NDArray[np.int32], ...]  # T times item rows with a training rating
    held_out: tuple[NDArray[np.int32], ...]  # T times item rows with a test rating
    relevant: tuple[NDArray[np.bool_], ...]  # T times, for each of `held_out`

    @classmethod
    def of(cls, ratings: Ratings, *, train: NDArray[np.int64], test: NDArray[np.int64], seed: int) -> "RankingTask":
        """The task for a split; items rated at least `relevance_threshold` are relevant."""
        learned, tested = user_item_matrix(ratings, train), user_item_matrix(ratings, test)
        relevant = tested.data >= relevance_threshold(ratings.scale)
        users = np.flatnonzero(np.diff(np.concatenate(([0], np.cumsum(relevant)))[tested.indptr]))
        if len(users) > MAX_USERS:
            users = np.sort(np.random.default_rng(seed).choice(users, MAX_USERS, replace=False))
        spans = [slice(tested.indptr[user], tested.indptr[user + 1]) for user in users]
        return cls(
            users=users,
            items=len(ratings.item_ids),
            seen=tuple(learned.indices[learned.indptr[user] : learned.indptr[user + 1]] for user in users),
            held_out=tuple(tested.indices[span] for span in spans),
            relevant=tuple(relevant[span] for span in spans),
        )

    def evaluate(self, scorer: Scorer) -> RankingResult:
        """Metrics of the lists by `scorer`; ties are broken by row."""
        listed = np.zeros(self.items, dtype=np.int64)
        sums = {"held_out": np.zeros(3), "unseen": np.zeros(3)}
        for start in range(0, len(self.users), _BLOCK):
            scores = scorer(self.users[start : start + _BLOCK])
            for row, place in enumerate(range(start, start + len(scores))):
                own, candidates = scores[row], self.held_out[place]
                relevant = candidates[self.relevant[place]]
                sums["held_out"] += _list_metrics(candidates[top_k(own[candidates])], relevant)
                unseen = own.astype(np.float64)
                unseen[self.seen[place]] = -np.inf
                best = top_k(unseen)
                best = best[unseen[best] > -np.inf]
                sums["unseen"] += _list_metrics(best, relevant)
                listed[best] += 1
        metrics = {strategy: _named(total / max(len(self.users), 1)) for strategy, total in sums.items()}
        metrics["unseen"]["coverage"] = round(float(np.mean(listed > 0)), 5)
        return RankingResult(metrics=metrics, listed=listed)


def relevance_threshold(scale: tuple[float, float]) -> float:
    """The lowest rating of a relevant item: three quarters up the scale, 4 of 5 stars."""
    low, high = scale
    return float(np.ceil(low + 0.75 * (high - low)))


def popularity(ratings: Ratings, train: NDArray[np.int64]) -> Scorer:
    """Baseline: the most rated items for every user."""
    counts = np.bincount(ratings.item_rows[train], minlength=len(ratings.item_ids)).astype(np.float64)
    return lambda users: np.broadcast_to(counts, (len(users), len(counts)))


def random_scores(items: int, seed: int) -> Scorer:
    """Baseline: uniformly random items."""
    generator = np.random.default_rng(seed)
    return lambda users: generator.random((len(users), items))


def evaluate_all(task: RankingTask, scorers: Mapping[str, Scorer]) -> dict[str, RankingResult]:
    """Every scorer on the same task."""
    return {name: task.evaluate(scorer) for name, scorer in scorers.items()}


def top_k(scores: NDArray[np.floating]) -> NDArray[np.intp]:
    """Positions of the K highest scores in descending order, ties by position."""
    if len(scores) > K:
        threshold = np.partition(scores, len(scores) - K)[len(scores) - K]
        candidates = np.flatnonzero(scores >= threshold)
    else:
        candidates = np.arange(len(scores))
    return candidates[np.argsort(-scores[candidates], kind="stable")[:K]]


def _list_metrics(listed: NDArray[np.integer], relevant: NDArray[np.integer]) -> NDArray[np.float64]:
    """(3,) precision, recall and NDCG of a list, given at least one relevant item."""
    hits = np.isin(listed, relevant)
    ideal = _DISCOUNTS[: min(len(relevant), K)].sum()
    return np.array([hits.sum() / K, hits.sum() / len(relevant), _DISCOUNTS[: len(hits)][hits].sum() / ideal])


def _named(means: NDArray[np.float64]) -> dict[str, float]:
    return dict(zip(("precision", "recall", "ndcg"), means.round(5).tolist(), strict=True))
