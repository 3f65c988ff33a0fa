"""What an engine is asked and what it answers."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int32]  # item rows; increasing and without repeats where they leave films out
Mask = NDArray[np.bool_]  # (I,) true for the films that may be in the answer


@dataclass(frozen=True, kw_only=True, eq=False)
class Query:
    """The `n` best films for one user's vector (k,), without the rows in `exclude`, of those that `mask` (I,) allows.

    The rows in `exclude` increase. Raises ValueError for a negative n; engines do for a vector that is not finite.
    """

    vector: NDArray[np.float32]
    n: int
    exclude: Rows
    mask: Mask | None = None

    def __post_init__(self) -> None:
        if self.n < 0:
            raise ValueError(f"n={self.n} is not allowed: it has to be at least 0")

    def check(self, films: int, k: int) -> None:
        """Raises ValueError unless the query is about `films` films with k factors."""
        if self.vector.shape != (k,):
            raise ValueError(f"a vector has shape {self.vector.shape}; the films have {k} factors")
        only = self.mask
        if only is not None and (only.shape != (films,) or not only.flags.c_contiguous):
            raise ValueError(f"a mask has shape {only.shape}; there are {films} films, one byte each in a row")
        mistyped = only is not None and only.dtype != np.bool_
        if mistyped or self.vector.dtype != np.float32 or self.exclude.dtype != np.int32:
            raise ValueError("a vector has to be of float32, rows to skip of int32, a mask of bool")


@dataclass(frozen=True, kw_only=True, eq=False)
class TopK:
    """Item rows (m,), best first, equal ones by row, with their scores (m,): m <= n, fewer where fewer are left."""

    rows: Rows
    scores: NDArray[np.float64]


class Engine(Protocol):
    """Finds the best films; every engine gives the same rows and the same scores, to the last bit."""

    name: str

    def top_k(self, queries: list[Query]) -> list[TopK]:
        """An answer for each query, in order; one pass over the factors serves them all."""
