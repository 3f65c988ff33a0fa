"""The arrays of a trained model, validated."""

from collections.abc import Mapping
from dataclasses import MISSING, dataclass, fields
from functools import cached_property
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from model_service.ids import Ids
from model_service.metadata_schema import MAX_NUMBER

_DTYPES: Final = {
    "user_id_offsets": np.int64,
    "item_id_offsets": np.int64,
    "seen_indptr": np.int64,
    "seen_indices": np.int32,
    "item_counts": np.int32,
}
_FLOAT64: Final = ("fold_in_base", "fold_in_rhs")
_DATA: Final = ("seen_values", "popularity")  # as large as the data has them
_STARS: Final = ("star_user_factors", "star_item_factors", "star_user_bias", "star_item_bias", "global_mean")


@dataclass(frozen=True, kw_only=True)
class Weights:
    """The arrays of a model of U users and I items; raises ValueError when they are inconsistent.

    A row of the user arrays is a position in `users`, a row of the item arrays one in `items`: these are the ids, whose
    arrays are those of `Ids`, the offsets only where an id is no whole number. The items that user row u
    rated are `seen_indices[seen_indptr[u]:seen_indptr[u + 1]]`.

    The ranking model scores item_bias + user_factors · item_factors, k factors. The fold-in arrays are those of
    `FoldIn`; without `user_factors` the users of the data are folded in, too. The model of the stars predicts
    global_mean + star_user_bias + star_item_bias + star_user_factors · star_item_factors, s factors; it is there as a
    whole, or not at all.
    """

    item_factors: NDArray[np.float32]  # (I, k)
    item_bias: NDArray[np.float32]  # (I,)
    fold_in_rhs: NDArray[np.float64]  # (k,)
    user_ids: NDArray[Any]  # (U,) int64, or UTF-8
    item_ids: NDArray[Any]  # (I,) int64, or UTF-8
    seen_indptr: NDArray[np.int64]  # (U + 1,)
    seen_indices: NDArray[np.int32]  # (ratings,) item rows, increasing within a user
    seen_values: NDArray[np.float32]  # (ratings,) the ratings or counts; NaN: watched and not rated
    item_counts: NDArray[np.int32]  # (I,) ratings of each item
    popularity: NDArray[np.float32]  # (I,) how often each item was liked, older ones counting less where that is better
    user_id_offsets: NDArray[np.int64] | None = None  # (U + 1,)
    item_id_offsets: NDArray[np.int64] | None = None  # (I + 1,)
    user_factors: NDArray[np.float32] | None = None  # (U, k)
    fold_in_base: NDArray[np.float64] | None = None  # (k, k)
    fold_in_encoder: NDArray[np.float32] | None = None  # (I, k)
    star_user_factors: NDArray[np.float32] | None = None  # (U, s)
    star_item_factors: NDArray[np.float32] | None = None  # (I, s)
    star_user_bias: NDArray[np.float32] | None = None  # (U,)
    star_item_bias: NDArray[np.float32] | None = None  # (I,)
    global_mean: NDArray[np.float32] | None = None  # (1,)

    @classmethod
    def of(cls, arrays: Mapping[str, NDArray[Any]]) -> Self:
        """The weights with these arrays by name; raises ValueError where one is missing, of another model, or wrong."""
        known = {field.name: field.default is MISSING for field in fields(cls)}
        if other := sorted(arrays.keys() - known.keys()):
            raise ValueError(f"the array {other[0]!a:.60} is not one of a model")
        if missing := [name for name, required in known.items() if required and name not in arrays]:
            raise ValueError(f"the array {missing[0]} is missing")
        return cls(**arrays)

    def __post_init__(self) -> None:
        for name in ("item_factors", "star_item_factors"):
            array = getattr(self, name)
            if array is not None and (array.ndim != 2 or not array.shape[1]):
                raise ValueError(f"{name} is {array.dtype}{list(array.shape)}, expected a row of factors for each film")
        users, items, k = len(self.users), len(self.items), self.item_factors.shape[-1]
        ratings = len(self.seen_indices)
        shapes: dict[str, tuple[int, ...]] = {
            "item_factors": (items, k),
            "item_bias": (items,),
            "fold_in_rhs": (k,),
            "user_id_offsets": (users + 1,),
            "item_id_offsets": (items + 1,),
            "seen_indptr": (users + 1,),
            "seen_indices": (ratings,),
            "seen_values": (ratings,),
            "item_counts": (items,),
            "popularity": (items,),
            "user_factors": (users, k),
            "fold_in_base": (k, k),
            "fold_in_encoder": (items, k),
        }
        if self.star_item_factors is not None:
            s = self.star_item_factors.shape[-1]
            shapes |= dict(zip(_STARS, ((users, s), (items, s), (users,), (items,), (1,)), strict=True))
        for name, array in self.arrays().items():
            if name in ("user_ids", "item_ids"):
                continue  # checked by Ids
            shape, dtype = shapes.get(name), _dtype(name)
            if array.shape != shape or array.dtype != dtype:
                expected = f"{np.dtype(dtype)}{'' if shape is None else list(shape)}"
                raise ValueError(f"{name} is {array.dtype}{list(array.shape)}, expected {expected}")
            if array.dtype.kind == "f":
                _check_numbers(name, array)
        if not items or not users:
            raise ValueError("a model needs at least one user and one film")
        if self.user_factors is None and self.fold_in_encoder is None:
            raise ValueError("either user_factors or fold_in_encoder is needed")
        if len({getattr(self, name) is None for name in _STARS}) > 1:
            raise ValueError(f"{', '.join(_STARS)} have to be there together")
        _check_seen(self.seen_indptr, self.seen_indices, items)
        if self.item_counts.min() < 0:
            raise ValueError("item_counts holds a number below 0")

    @cached_property
    def users(self) -> Ids:
        """The users' ids (U,)."""
        return Ids(self.user_ids, self.user_id_offsets)

    @cached_property
    def items(self) -> Ids:
        """The items' ids (I,)."""
        return Ids(self.item_ids, self.item_id_offsets)

    @property
    def has_stars(self) -> bool:
        """Whether the model predicts ratings."""
        return self.global_mean is not None

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The arrays that are there, by name."""
        found = {field.name: getattr(self, field.name) for field in fields(self)}
        return {name: array for name, array in found.items() if array is not None}


def _dtype(name: str) -> Any:
    return np.float64 if name in _FLOAT64 else _DTYPES.get(name, np.float32)


def _check_numbers(name: str, array: NDArray[Any]) -> None:
    """Raises ValueError for a number that is not finite, or so large that a score could not be."""
    if not array.size:
        return
    ignore_nan = name == "seen_values"
    least, most = (np.fmin.reduce, np.fmax.reduce) if ignore_nan else (np.min, np.max)
    low, high = float(least(array, axis=None)), float(most(array, axis=None))
    if ignore_nan and np.isnan(low):
        return
    if not (np.isfinite(low) and np.isfinite(high)):
        raise ValueError(f"{name} holds a number that is not finite")
    if name not in _DATA and max(-low, high) > MAX_NUMBER:
        raise ValueError(f"{name} holds a number beyond {MAX_NUMBER:g}")


def _check_seen(indptr: NDArray[np.int64], indices: NDArray[np.int32], items: int) -> None:
    if indptr[0] != 0 or indptr[-1] != len(indices) or (indptr[1:] < indptr[:-1]).any():
        raise ValueError(
            "seen_indptr is not a CSR row pointer: it has to increase from 0 to the length of seen_indices"
        )
    if len(indices) and not 0 <= indices.min() <= indices.max() < items:
        raise ValueError("seen_indices has an item row outside the catalogue")
    ordered = indices[1:] > indices[:-1]
    ordered[indptr[(indptr > 0) & (indptr < len(indices))] - 1] = (
        True  # from a user's last film to the next one's first
    )
    if not ordered.all():
        raise ValueError("seen_indices does not increase within a user")
