"""Chooses the ranker and its settings by validation NDCG: a search along one setting after the other, per ranker."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from model_service.data.ratings import Ratings
from model_service.training.interactions import Interactions
from model_service.training.rankers import RankingModel, load_ranker, ranker_names
from model_service.training.ranking import RankingTask
from model_service.training.split import Split

POPULARITY = "popularity"
TREND_WEIGHTS = (0.03, 0.1, 0.3, 1.0)
FOLD_IN_PRIORS = (3.0, 10.0, 30.0)
KNOWN_FILMS = (1, 3, 5, 10, 20)
"""How many films new users are known by in the evaluation of the fold-in."""
_MIN_NEW_USERS, _MAX_NEW_USERS = 300, 1000
_MIN_EVALUATED, _MAX_FOLDS = 3000, 5  # users; with fewer, chance decides between rankers, so more folds are validated


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A ranker with settings, and its validation NDCG@10."""

    ranker: str
    settings: Mapping[str, Any]
    ndcg: float


@dataclass(frozen=True, kw_only=True)
class Choice:
    """What validation chose; `best` has the best candidate of each ranker, by decreasing NDCG."""

    best: Sequence[Candidate]
    tried: int

    @property
    def winner(self) -> Candidate:
        """The best of all."""
        return self.best[0]


def choose_ranker(ratings: Ratings, split: Split, *, ranker: str | None, seed: int) -> Choice:
    """Try the rankers, or one of them, with a progress bar; raises ValueError when that one does not suit the data."""
    folds = [_Fold.of(ratings, *split.folds(1)[0], seed=seed)]
    count = min(_MAX_FOLDS, -(-_MIN_EVALUATED // max(1, len(folds[0].task.users))))
    folds += [_Fold.of(ratings, *positions, seed=seed) for positions in split.folds(count)[1:]]
    best: list[Candidate] = []
    with tqdm(desc=f"choosing a ranker ({split.name} split)", unit=" fits", mininterval=1.0) as bar:
        search = _Search(folds, seed, bar)
        popular = search.improve(POPULARITY, {}, ())
        assert popular is not None  # noqa: S101 suits any data
        for name in [ranker] if ranker else ranker_names():
            found = popular if name == POPULARITY else search.improve(name, popular.settings, TREND_WEIGHTS)
            if found is not None:
                bar.set_postfix_str(f"{name} {found.ndcg:.4f}")
                best.append(found)
    if not best:
        raise ValueError(f"ranker {ranker} is not suited to this data: too many or too few users or films")
    best.sort(key=lambda candidate: (-candidate.ndcg, candidate.ranker != POPULARITY))
    return Choice(best=best, tried=search.tried)


class _Search:
    """Measures candidates on all folds."""

    def __init__(self, folds: "Sequence[_Fold]", seed: int, bar: "tqdm[NoReturn]") -> None:
        self._folds, self._seed, self._bar = folds, seed, bar
        self._fitted: tuple[Candidate, list[RankingModel]] | None = None
        self.tried = 0

    def improve(self, name: str, popularity: Mapping[str, Any], trend_weights: Sequence[float]) -> Candidate | None:
        """The best settings of a ranker, one setting after the other, then the weight of the trend; None: not suited.

        popularity: the settings of the best popularity ranker.
        """
        space = load_ranker(name).search_space(self._folds[0].data)
        if space is None:
            return None
        settings, axes = space
        found = self._measure(name, settings)
        for setting, values in axes:
            for value in values:
                other = self._measure(name, {**found.settings, setting: value})
                found = other if other.ndcg > found.ndcg else found
        for weight in trend_weights:
            trend = {"trend_weight": weight, "trend_half_life_days": popularity["half_life_days"]}
            other = self._measure(name, {**found.settings, **trend})
            found = other if other.ndcg > found.ndcg else found
        return found

    def _measure(self, name: str, settings: Mapping[str, Any]) -> Candidate:
        """The mean NDCG over the users of all folds."""
        candidate = Candidate(ranker=name, settings=dict(settings), ndcg=0.0)
        values = np.concatenate(
            [
                fold.task.evaluate(partial(_with_trend(model, fold.data, settings).scores, fold.data)).ndcg
                for model, fold in zip(self._models(candidate), self._folds, strict=True)
            ]
        )
        self.tried += 1
        self._bar.update()
        return replace(candidate, ndcg=round(float(values.mean()), 5) if len(values) else 0.0)

    def _models(self, candidate: Candidate) -> list[RankingModel]:
        """One model a fold; candidates that differ in the trend only share them."""
        base = replace(candidate, settings=_without_trend(candidate.settings))
        if self._fitted is None or self._fitted[0] != base:
            module = load_ranker(candidate.ranker)
            models = [module.fit(fold.data, base.settings, seed=self._seed) for fold in self._folds]
            self._fitted = base, models
        return self._fitted[1]


def fit_ranker(candidate: Candidate, data: Interactions, *, seed: int) -> RankingModel:
    """Train the candidate on `data`."""
    model: RankingModel = load_ranker(candidate.ranker).fit(data, _without_trend(candidate.settings), seed=seed)
    return _with_trend(model, data, candidate.settings)


def _without_trend(settings: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in settings.items() if not name.startswith("trend_")}


def _with_trend(model: RankingModel, data: Interactions, settings: Mapping[str, Any]) -> RankingModel:
    if "trend_weight" not in settings:
        return model
    weight, half_life = settings["trend_weight"], settings["trend_half_life_days"]
    return model.with_trend(data, weight=weight, half_life_days=half_life)


def _score_new(
    vectors: Mapping[int, NDArray[np.float32]], model: RankingModel, users: NDArray[np.int64]
) -> NDArray[np.float32]:
    return np.asarray(np.stack([vectors[user] for user in users.tolist()]) @ model.item_factors.T + model.item_bias)


def choose_fold_in_prior(candidate: Candidate, ratings: Ratings, positions: NDArray[np.int64], *, seed: int) -> float:
    """The prior of new users with the best mean NDCG@10 over KNOWN_FILMS."""
    curves = {p: fold_in_curve(candidate, ratings, positions, prior=p, seed=seed) for p in FOLD_IN_PRIORS}
    return max(FOLD_IN_PRIORS, key=lambda p: np.mean([point["ndcg"][0] for point in curves[p]] or [0.0]))


def fold_in_curve(
    candidate: Candidate, ratings: Ratings, positions: NDArray[np.int64], *, prior: float, seed: int
) -> list[dict[str, Any]]:
    """NDCG@10 for users whom the model never saw, known by so many of their films, beside popularity.

    A tenth of the users, more where there are few, are left out of the training; the hits are all their other liked
    films.
    """
    data = Interactions.of(ratings, positions)
    lengths = np.diff(data.matrix.indptr)
    users = np.flatnonzero(lengths > 1)
    generator = np.random.default_rng(seed)
    count = min(_MAX_NEW_USERS, max(len(users) // 10, min(_MIN_NEW_USERS, len(users) // 3)))
    new = np.sort(generator.permutation(users)[:count])
    if not len(new):
        return []
    rest = data.without_users(new)
    model = fit_ranker(candidate, rest, seed=seed)
    popularity = rest.popularity()
    ranks = generator.permutation(len(positions))
    points = []
    for known in KNOWN_FILMS:
        long_enough = new[lengths[new] > known]
        of_new = positions[np.isin(ratings.user_rows[positions], long_enough)]
        if not len(of_new):
            continue
        order = of_new[np.lexsort((ranks[: len(of_new)], ratings.user_rows[of_new]))]
        rows = ratings.user_rows[order]
        starts = np.flatnonzero(np.diff(rows, prepend=-1))
        place = np.arange(len(rows)) - np.repeat(starts, np.diff(np.append(starts, len(rows))))
        shown, hidden = order[place < known], order[place >= known]
        task = RankingTask.of(ratings, train=shown, test=hidden, seed=seed)
        history = Interactions.of(ratings, shown).matrix
        vectors = dict(zip(task.users.tolist(), model.fold_in(history[task.users], prior=prior), strict=True))
        found = task.evaluate(partial(_score_new, vectors, model))
        popular = task.evaluate(lambda users: np.broadcast_to(popularity, (len(users), len(popularity))))
        points.append(
            {
                "known": known,
                "users": len(task.users),
                "ndcg": task.metrics(found)["ndcg"],
                "popularity": task.metrics(popular)["ndcg"],
            }
        )
    return points


@dataclass(frozen=True, kw_only=True, eq=False)
class _Fold:
    """What a candidate is trained on, and the task that it is measured with."""

    data: Interactions
    task: RankingTask

    @classmethod
    def of(cls, ratings: Ratings, train: NDArray[np.int64], validation: NDArray[np.int64], *, seed: int) -> "_Fold":
        task = RankingTask.of(ratings, train=train, test=validation, seed=seed)
        return cls(data=Interactions.of(ratings, train), task=task)
