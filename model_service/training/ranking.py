"""How good the lists are: precision, recall and NDCG at 10, and how much of the catalogue they reach.

Two questions, because the answers differ. `held_out`: of the films whose ratings were held out from a user, are the
best-liked ones put first? That is what a model of ratings learns. `unseen`: of all films that the user has not rated,
are the held-out liked ones among the ten? There a film counts as a miss when the user never rated it, however much
he would like it, so popularity, which knows what people watch, is hard to beat.
Source: Said, Bellogín, "Comparative Recommender System Evaluation", RecSys 2014 (candidate strategies).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model_service.data.ratings import Ratings
from model_service.training.sparse import user_item_matrix

K = 10
MAX_USERS = 2000  # a sample of these is enough for the digits that are told
_BLOCK = 256  # users at a time
_DISCOUNTS = 1 / np.log2(np.arange(2, K + 2))

Scorer = Callable[[NDArray[np.int64]], NDArray[np.floating]]  # (B,) user rows -> (B, I) scores, more is better


@dataclass(frozen=True, kw_only=True)
class RankingResult:
    """What one contender's lists came to.

    metrics: precision, recall and ndcg for each strategy, and coverage, the share of the films on any `unseen` list.
    listed: (I,) on how many of the `unseen` lists each film is.
    """

    metrics: dict[str, dict[str, float]]
    listed: NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class RankingTask:
    """The users to make lists for, what they have seen, and what they relevant among the held-out ratings."""

    users: NDArray[np.int64]  # (T,) rows of users with at least one relevant film held out
    items: int
    seen: tuple[NDArray[np.int32], ...]  # T times item rows that were learned from
    held_out: tuple[NDArray[np.int32], ...]  # T times item rows
    relevant: tuple[NDArray[np.bool_], ...]  # T times, for each of `held_out`

    @classmethod
    def of(cls, ratings: Ratings, *, train: NDArray[np.int64], test: NDArray[np.int64], seed: int) -> "RankingTask":
        """The task that the ratings at positions `test` set; relevant is `relevance_threshold` and above."""
        learned, asked = user_item_matrix(ratings, train), user_item_matrix(ratings, test)
        relevant = asked.data >= relevance_threshold(ratings.scale)
        some = np.flatnonzero(np.diff(np.concatenate(([0], np.cumsum(relevant)))[asked.indptr]))
        if len(some) > MAX_USERS:
            some = np.sort(np.random.default_rng(seed).choice(some, MAX_USERS, replace=False))
        spans = [slice(asked.indptr[user], asked.indptr[user + 1]) for user in some]
        return cls(
            users=some,
            items=len(ratings.item_ids),
            seen=tuple(learned.indices[learned.indptr[user] : learned.indptr[user + 1]] for user in some),
            held_out=tuple(asked.indices[span] for span in spans),
            relevant=tuple(relevant[span] for span in spans),
        )

    def evaluate(self, scorer: Scorer) -> RankingResult:
        """The contender that `scorer` is; equal scores are ordered by row."""
        listed = np.zeros(self.items, dtype=np.int64)
        sums = {"held_out": np.zeros(3), "unseen": np.zeros(3)}
        for start in range(0, len(self.users), _BLOCK):
            scores = scorer(self.users[start : start + _BLOCK])
            for row, place in enumerate(range(start, start + len(scores))):
                own, candidates = scores[row], self.held_out[place]
                wanted = candidates[self.relevant[place]]
                sums["held_out"] += _list_metrics(candidates[top_k(own[candidates])], wanted)
                unseen = own.astype(np.float64)
                unseen[self.seen[place]] = -np.inf
                best = top_k(unseen)
                best = best[unseen[best] > -np.inf]
                sums["unseen"] += _list_metrics(best, wanted)
                listed[best] += 1
        metrics = {strategy: _named(total / max(len(self.users), 1)) for strategy, total in sums.items()}
        metrics["unseen"]["coverage"] = round(float(np.mean(listed > 0)), 5)
        return RankingResult(metrics=metrics, listed=listed)


def relevance_threshold(scale: tuple[float, float]) -> float:
    """The least rating that says a film was relevant: three quarters up the scale, 4 of 5 stars."""
    low, high = scale
    return float(np.ceil(low + 0.75 * (high - low)))


def popularity(ratings: Ratings, train: NDArray[np.int64]) -> Scorer:
    """Everybody gets the most rated films."""
    counts = np.bincount(ratings.item_rows[train], minlength=len(ratings.item_ids)).astype(np.float64)
    return lambda users: np.broadcast_to(counts, (len(users), len(counts)))


def random_scores(items: int, seed: int) -> Scorer:
    """Everybody gets films drawn at random."""
    generator = np.random.default_rng(seed)
    return lambda users: generator.random((len(users), items))


def evaluate_all(task: RankingTask, contenders: Mapping[str, Scorer]) -> dict[str, RankingResult]:
    """Every contender on the same task."""
    return {name: task.evaluate(scorer) for name, scorer in contenders.items()}


def top_k(scores: NDArray[np.floating]) -> NDArray[np.intp]:
    """Positions of the K greatest, greatest first, equal ones by position."""
    if len(scores) > K:
        threshold = np.partition(scores, len(scores) - K)[len(scores) - K]
        candidates = np.flatnonzero(scores >= threshold)
    else:
        candidates = np.arange(len(scores))
    return candidates[np.argsort(-scores[candidates], kind="stable")[:K]]


def _list_metrics(listed: NDArray[np.integer], wanted: NDArray[np.integer]) -> NDArray[np.float64]:
    """(3,) precision, recall and NDCG of a list against the films that are `wanted`, at least one."""
    hits = np.isin(listed, wanted)
    ideal = _DISCOUNTS[: min(len(wanted), K)].sum()
    return np.array([hits.sum() / K, hits.sum() / len(wanted), _DISCOUNTS[: len(hits)][hits].sum() / ideal])


def _named(means: NDArray[np.float64]) -> dict[str, float]:
    return dict(zip(("precision", "recall", "ndcg"), means.round(5).tolist(), strict=True))
