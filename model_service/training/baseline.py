"""What the model has to be better than: scikit-surprise's SVD and its biases, on the same split."""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray
from surprise import SVD, AlgoBase, BaselineOnly, Dataset, Reader

from model_service.data.ratings import Ratings
from model_service.training.evaluate import errors

MOST_RATINGS = 2_000_000  # Surprise keeps every rating as Python objects, about 300 bytes each


class _Frame:
    """The one method of a data frame that Surprise calls."""

    def __init__(self, ratings: Ratings, chosen: NDArray[np.int64]) -> None:
        columns = (ratings.user_rows[chosen], ratings.item_rows[chosen], ratings.values[chosen])
        self._columns = tuple(column.tolist() for column in columns)

    def itertuples(self, index: bool) -> Iterator[tuple[int, int, float]]:
        return zip(*self._columns, strict=True)


def baseline_metrics(
    ratings: Ratings, *, train: NDArray[np.int64], test: NDArray[np.int64], factors: int, seed: int
) -> dict[str, dict[str, float]]:
    """Test errors of Surprise's SVD at its defaults with k factors, and of biases only.

    Empty above MOST_RATINGS ratings, which Surprise cannot hold in the memory of a usual machine.
    """
    if len(ratings) > MOST_RATINGS:
        return {}
    reader = Reader(rating_scale=ratings.scale)
    trainset = Dataset.load_from_df(_Frame(ratings, train), reader).build_full_trainset()
    algorithms = {
        "surprise_svd": SVD(n_factors=factors, random_state=seed),
        "biases_only": BaselineOnly(verbose=False),
    }
    return {name: _measure(algorithm.fit(trainset), ratings, test) for name, algorithm in algorithms.items()}


def _measure(algorithm: AlgoBase, ratings: Ratings, test: NDArray[np.int64]) -> dict[str, float]:
    pairs = zip(ratings.user_rows[test].tolist(), ratings.item_rows[test].tolist(), strict=True)
    predicted = np.array([algorithm.predict(user, item).est for user, item in pairs])
    return errors(predicted, ratings.values[test])
