"""Ratings as sparse matrices, and grouped by user."""

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from model_service.data.ratings import Ratings


def user_item_matrix(ratings: Ratings, positions: NDArray[np.int64] | None = None) -> sparse.csr_array:
    """(U, I) float32 CSR matrix of the ratings at `positions`, or of all, with sorted column indices."""
    columns = (ratings.values, ratings.user_rows, ratings.item_rows)
    values, users, items = columns if positions is None else (column[positions] for column in columns)
    shape = (len(ratings.user_ids), len(ratings.item_ids))
    matrix = sparse.coo_array((values, (users, items)), shape=shape).tocsr()
    matrix.sort_indices()
    return matrix


def groups(rows: NDArray[np.integer]) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Where each run of equal numbers in the sorted `rows` (N,) starts, and (N,) the place of each within its run."""
    starts = np.flatnonzero(np.diff(rows, prepend=-1))
    return starts, np.arange(len(rows)) - np.repeat(starts, np.diff(np.append(starts, len(rows))))
