"""What an engine is asked and what it answers."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

Rows = NDArray[np.int32]  # item rows; increasing and without repeats where they leave films out
Mask = NDArray[np.bool_]  # (I,) true for the films that may be in the answer


@dataclass(frozen=True, kw_only=True, eq=False)
class Query:
    """The `n` best films for one user's vector (k,), without the rows in `skip`, of those that `only` (I,) allows.

    Raises ValueError for a vector that holds something else than numbers, a negative n, or rows that do not increase.
    """

    vector: NDArray[np.float32]
    n: int
    skip: Rows
    only: Mask | None = None

    def __post_init__(self) -> None:
        if not np.isfinite(self.vector).all():
            raise ValueError("a user's vector has to hold finite numbers")
        if self.n < 0:
            raise ValueError(f"n={self.n} is not allowed: it has to be at least 0")


@dataclass(frozen=True, kw_only=True, eq=False)
class Ranked:
    """Item rows (m,), best first, equal ones by row, with their scores (m,): m <= n, fewer where fewer are left."""

    rows: Rows
    scores: NDArray[np.float64]


class Engine(Protocol):
    """Finds the best films; every engine gives the same rows and the same scores, to the last bit."""

    name: str

    def top(self, queries: list[Query]) -> list[Ranked]:
        """An answer for each query, in order; one pass over the factors serves them all."""
