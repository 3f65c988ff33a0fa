"""Baselines for the stars: scikit-surprise's SVD with default and with tuned hyperparameters, and biases only."""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
from numpy.typing import NDArray
from surprise import SVD, AlgoBase, Dataset, Reader, Trainset
from tqdm import tqdm

from model_service.data.ratings import Ratings
from model_service.serving.ranking.stars import star_width
from model_service.training.factors import Factors
from model_service.training.metrics import rmse
from model_service.training.split import Split

MAX_RATINGS = 2_000_000  # Surprise stores ratings as Python objects, about 400 bytes each
MAX_TUNED_RATINGS = 300_000  # above, tuning takes longer than the rest of the training
_SVD_START: Mapping[str, Any] = {"n_factors": 10, "n_epochs": 80, "lr_all": 0.01, "reg_all": 0.1}
_SVD_AXES: tuple[tuple[str, tuple[float, ...]], ...] = (
    ("reg_all", (0.08, 0.12)),
    ("n_factors", (20, 50)),
    ("n_epochs", (40,)),
)
"""As many settings as `stars.search_space` tries."""
_BIAS_SWEEPS, _USER_DAMPING, _ITEM_DAMPING = 10, 15.0, 10.0  # the defaults of Surprise's BaselineOnly


@dataclass(frozen=True, kw_only=True)
class Baselines:
    """Models by name, trained without the test ratings, and the hyperparameters of the tuned SVD."""

    models: Mapping[str, Factors]
    tuned: Mapping[str, Any] | None


class _Frame:
    """The only method of a data frame that Surprise calls."""

    def __init__(self, ratings: Ratings, positions: NDArray[np.int64]) -> None:
        stars = ratings.values[positions] / np.float32(star_width(ratings.scale))
        columns = (ratings.user_rows[positions], ratings.item_rows[positions], stars)
        self._columns = tuple(column.tolist() for column in columns)

    def itertuples(self, index: bool) -> Iterator[tuple[int, int, float]]:
        return zip(*self._columns, strict=True)


def trainset_of(ratings: Ratings, positions: NDArray[np.int64]) -> Trainset:
    """The ratings at `positions` for Surprise, with rows as ids; in stars, for which its settings are made."""
    star = star_width(ratings.scale)
    low, high = ratings.scale or (0.0, float(ratings.values.max()))
    reader = Reader(rating_scale=(low / star, high / star))
    trainset = Dataset.load_from_df(_Frame(ratings, positions), reader).build_full_trainset()
    # Surprise's own method is a Python generator, which each epoch waits for: half of the time of a fit.
    trainset.all_ratings = partial(iter, list(trainset.all_ratings()))
    return trainset


def train_baselines(ratings: Ratings, split: Split, *, seed: int) -> Baselines:
    """Train Surprise's SVD with its defaults, the tuned one, and biases only.

    split: of ratings only, see `Split.rated`. Above MAX_RATINGS ratings only the last, above MAX_TUNED_RATINGS no tuned
    SVD.
    """
    count = len(ratings.given)
    biases = {"biases_only": fit_biases(ratings, split.train_and_validation)}
    if count > MAX_RATINGS:
        return Baselines(models=biases, tuned=None)
    trainset = trainset_of(ratings, split.train_and_validation)
    algorithms = {"surprise_svd": SVD(random_state=seed)}
    tuned = tune_svd(ratings, split, seed=seed) if count <= MAX_TUNED_RATINGS else None
    if tuned is not None:
        algorithms = {"surprise_svd_tuned": SVD(random_state=seed, **tuned), **algorithms}
    models = {name: to_factors(algorithm.fit(trainset), ratings) for name, algorithm in algorithms.items()}
    return Baselines(models={**models, **biases}, tuned=tuned)


def tune_svd(ratings: Ratings, split: Split, *, seed: int) -> Mapping[str, Any]:
    """The hyperparameters with the lowest validation RMSE, one after the other."""
    trainset = trainset_of(ratings, split.train)
    actual = ratings.values[split.validation]

    def error(settings: Mapping[str, Any]) -> float:
        model = to_factors(SVD(random_state=seed, **settings).fit(trainset), ratings)
        return rmse(model.predict(ratings, split.validation), actual)

    return descend(error, _SVD_START, _SVD_AXES, label="tuning Surprise's SVD")


def descend(
    error: Callable[[Mapping[str, Any]], float],
    start: Mapping[str, Any],
    axes: Sequence[tuple[str, Sequence[Any]]],
    *,
    label: str,
) -> Mapping[str, Any]:
    """The settings with the least error, searched along one setting after the other from `start`."""
    best = start
    with tqdm(total=1 + sum(len(values) for _, values in axes), desc=label, unit="setting") as bar:
        least = error(start)
        bar.update()
        for name, values in axes:
            base = best
            for value in values:
                found = error({**base, name: value})
                if found < least:
                    best, least = {**base, name: value}, found
                bar.update()
    return best


def fit_biases(ratings: Ratings, positions: NDArray[np.int64]) -> Factors:
    """μ + b_u + b_i alone, by alternating least squares with damping; for any number of ratings.

    Source: section 2.1 of Koren, "Factor in the Neighbors", ACM TKDD 4(1), 2010.
    """
    users, items = ratings.user_rows[positions], ratings.item_rows[positions]
    mean = float(ratings.values[positions].mean(dtype=np.float64))
    residuals = ratings.values[positions].astype(np.float64) - mean
    user_bias, item_bias = np.zeros(len(ratings.user_ids)), np.zeros(len(ratings.item_ids))
    user_weight = np.bincount(users, minlength=len(user_bias)) + _USER_DAMPING
    item_weight = np.bincount(items, minlength=len(item_bias)) + _ITEM_DAMPING
    for _ in range(_BIAS_SWEEPS):
        item_bias = np.bincount(items, residuals - user_bias[users], len(item_bias)) / item_weight
        user_bias = np.bincount(users, residuals - item_bias[items], len(user_bias)) / user_weight
    return Factors(
        mean=mean,
        user_bias=user_bias,
        item_bias=item_bias,
        users=np.zeros((len(user_bias), 0)),
        items=np.zeros((len(item_bias), 0)),
    )


def to_factors(algorithm: AlgoBase, ratings: Ratings) -> Factors:
    """The arrays of an SVD trained on a `trainset_of` the ratings, ordered by their rows, for their scale."""
    star = star_width(ratings.scale)
    trainset = algorithm.trainset
    users = np.array([trainset.to_raw_uid(inner) for inner in range(trainset.n_users)])
    items = np.array([trainset.to_raw_iid(inner) for inner in range(trainset.n_items)])
    return Factors(
        mean=star * float(trainset.global_mean),
        user_bias=star * _placed(algorithm.bu, users, len(ratings.user_ids)),
        item_bias=star * _placed(algorithm.bi, items, len(ratings.item_ids)),
        users=star * _placed(algorithm.pu, users, len(ratings.user_ids)),
        items=_placed(algorithm.qi, items, len(ratings.item_ids)),
    )


def _placed(values: NDArray[np.float64], rows: NDArray[np.int64], length: int) -> NDArray[np.float64]:
    placed = np.zeros((length, *values.shape[1:]))
    placed[rows] = values
    return placed
