"""Columns of pyarrow as arrays of numpy."""

from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import NDArray

if TYPE_CHECKING:
    from pyarrow import Array, ChunkedArray


def as_numpy(column: "Array | ChunkedArray") -> NDArray[Any]:
    """(N,) the numbers of a column, NaN for nulls, which only decimal numbers may have; read-only or not.

    As `to_numpy`, but it does not import pandas where that is installed, which takes a third of a second.
    """
    if column.null_count:
        return np.asarray(column.to_numpy(zero_copy_only=False))
    parts = [np.from_dlpack(part) for part in getattr(column, "chunks", [column])]
    return (
        parts[0] if len(parts) == 1 else np.concatenate(parts) if parts else np.empty(0, column.type.to_pandas_dtype())
    )
