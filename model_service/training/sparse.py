"""Ratings as sparse matrices: sorted by user in one pass, without comparing."""

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from model_service.data.ratings import Ratings


def user_item_matrix(ratings: Ratings, chosen: NDArray[np.int64] | None = None) -> sparse.csr_array:
    """(U, I) float32 matrix of the ratings at positions `chosen`, or of all; columns increase within a row."""
    columns = (ratings.values, ratings.user_rows, ratings.item_rows)
    values, users, items = columns if chosen is None else (column[chosen] for column in columns)
    shape = (len(ratings.user_ids), len(ratings.item_ids))
    matrix = sparse.coo_array((values, (users, items)), shape=shape).tocsr()
    matrix.sort_indices()
    return matrix
