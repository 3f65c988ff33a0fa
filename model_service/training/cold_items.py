"""Vectors of items without a rating, by ridge regression from genres and year onto the vectors of the rated items."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from model_service.catalogue import Item

_RIDGE = 10.0
_MAX_WEIGHT = 50.0  # ratings; an item with more is not known any better


def predict_cold(
    targets: NDArray[np.floating], counts: NDArray[np.integer], rated: Sequence[Item], unrated: Sequence[Item]
) -> NDArray[np.float64]:
    """(C, t) predicted rows for the `unrated` items from the `targets` (R, t) of the `rated` ones.

    counts (R,): their ratings, which are the weights. The result is the weighted mean where neither genre nor year is
    known.
    """
    genres = sorted({genre for item in rated for genre in item.genres})
    years = np.array([item.year for item in rated if item.year is not None], np.float64)
    centre, spread = (float(years.mean()), float(years.std()) or 1.0) if len(years) else (0.0, 1.0)
    known, cold = (_features(items, genres, centre, spread) for items in (rated, unrated))
    weights = np.minimum(counts, _MAX_WEIGHT).astype(np.float64)
    total = weights.sum()
    mean_features, mean_targets = weights @ known / total, weights @ targets / total
    x, y = known - mean_features, targets - mean_targets
    system = (x * weights[:, None]).T @ x + _RIDGE * np.eye(x.shape[1])
    coefficients = np.linalg.solve(system, (x * weights[:, None]).T @ y)
    informative = np.array([bool(item.genres) or item.year is not None for item in unrated])
    return np.asarray(mean_targets + np.where(informative[:, None], cold - mean_features, 0.0) @ coefficients)


def _features(items: Sequence[Item], genres: Sequence[str], centre: float, spread: float) -> NDArray[np.float64]:
    """(m, genres + 2): 0/1 for each genre, the standardised year and its square; an unknown year is an average one."""
    column = {genre: number for number, genre in enumerate(genres)}
    features = np.zeros((len(items), len(genres) + 2))
    for row, item in enumerate(items):
        for genre in item.genres:
            if genre in column:
                features[row, column[genre]] = 1.0
        year = 0.0 if item.year is None else (item.year - centre) / spread
        features[row, -2:] = year, year**2
    return features
