"""Random split of the ratings into training, validation and test sets."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model_service.data.ratings import DataError

TEST_SHARE = 0.1
VALIDATION_SHARE = 0.1  # of the ratings that are not in the test set


@dataclass(frozen=True, kw_only=True)
class Split:
    """Positions in the ratings: a partition into three sets."""

    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    test: NDArray[np.int64]

    @property
    def train_and_validation(self) -> NDArray[np.int64]:
        """Positions of all ratings that are not in the test set."""
        return np.concatenate((self.train, self.validation))


def split_ratings(count: int, *, seed: int) -> Split:
    """A random split: 81 % training, 9 % validation, 10 % test; raises DataError below 20 ratings."""
    if count < 20:
        raise DataError(f"{count} ratings are too few to split; at least 20 are needed")
    order = np.random.default_rng(seed).permutation(count)
    test = round(count * TEST_SHARE)
    validation = round((count - test) * VALIDATION_SHARE)
    return Split(test=order[:test], validation=order[test : test + validation], train=order[test + validation :])
