"""Synthetic ratings generator with the shape of MovieLens 100k, so that no download is needed.

Users and films have biases; tastes are low-rank and correlate with genres; popularity has a long tail; users rate
what is popular and what suits their taste, with noise. The amplitudes are tuned to MovieLens 100k: an RMSE of about
0.94 for biases only and about 0.91 for a good factor model, and lists of ten in which a factor model has about twice
the NDCG of popularity. The films are the same for every seed, which decides who watches and rates what.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.special import log_ndtr

from model_service.catalogue import Item
from model_service.data.id_column import IdColumn
from model_service.data.ratings import DataError, Ratings
from model_service.data.titles import invent_titles

_GENRES = (
    "Action Adventure Animation Comedy Crime Documentary Drama Fantasy Horror Musical Mystery Romance Sci-Fi "
    "Thriller War Western"
)
_GENRE_COUNT = _GENRES.count(" ") + 1
_TASTES = 8  # rank of the low-rank structure
_MIN_RATINGS_PER_USER = 20  # as in MovieLens 100k
_MEAN, _MAX_DEVIATION = 3.2, 1.75  # in stars; noise-free ratings stay within `_MAX_DEVIATION` of the mean
_USER_BIAS, _ITEM_BIAS, _TASTE, _NOISE = 0.5, 0.52, 0.83, 0.84  # in stars; standard deviations
_ATTRACTION = 1.2  # weight of the taste in what users watch; the popularity varies by 1.4
_LIKED_FROM = 3.5  # stars before rounding: 4 of 5
_CATALOGUE_SEED = 1998
_BLOCK = 256  # users at a time


@dataclass(frozen=True, kw_only=True)
class Shape:
    """Numbers of users, films and ratings to generate; raises DataError for an impossible combination."""

    users: int = 943
    items: int = 1682
    ratings: int = 100_000

    def __post_init__(self) -> None:
        minimum = max(self.users * min(_MIN_RATINGS_PER_USER, self.items), self.items)
        maximum = self.users * self.items // 2
        if self.users < 1 or self.items < 2 or not minimum <= self.ratings <= maximum:
            raise DataError(
                f"{self.ratings} ratings of {self.items} films by {self.users} users cannot be generated; "
                f"allowed for these users and films: {minimum} to {maximum} ratings"
            )


def generate_ratings(*, seed: int = 0, shape: Shape | None = None) -> Ratings:
    """Exactly `shape.ratings` synthetic ratings from 1 to 5, one per pair; deterministic for a seed and a shape."""
    shape = shape or Shape()
    films = np.random.default_rng(_CATALOGUE_SEED)
    genres = _genres(shape.items, films)  # (I, genres) 0/1
    item_taste = _unit(genres @ films.normal(size=(_GENRE_COUNT, _TASTES))) + 0.6 * _unit(
        films.normal(size=(shape.items, _TASTES))
    )
    item_taste /= item_taste.std()
    quality = films.normal(size=shape.items)
    popularity = 1.3 * films.normal(size=shape.items) + 0.5 * quality
    catalogue = _catalogue(genres, films)
    generator = np.random.default_rng(seed)
    user_taste = generator.normal(size=(shape.users, _TASTES)) / np.sqrt(_TASTES)
    counts = _counts(shape, generator)
    first_rater = generator.integers(shape.users, size=shape.items)  # guarantees each film a rating
    rated: list[NDArray[np.int64]] = []
    for start in range(0, shape.users, _BLOCK):
        users = np.arange(start, min(start + _BLOCK, shape.users))
        attraction = popularity + _ATTRACTION * user_taste[users] @ item_taste.T
        attraction += generator.gumbel(size=attraction.shape)  # Gumbel top-k trick: sampling without replacement
        attraction[first_rater == users[:, None]] = np.inf
        order = np.argsort(-attraction, axis=1)
        rated += [np.sort(order[i, : counts[user]]) for i, user in enumerate(users)]
    user_rows = np.repeat(np.arange(shape.users), [len(items) for items in rated])
    item_rows = np.concatenate(rated)
    user_bias = generator.normal(size=shape.users)
    affinity = (
        _USER_BIAS * user_bias[user_rows]
        + _ITEM_BIAS * quality[item_rows]
        + _TASTE * np.einsum("nk,nk->n", user_taste[user_rows], item_taste[item_rows])
    )
    stars = _MEAN + _MAX_DEVIATION * np.tanh(affinity / _MAX_DEVIATION) + _NOISE * generator.normal(size=len(user_rows))

    def oracle(users: NDArray[np.int64]) -> NDArray[np.float64]:
        """(B, I) the logarithm of the chance that a user of rows (B,) watches an item, and likes it."""
        taste = user_taste[users] @ item_taste.T
        liking = _USER_BIAS * user_bias[users, None] + _ITEM_BIAS * quality + _TASTE * taste
        expected = _MEAN + _MAX_DEVIATION * np.tanh(liking / _MAX_DEVIATION)
        return np.asarray(popularity + _ATTRACTION * taste + log_ndtr((expected - _LIKED_FROM) / _NOISE))

    return Ratings(
        users=IdColumn.of(user_rows + 1),
        items=IdColumn.of(item_rows + 1),
        values=np.clip(np.rint(stars), 1, 5).astype(np.float32),
        catalogue=catalogue,
        scale=(1.0, 5.0),
        source=f"synthetic (seed {seed})",
        oracle=oracle,
    )


def _counts(shape: Shape, generator: np.random.Generator) -> NDArray[np.int64]:
    """(U,) ratings per user: at least 20, log-normally distributed, `shape.ratings` in total."""
    minimum = min(_MIN_RATINGS_PER_USER, shape.items)
    maximum = max(minimum, int(0.45 * shape.items), -(-shape.ratings // shape.users))
    share = generator.lognormal(sigma=1.0, size=shape.users)
    counts = np.full(shape.users, minimum, dtype=np.int64)
    while (missing := shape.ratings - int(counts.sum())) > 0:
        open_share = np.where(counts < maximum, share, 0.0)
        extra = generator.multinomial(missing, open_share / open_share.sum())
        counts = np.minimum(counts + extra, maximum)
    return counts


def _genres(items: int, generator: np.random.Generator) -> NDArray[np.float64]:
    """(I, genres) 0/1: one to three genres per film."""
    taken = generator.integers(1, 4, size=items)
    order = np.argsort(generator.random((items, _GENRE_COUNT)), axis=1)
    ranks = np.argsort(order, axis=1)
    return np.asarray(ranks < taken[:, None], dtype=np.float64)


def _unit(rows: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.asarray(rows / np.linalg.norm(rows, axis=1, keepdims=True))


def _catalogue(genres: NDArray[np.float64], generator: np.random.Generator) -> tuple[Item, ...]:
    years = 1998 - np.minimum(generator.exponential(12.0, size=len(genres)).astype(int), 76)
    names = _GENRES.split()
    titles = invent_titles(len(genres), generator)
    return tuple(
        Item(
            id=str(row + 1),
            title=f"{titles[row]} ({years[row]})",
            genres=tuple(names[g] for g in np.flatnonzero(genres[row])),
            year=int(years[row]),
        )
        for row in range(len(genres))
    )
