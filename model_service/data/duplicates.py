"""Ratings of the same item by the same user, merged into one."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from model_service.data.options import Duplicates


@dataclass(frozen=True, kw_only=True)
class Merged:
    """Which rows are kept, and their values; pairs: how many pairs of user and item occurred more than once."""

    rows: NDArray[np.int64]  # (M,) increasing
    values: NDArray[np.float32]  # (M,)
    pairs: int
    examples: Sequence[int] = ()  # rows of the first such pairs


def repeated_pairs(users: NDArray[np.int32], items: NDArray[np.int32]) -> NDArray[np.int64]:
    """The pairs of user and item that occur more than once, as one increasing number each."""
    keys = _keys(users, items)
    if (keys[1:] > keys[:-1]).all():  # a file sorted by user and item needs no sorting
        return keys[:0]
    keys.sort()
    return np.unique(keys[1:][keys[1:] == keys[:-1]])


def merge_duplicates(
    users: NDArray[np.int32],
    items: NDArray[np.int32],
    values: NDArray[np.float32],
    times: NDArray[np.int64] | None,
    how: Duplicates,
    repeated: NDArray[np.int64],
) -> Merged:
    """One row for each pair of user and item; repeated: the result of `repeated_pairs`, at least one pair.

    latest: the row of the greatest time, of equal times the last; first: the first row; mean and sum of the values
    that are there. The kept row is the latest but for `first`.
    """
    keys = _keys(users, items)
    place = np.minimum(np.searchsorted(repeated, keys), len(repeated) - 1)
    rows = np.flatnonzero(repeated[place] == keys)  # the rows of pairs that occur more than once
    order = rows[np.lexsort((rows, rows if times is None else times[rows], keys[rows]))]
    starts = np.flatnonzero(np.diff(keys[order], prepend=keys[order[0]] - 1))
    sizes = np.diff(np.append(starts, len(order)))
    given = ~np.isnan(values[order])
    if how == "first":
        kept = np.minimum.reduceat(order, starts)
    else:
        last = np.maximum.reduceat(np.where(given, np.arange(len(order)), -1), starts)  # a rating before "not rated"
        kept = order[np.where(last >= 0, last, starts + sizes - 1)]
    merged = values[kept].astype(np.float64)
    if how in ("mean", "sum"):
        count = np.add.reduceat(given.astype(np.int64), starts)
        total = np.add.reduceat(np.where(given, values[order], 0.0).astype(np.float64), starts)
        merged = np.where(count > 0, total / (np.maximum(count, 1) if how == "mean" else 1), np.nan)
    whole = values.copy()
    whole[kept] = merged
    remaining = np.ones(len(keys), np.bool_)
    remaining[rows] = False
    remaining[kept] = True
    left = np.flatnonzero(remaining)
    return Merged(
        rows=left, values=whole[left], pairs=len(starts), examples=tuple(np.sort(order[starts])[:10].tolist())
    )


def _keys(users: NDArray[np.int32], items: NDArray[np.int32]) -> NDArray[np.int64]:
    keys = users.astype(np.int64)
    keys *= int(items.max(initial=0)) + 1
    keys += items
    return keys
