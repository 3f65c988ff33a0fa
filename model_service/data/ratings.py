"""Training data: ratings and the catalogue of rated films, validated."""

import hashlib
from collections.abc import Callable
from dataclasses import InitVar, dataclass, field, replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model_service.catalogue import Item, encode_items
from model_service.data.id_column import IdColumn
from model_service.ids import Ids


class DataError(Exception):
    """The ratings are missing or invalid; the message names the file, what was wrong and what is expected."""


@dataclass(frozen=True, kw_only=True)
class Ratings:
    """N ratings or counts, at most one per user and film, and the catalogue.

    Raises DataError when a value is outside `scale` or a count is negative, a pair of user and film occurs twice or a
    rated film has no title.
    """

    users: IdColumn  # (N,)
    items: IdColumn  # (N,)
    values: NDArray[np.float32]  # (N,)
    catalogue: tuple[Item, ...]  # after construction: the rated films by increasing id
    scale: tuple[float, float] | None  # lowest and highest rating; None: the values are counts (plays, clicks, hours)
    source: str  # display name of the data, such as "MovieLens 100k"
    times: NDArray[np.int64] | None = None  # (N,) seconds
    oracle: Callable[[NDArray[np.int64]], NDArray[np.float64]] | None = field(default=None, repr=False, compare=False)
    # of generated data: (B,) user rows -> (B, I) how likely each item is to be watched and liked
    unrated: tuple[Item, ...] = ()  # after construction: the films of the catalogue without a rating, by increasing id

    distinct: InitVar[bool] = False  # whether the caller has made sure that no pair of user and film occurs twice

    def __post_init__(self, distinct: bool) -> None:
        if not len(self.users) == len(self.items) == len(self.values) or not len(self.values):
            raise DataError(f"{self.source}: users, items and values need the same length, at least 1")
        low, high = self.scale or (0.0, np.finfo(np.float32).max)
        outside = (self.values < low) | (self.values > high)
        if outside.any():
            first = int(outside.argmax())
            allowed = f"{low:g} to {high:g}" if self.scale else "counts of at least 0"
            raise DataError(f"{self.source}: rating {first + 1} is {self.values[first]:g}; allowed are {allowed}")
        titled = {item.id: item for item in self.catalogue}
        rated = [titled.pop(id_) if id_ in titled else Item(id=id_, title=id_) for id_ in self.item_ids]
        object.__setattr__(
            self, "catalogue", tuple(item if item.title else replace(item, title=item.id) for item in rated)
        )
        unrated = [titled[id_] for id_ in Ids.of(titled)] if titled else []
        object.__setattr__(
            self, "unrated", tuple(item if item.title else replace(item, title=item.id) for item in unrated)
        )
        if not distinct:
            pairs = self.user_rows.astype(np.int64) * len(self.item_ids) + self.item_rows
            pairs.sort()
            twice = np.flatnonzero(pairs[1:] == pairs[:-1])
            if len(twice):
                user, item = divmod(int(pairs[twice[0]]), len(self.item_ids))
                raise DataError(
                    f"{self.source}: user {self.user_ids[user]} rated film {self.item_ids[item]} more than once"
                )

    def __len__(self) -> int:
        return len(self.values)

    @property
    def has_stars(self) -> bool:
        """Whether there are ratings to predict: values on a scale, not all equal."""
        return self.scale is not None and bool((self.values != self.values[0]).any())

    @property
    def user_ids(self) -> Ids:
        """(U,) the distinct users, increasing."""
        return self.users.ids

    @property
    def item_ids(self) -> Ids:
        """(I,) the distinct films, increasing."""
        return self.items.ids

    @property
    def user_rows(self) -> NDArray[np.int32]:
        """(N,) the position of each rating's user in `user_ids`."""
        return self.users.rows

    @property
    def item_rows(self) -> NDArray[np.int32]:
        """(N,) the position of each rating's film in `item_ids`."""
        return self.items.rows

    def fingerprint(self) -> str:
        """SHA-256 over ratings, films and scale, 64 hex digits; depends on the order of the ratings."""
        digest = hashlib.sha256(repr(self.scale).encode())
        for array in (self.users.rows, self.items.rows, self.values, self.times):
            if array is not None:
                digest.update(np.ascontiguousarray(array).data)
        digest.update(encode_items((*self.catalogue, *self.unrated)))
        return digest.hexdigest()

    def describe(self) -> dict[str, Any]:
        """The `data` section of the artifact's metadata."""
        return {
            "source": self.source,
            "fingerprint": self.fingerprint(),
            "users": len(self.user_ids),
            "items": len(self.item_ids),
            "ratings": len(self),
            "unrated": len(self.unrated),
            "scale": None if self.scale is None else list(self.scale),
            "times": self.times is not None,
        }
