"""Which ratings are learned from, which decide when to stop, and which are kept for the report."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model_service.data.ratings import DataError

TEST_SHARE = 0.1
VALIDATION_SHARE = 0.1  # of what the test ratings leave


@dataclass(frozen=True, kw_only=True)
class Split:
    """Positions in the ratings; the three parts are disjoint and together hold every rating once."""

    train: NDArray[np.int64]
    validation: NDArray[np.int64]
    test: NDArray[np.int64]

    @property
    def train_and_validation(self) -> NDArray[np.int64]:
        """What a model may learn from before it is measured on the test ratings."""
        return np.concatenate((self.train, self.validation))


def split_ratings(count: int, *, seed: int) -> Split:
    """A random split, 81 % to learn from, 9 % to validate and 10 % to test; raises DataError below 20 ratings."""
    if count < 20:
        raise DataError(f"{count} ratings are too few to split; at least 20 are needed")
    order = np.random.default_rng(seed).permutation(count)
    test = round(count * TEST_SHARE)
    validation = round((count - test) * VALIDATION_SHARE)
    return Split(test=order[:test], validation=order[test : test + validation], train=order[test + validation :])
