"""Weights from hand-made vectors: films are ranked by the numbers that their stars are predicted with."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from model_service.artifact import Weights
from model_service.data.ratings import Ratings


def make_weights(
    users: NDArray[np.float32],
    items: NDArray[np.float32],
    seen: Sequence[Sequence[int]],
    *,
    bias: NDArray[np.float32] | None = None,
    user_ids: NDArray[np.int64] | None = None,
    first_item_id: int = 1,
    values: NDArray[np.float32] | None = None,
    stars: bool = True,
    base: NDArray[np.float64] | None = None,
) -> Weights:
    """Weights of users (U, k) and items (I, k) with item biases and the rows that each user rated, all 4 by default."""
    films, factors = items.shape
    bias = np.zeros(films, np.float32) if bias is None else bias
    indices = np.concatenate([np.asarray(rows, np.int32) for rows in seen]).astype(np.int32)
    counts = np.bincount(indices, minlength=films).astype(np.int32)
    star_arrays = {
        "star_user_factors": users,
        "star_item_factors": items,
        "star_user_bias": np.zeros(len(users), np.float32),
        "star_item_bias": bias,
        "global_mean": np.array([3.0], np.float32),
    }
    return Weights(
        user_factors=users,
        item_factors=items,
        item_bias=bias,
        fold_in_rhs=np.zeros(factors),
        fold_in_base=np.eye(factors) if base is None else base,
        user_ids=np.arange(1, len(users) + 1) if user_ids is None else user_ids,
        item_ids=np.arange(first_item_id, first_item_id + films),
        seen_indptr=np.cumsum([0, *map(len, seen)]),
        seen_indices=indices,
        seen_values=np.full(len(indices), 4.0, np.float32) if values is None else values,
        item_counts=counts,
        popularity=counts.astype(np.float32),
        **(star_arrays if stars else {}),
    )


def rated_by(ratings: Ratings, uid: str) -> set[str]:
    """The ids of the films that a user rated."""
    row = ratings.user_ids.row(uid)
    return {ratings.item_ids[item] for item in ratings.item_rows[ratings.user_rows == row].tolist()}
