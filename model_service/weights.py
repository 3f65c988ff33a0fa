"""The arrays of a trained model, validated."""

from dataclasses import dataclass, fields
from typing import Any

import numpy as np
from numpy.typing import NDArray

_TYPES = {
    "user_factors": np.float32,
    "item_factors": np.float32,
    "user_bias": np.float32,
    "item_bias": np.float32,
    "global_mean": np.float32,
    "user_ids": np.int64,
    "item_ids": np.int64,
    "seen_indptr": np.int64,
    "seen_indices": np.int32,
    "item_counts": np.int32,
}


@dataclass(frozen=True, kw_only=True)
class Weights:
    """The arrays of a model of U users and I films with k factors; raises ValueError when they are inconsistent.

    A row of the user arrays is a position in `user_ids`, a row of the item arrays one in `item_ids`; both are
    strictly increasing. The films that user row u rated are `seen_indices[seen_indptr[u]:seen_indptr[u + 1]]`.
    """

    user_factors: NDArray[np.float32]  # (U, k)
    item_factors: NDArray[np.float32]  # (I, k)
    user_bias: NDArray[np.float32]  # (U,)
    item_bias: NDArray[np.float32]  # (I,)
    global_mean: NDArray[np.float32]  # (1,)
    user_ids: NDArray[np.int64]  # (U,)
    item_ids: NDArray[np.int64]  # (I,)
    seen_indptr: NDArray[np.int64]  # (U + 1,)
    seen_indices: NDArray[np.int32]  # (ratings,) item rows, increasing within a user
    item_counts: NDArray[np.int32]  # (I,) ratings of each film

    def __post_init__(self) -> None:
        users, items, factors = len(self.user_ids), len(self.item_ids), self.item_factors.shape[-1]
        shapes = {
            "user_factors": (users, factors),
            "item_factors": (items, factors),
            "user_bias": (users,),
            "item_bias": (items,),
            "global_mean": (1,),
            "user_ids": (users,),
            "item_ids": (items,),
            "seen_indptr": (users + 1,),
            "seen_indices": (len(self.seen_indices),),
            "item_counts": (items,),
        }
        for name, shape in shapes.items():
            array = getattr(self, name)
            if array.shape != shape or array.dtype != _TYPES[name]:
                expected = f"{np.dtype(_TYPES[name])}{list(shape)}"
                raise ValueError(f"{name} is {array.dtype}{list(array.shape)}, expected {expected}")
            if array.dtype == np.float32 and not np.isfinite(array).all():
                raise ValueError(f"{name} holds a number that is not finite")
        if not items or not users:
            raise ValueError("a model needs at least one user and one film")
        if (np.diff(self.user_ids) <= 0).any() or (np.diff(self.item_ids) <= 0).any():
            raise ValueError("user_ids and item_ids have to be strictly increasing")
        _check_seen(self.seen_indptr, self.seen_indices, items)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The arrays by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


def _check_seen(indptr: NDArray[np.int64], indices: NDArray[np.int32], items: int) -> None:
    if indptr[0] != 0 or indptr[-1] != len(indices) or (np.diff(indptr) < 0).any():
        raise ValueError(
            "seen_indptr is not a CSR row pointer: it has to increase from 0 to the length of seen_indices"
        )
    if len(indices) and not 0 <= indices.min() <= indices.max() < items:
        raise ValueError("seen_indices has an item row outside the catalogue")
