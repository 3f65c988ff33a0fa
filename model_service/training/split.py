"""Splits of the ratings into training, validation and test sets: at random, or by time."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import numpy as np
from numpy.typing import NDArray

from model_service.data.ratings import DataError, Ratings

TEST_SHARE = 0.1
VALIDATION_SHARE = 0.1  # of the ratings that are not in the test set
SPLITS: Final[Mapping[str, str]] = {
    "random": "a random tenth of the ratings",
    "last": "the last tenth of each user's ratings",
    "cutoff": "all ratings of the last tenth of the time, for users known before",
}
"""The names of the splits, and what is in the test set."""


@dataclass(frozen=True, kw_only=True)
class Split:
    """Positions in the ratings: a partition into three sets. name: a key of SPLITS."""

    name: str
    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    test: NDArray[np.int64]

    def folds(self, count: int) -> "list[tuple[NDArray[np.int64], NDArray[np.int64]]]":
        """Positions to train on and to validate with, the split's own first; by time there is only that pair."""
        own = [(self.train, self.validation)]
        if self.name != "random":
            return own
        size = len(self.validation)
        others = range(0, min(len(self.train), size * (count - 1)) - size + 1, size)
        return own + [
            (np.concatenate((self.train[:at], self.train[at + size :], self.validation)), self.train[at : at + size])
            for at in others
        ]

    def rated(self, ratings: Ratings) -> "Split | None":
        """The part with ratings, of use for the stars; None where a set to train on or to test would be empty."""
        if ratings.is_rated.all():
            return self
        train, validation, test = (part[ratings.is_rated[part]] for part in (self.train, self.validation, self.test))
        if not len(train) or not len(test):
            return None
        return Split(name=self.name, train=train, validation=validation if len(validation) else test, test=test)

    @property
    def train_and_validation(self) -> NDArray[np.int64]:
        """Positions of all ratings that are not in the test set."""
        return np.concatenate((self.train, self.validation))


def available_splits(ratings: Ratings) -> list[str]:
    """The splits that suit the data, the one that decides first: by time where there are times.

    Where each user has a single rating there is nothing to split by time within users.

    Source: Meng et al., "Exploring Data Splitting Strategies for the Evaluation of Recommendation Models", RecSys 2020.
    """
    if ratings.times is None or len(ratings) == len(ratings.user_ids):
        return ["random"]
    return ["last", "random", "cutoff"]


def split_ratings(ratings: Ratings, *, name: str = "random", seed: int = 0) -> Split:
    """81 % training, 9 % validation, 10 % test, about; raises DataError below 20 ratings, and without needed times.

    The validation set is taken from the rest as the test set from all.
    """
    if len(ratings) < 20:
        raise DataError(f"{len(ratings)} ratings are too few to split; at least 20 are needed")
    if name != "random" and ratings.times is None:
        raise DataError(f"the split {name!r} needs times, and {ratings.source} has none; use --split random")
    everything = np.arange(len(ratings))
    if name == "random":
        order = np.random.default_rng(seed).permutation(len(ratings))
        rest, test = _cut(order[::-1], TEST_SHARE)
        train, validation = _cut(rest, VALIDATION_SHARE)
    else:
        take = _last_of_each_user if name == "last" else _last_of_all
        rest, test = take(ratings, everything)
        train, validation = take(ratings, rest)
    if not len(train) or not len(test):
        raise DataError(f"the split {name!r} leaves nothing to train on or to test; use --split random")
    return Split(name=name, train=train, validation=validation if len(validation) else test, test=test)


def _cut(order: NDArray[np.int64], share: float) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    count = len(order) - round(len(order) * share)
    return order[:count], order[count:]


def _last_of_all(ratings: Ratings, positions: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    assert ratings.times is not None  # noqa: S101 checked by the caller
    return _cut(positions[np.argsort(ratings.times[positions], kind="stable")], TEST_SHARE)


def _last_of_each_user(ratings: Ratings, positions: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """A tenth of each user's ratings, at least one of two; nothing of users with a single rating."""
    assert ratings.times is not None  # noqa: S101 checked by the caller
    order = positions[np.lexsort((ratings.times[positions], ratings.user_rows[positions]))]
    users = ratings.user_rows[order]
    ends = np.cumsum(np.bincount(users, minlength=len(ratings.user_ids)))
    counts = np.diff(np.concatenate(([0], ends)))
    taken = np.where(counts >= 2, np.maximum(1, np.round(counts * TEST_SHARE).astype(np.int64)), 0)
    last = np.arange(len(order)) >= (ends - taken)[users]
    return order[~last], order[last]
