"""Baselines: scikit-surprise's SVD with default and with tuned hyperparameters, and biases only."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray
from surprise import SVD, AlgoBase, BaselineOnly, Dataset, Reader, Trainset
from tqdm import tqdm

from model_service.data.ratings import Ratings
from model_service.training.factors import Factors
from model_service.training.metrics import rmse
from model_service.training.split import Split

MAX_RATINGS = 2_000_000  # Surprise stores ratings as Python objects, about 300 bytes each
MAX_TUNED_RATINGS = 300_000  # above, tuning takes longer than the rest of the training
_SVD_GRID: tuple[Mapping[str, Any], ...] = (
    {"n_factors": 10, "n_epochs": 80, "lr_all": 0.01, "reg_all": 0.1},
    {"n_factors": 10, "n_epochs": 80, "lr_all": 0.01, "reg_all": 0.12},
    {"n_factors": 20, "n_epochs": 60, "lr_all": 0.01, "reg_all": 0.12},
    {"n_factors": 50, "n_epochs": 40, "lr_all": 0.01, "reg_all": 0.1},
)


@dataclass(frozen=True, kw_only=True)
class Baselines:
    """Models by name, trained without the test ratings, and the hyperparameters of the tuned SVD."""

    models: Mapping[str, Factors]
    tuned: Mapping[str, Any] | None


class _Frame:
    """The only method of a data frame that Surprise calls."""

    def __init__(self, ratings: Ratings, positions: NDArray[np.int64]) -> None:
        columns = (ratings.user_rows[positions], ratings.item_rows[positions], ratings.values[positions])
        self._columns = tuple(column.tolist() for column in columns)

    def itertuples(self, index: bool) -> Iterator[tuple[int, int, float]]:
        return zip(*self._columns, strict=True)


def trainset_of(ratings: Ratings, positions: NDArray[np.int64]) -> Trainset:
    """The ratings at `positions` for Surprise, with rows as ids."""
    reader = Reader(rating_scale=ratings.scale)
    return Dataset.load_from_df(_Frame(ratings, positions), reader).build_full_trainset()


def train_baselines(ratings: Ratings, split: Split, *, seed: int) -> Baselines:
    """Train Surprise's SVD with its defaults, the tuned one, and biases only.

    Returns no baseline above MAX_RATINGS ratings, no tuned SVD above MAX_TUNED_RATINGS.
    """
    if len(ratings) > MAX_RATINGS:
        return Baselines(models={}, tuned=None)
    trainset = trainset_of(ratings, split.train_and_validation)
    algorithms = {"surprise_svd": SVD(random_state=seed), "biases_only": BaselineOnly(verbose=False)}
    tuned = tune_svd(ratings, split, seed=seed) if len(ratings) <= MAX_TUNED_RATINGS else None
    if tuned is not None:
        algorithms = {"surprise_svd_tuned": SVD(random_state=seed, **tuned), **algorithms}
    models = {name: to_factors(algorithm.fit(trainset), ratings) for name, algorithm in algorithms.items()}
    return Baselines(models=models, tuned=tuned)


def tune_svd(ratings: Ratings, split: Split, *, seed: int) -> Mapping[str, Any]:
    """The hyperparameters in _SVD_GRID with the lowest validation RMSE."""
    trainset = trainset_of(ratings, split.train)
    actual = ratings.values[split.validation]

    def error(settings: Mapping[str, Any]) -> float:
        model = to_factors(SVD(random_state=seed, **settings).fit(trainset), ratings)
        return rmse(model.predict(ratings, split.validation), actual)

    return min(tqdm(_SVD_GRID, desc="tuning Surprise's SVD", unit="setting"), key=error)


def to_factors(algorithm: AlgoBase, ratings: Ratings) -> Factors:
    """The arrays of a trained SVD or BaselineOnly, ordered by the rows of `ratings`."""
    trainset = algorithm.trainset
    users = np.array([trainset.to_raw_uid(inner) for inner in range(trainset.n_users)])
    items = np.array([trainset.to_raw_iid(inner) for inner in range(trainset.n_items)])
    width = getattr(algorithm, "n_factors", 0)
    return Factors(
        mean=float(trainset.global_mean),
        user_bias=_placed(algorithm.bu, users, len(ratings.user_ids)),
        item_bias=_placed(algorithm.bi, items, len(ratings.item_ids)),
        users=_placed(algorithm.pu if width else np.zeros((len(users), 0)), users, len(ratings.user_ids)),
        items=_placed(algorithm.qi if width else np.zeros((len(items), 0)), items, len(ratings.item_ids)),
    )


def _placed(values: NDArray[np.float64], rows: NDArray[np.int64], length: int) -> NDArray[np.float64]:
    placed = np.zeros((length, *values.shape[1:]))
    placed[rows] = values
    return placed
