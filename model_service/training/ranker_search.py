"""Chooses the ranker and its settings by validation NDCG: a search along one setting after the other, per ranker."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from model_service.data.ratings import Ratings
from model_service.training.bootstrap import mean_interval
from model_service.training.interactions import Interactions
from model_service.training.rankers import RankingModel, load_ranker, ranker_names
from model_service.training.ranking import RankingTask
from model_service.training.sparse import groups
from model_service.training.split import Split

POPULARITY = "popularity"
_STANDARD_ERRORS = 1.645  # 95 %, one-sided
TREND_WEIGHTS = (0.03, 0.1, 0.3, 1.0)
FOLD_IN_PRIORS = (1.0, 3.0, 10.0, 30.0, 100.0)
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
    """Try the rankers, or one of them, with a progress bar; the best wins if it beats popularity by more than chance.

    Raises ValueError when the one `ranker` does not suit the data.
    """
    folds = [_Fold.of(ratings, *split.folds(1)[0], seed=seed)]
    count = min(_MAX_FOLDS, -(-_MIN_EVALUATED // max(1, len(folds[0].task.users))))
    folds += [_Fold.of(ratings, *positions, seed=seed) for positions in split.folds(count)[1:]]
    found: list[_Measured] = []
    with tqdm(desc=f"choosing a ranker ({split.name} split)", unit=" fits", mininterval=1.0) as bar:
        search = _Search(folds, seed, bar)
        plain = search.measure(POPULARITY, {"half_life_days": None})
        popular = search.improve(POPULARITY, {}, ())
        assert popular is not None  # noqa: S101 suits any data
        popular = popular if popular.beats(plain) else plain
        for name in [ranker] if ranker else ranker_names():
            best: _Measured | None = popular
            if name != POPULARITY:
                best = search.improve(name, popular.candidate.settings, TREND_WEIGHTS)
            if best is not None:
                bar.set_postfix_str(f"{name} {best.candidate.ndcg:.4f}")
                found.append(best)
    if not found:
        raise ValueError(f"ranker {ranker} is not suited to this data: too many or too few users or films")
    found.sort(key=lambda measured: -measured.candidate.ndcg)
    if ranker is None and not found[0].beats(plain):
        found.sort(key=lambda measured: measured is not popular)
    return Choice(best=[measured.candidate for measured in found], tried=search.tried)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Measured:
    """A candidate, and its NDCG for each user of each fold."""

    candidate: Candidate
    values: NDArray[np.float64]

    def beats(self, other: "_Measured") -> bool:
        """Whether the mean is higher by more than chance: _STANDARD_ERRORS of the mean of the paired differences."""
        differences = self.values - other.values
        if len(differences) < 2:
            return False
        error = float(differences.std(ddof=1)) / len(differences) ** 0.5
        return bool(differences.mean() > _STANDARD_ERRORS * error)


class _Search:
    """Measures candidates on all folds."""

    def __init__(self, folds: "Sequence[_Fold]", seed: int, bar: "tqdm[NoReturn]") -> None:
        self._folds, self._seed, self._bar = folds, seed, bar
        self._fitted: tuple[Candidate, list[RankingModel]] | None = None
        self.tried = 0

    def improve(self, name: str, popularity: Mapping[str, Any], trend_weights: Sequence[float]) -> _Measured | None:
        """The best settings of a ranker, one setting after the other, then the weight of the trend; None: not suited.

        popularity: the settings of the best popularity ranker.
        """
        space = load_ranker(name).search_space(self._folds[0].data)
        if space is None:
            return None
        settings, axes = space
        found = self.measure(name, settings)
        for setting, values in axes:
            for value in values:
                other = self.measure(name, {**found.candidate.settings, setting: value})
                found = other if other.candidate.ndcg > found.candidate.ndcg else found
        for weight in trend_weights:
            trend = {"trend_weight": weight, "trend_half_life_days": popularity["half_life_days"]}
            other = self.measure(name, {**found.candidate.settings, **trend})
            found = other if other.candidate.ndcg > found.candidate.ndcg else found
        return found

    def measure(self, name: str, settings: Mapping[str, Any]) -> _Measured:
        """Fit on each fold, and measure the NDCG."""
        candidate = Candidate(ranker=name, settings=dict(settings), ndcg=0.0)
        values = np.concatenate(
            [
                fold.task.evaluate(partial(_with_trend(model, fold.data, settings).scores, fold.data)).ndcg
                for model, fold in zip(self._models(candidate), self._folds, strict=True)
            ]
        )
        self.tried += 1
        self._bar.update()
        mean = round(float(values.mean()), 5) if len(values) else 0.0
        return _Measured(candidate=replace(candidate, ndcg=mean), values=values)

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


class NewUsers:
    """Users whom a model never saw, and the tasks of finding the rest of what they liked from a few known films.

    A tenth of the users, more where there are few, are left out of the training; the hits are all their other liked
    films.
    """

    def __init__(self, candidate: Candidate, ratings: Ratings, positions: NDArray[np.int64], *, seed: int) -> None:
        """Train the candidate on the ratings at `positions` without those of the new users."""
        data = Interactions.of(ratings, positions)
        lengths = np.diff(data.matrix.indptr)
        users = np.flatnonzero(lengths > 1)
        generator = np.random.default_rng(seed)
        count = min(_MAX_NEW_USERS, max(len(users) // 10, min(_MIN_NEW_USERS, len(users) // 3)))
        new = np.sort(generator.permutation(users)[:count])
        self._tasks: list[tuple[int, RankingTask, Any]] = []
        if not len(new):
            return
        is_new = np.isin(ratings.user_rows[positions], new)
        rest = Interactions.of(ratings, positions[~is_new])
        rest = replace(rest, liked_ages=None)  # the hits are of any time: recent popularity would say nothing of them
        self._model = fit_ranker(candidate, rest, seed=seed)
        self._popularity = rest.popularity()
        of_new = positions[is_new]
        order = of_new[np.lexsort((generator.permutation(len(of_new)), ratings.user_rows[of_new]))]
        rows = ratings.user_rows[order]
        _, place = groups(rows)
        for known in KNOWN_FILMS:
            enough = lengths[rows] > known
            shown, hidden = order[enough & (place < known)], order[enough & (place >= known)]
            if len(hidden):
                task = RankingTask.of(ratings, train=shown, test=hidden, seed=seed)
                self._tasks.append((known, task, Interactions.of(ratings, shown).matrix[task.users]))

    def curve(self, prior: float) -> list[dict[str, Any]]:
        """NDCG@10 for each number of known films, beside popularity."""
        points = []
        for known, task, history in self._tasks:
            vectors = dict(zip(task.users.tolist(), self._model.fold_in(history, prior=prior), strict=True))
            found = task.evaluate(partial(_score_new, vectors, self._model))
            popular = task.evaluate(lambda users: np.broadcast_to(self._popularity, (len(users), task.items)))  # noqa: B023 used at once
            points.append(
                {
                    "known": known,
                    "users": len(task.users),
                    "ndcg": mean_interval(found.ndcg),
                    "popularity": mean_interval(popular.ndcg),
                }
            )
        return points


def choose_fold_in_prior(candidate: Candidate, ratings: Ratings, positions: NDArray[np.int64], *, seed: int) -> float:
    """The prior of new users with the best mean NDCG@10 over KNOWN_FILMS."""
    users = NewUsers(candidate, ratings, positions, seed=seed)
    curves = {
        prior: users.curve(prior) for prior in tqdm(FOLD_IN_PRIORS, desc="choosing the prior of new users", unit="")
    }
    return max(FOLD_IN_PRIORS, key=lambda prior: np.mean([point["ndcg"][0] for point in curves[prior]] or [0.0]))


def fold_in_curve(
    candidate: Candidate, ratings: Ratings, positions: NDArray[np.int64], *, prior: float, seed: int
) -> list[dict[str, Any]]:
    """The curve of `NewUsers` with a prior; another seed than that of `choose_fold_in_prior` leaves out other users."""
    return NewUsers(candidate, ratings, positions, seed=seed).curve(prior)


def _score_new(
    vectors: Mapping[int, NDArray[np.float32]], model: RankingModel, users: NDArray[np.int64]
) -> NDArray[np.float32]:
    return np.asarray(np.stack([vectors[user] for user in users.tolist()]) @ model.item_factors.T + model.item_bias)


@dataclass(frozen=True, kw_only=True, eq=False)
class _Fold:
    """What a candidate is trained on, and the task that it is measured with."""

    data: Interactions
    task: RankingTask

    @classmethod
    def of(cls, ratings: Ratings, train: NDArray[np.int64], validation: NDArray[np.int64], *, seed: int) -> "_Fold":
        task = RankingTask.of(ratings, train=train, test=validation, seed=seed)
        return cls(data=Interactions.of(ratings, train), task=task)
