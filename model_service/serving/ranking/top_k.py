"""Top-k queries: the request and result of an engine, and the one definition of the score that items are ranked by."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from model_service.catalogue import Mask, Rows

__all__ = [
    "Engine",
    "Mask",
    "Query",
    "QueryBlock",
    "Rows",
    "TopK",
    "UserVector",
    "best_first",
    "exact_scores",
    "exact_scores_at",
]

_ROWS_PER_BLOCK = 1 << 13


@dataclass(kw_only=True, eq=False, slots=True)  # frozen ones take three times as long to make
class UserVector:
    """A user to score for.

    vector: (k,) of the ranking model. seen: (m,) rows of the rated items, increasing. star_vector (s,), star_bias: of
    the model of the stars, None and 0 without one.
    """

    vector: NDArray[np.float32]
    seen: Rows
    star_vector: NDArray[np.float32] | None = None
    star_bias: float = 0.0


@dataclass(kw_only=True, eq=False, slots=True)
class Query:
    """The `n` best items for one vector (k,), without the rows in `exclude` (increasing), of those that `mask` allows.

    mask: (I,) of bool, true for the allowed items. Raises ValueError for a negative n; engines raise it for a vector
    that is not finite.
    """

    vector: NDArray[np.float32]
    n: int
    exclude: Rows
    mask: Mask | None = None

    def __post_init__(self) -> None:
        if self.n < 0:
            raise ValueError(f"n={self.n} is not allowed: it has to be at least 0")

    def check(self, items: int, k: int) -> None:
        """Raises ValueError unless shapes and types fit `items` items with k factors."""
        if self.vector.shape != (k,):
            raise ValueError(f"a vector has shape {self.vector.shape}; the films have {k} factors")
        mask = self.mask
        if mask is not None and (mask.shape != (items,) or not mask.flags.c_contiguous):
            raise ValueError(f"a mask has shape {mask.shape}; there are {items} films, one contiguous byte each")
        mistyped = mask is not None and mask.dtype != np.bool_
        if mistyped or self.vector.dtype != np.float32 or self.exclude.dtype != np.int32:
            raise ValueError("a vector has to be of float32, rows to exclude of int32, a mask of bool")


@dataclass(kw_only=True, eq=False, slots=True)
class TopK:
    """Item rows (m,), best first, ties by row, with their scores (m,); m <= n, fewer where fewer items are allowed."""

    rows: Rows
    scores: NDArray[np.float64]


@dataclass(frozen=True, kw_only=True, eq=False)
class QueryBlock:
    """The `n` best items for each of B vectors (B, k), as arrays: what a `Query` costs counts for millions of users.

    exclude: (m,) item rows, increasing within a vector: `lengths[i]` of them, (B,), belong to vector i.
    """

    vectors: NDArray[np.float32]
    n: int
    exclude: Rows
    lengths: NDArray[np.int64]

    def queries(self) -> list[Query]:
        """The same as one query for each vector."""
        ends = np.cumsum(self.lengths)
        return [
            Query(vector=vector, n=self.n, exclude=self.exclude[end - length : end])
            for vector, length, end in zip(self.vectors, self.lengths.tolist(), ends.tolist(), strict=True)
        ]

    def check(self, items: int, k: int) -> None:
        """Raises ValueError unless shapes and types fit `items` items with k factors."""
        vectors, users = self.vectors, len(self.vectors)
        if vectors.shape != (users, k) or vectors.dtype != np.float32 or self.exclude.dtype != np.int32:
            raise ValueError(f"vectors have to be float32[{users}, {k}], rows to exclude of int32")
        if self.lengths.shape != (users,) or (self.lengths < 0).any() or self.lengths.sum() != len(self.exclude):
            raise ValueError(f"lengths have to be {users} that add up to the {len(self.exclude)} rows to exclude")
        if not 0 <= self.n <= items:
            raise ValueError(f"n={self.n} is not allowed: it has to be from 0 to {items}")


class Engine(Protocol):
    """Computes the top k; every exact engine returns the same rows and the same scores, to the last bit."""

    name: str

    def top_k(self, queries: list[Query]) -> list[TopK]:
        """One result for each query, in order; one pass over the factors serves the whole batch."""


def exact_scores(
    vector: NDArray[np.float32], factors: NDArray[np.float32], bias: NDArray[np.float32]
) -> NDArray[np.float64]:
    """(m,) b_i + p · q_i of a user's vector p (k,) for items with factors (m, k) and bias (m,).

    The terms are added from left to right in float64, in which the product of two float32 numbers is exact. The order
    of the additions alone determines every bit: the same here, in C, with fused multiply-add or without.
    """
    terms = np.empty((len(bias), len(vector) + 1))
    terms[:, 0] = bias
    np.multiply(factors, vector, out=terms[:, 1:], dtype=np.float64)
    totals: NDArray[np.float64] = np.add.accumulate(terms, axis=1)[:, -1]
    return totals


def exact_scores_at(
    rows: NDArray[np.int32], vector: NDArray[np.float32], factors: NDArray[np.float32], bias: NDArray[np.float32]
) -> NDArray[np.float64]:
    """(m,) exact scores of the items in `rows` (m,), in blocks: working memory does not grow with m * k."""
    parts = [np.zeros(0)]
    for first in range(0, len(rows), _ROWS_PER_BLOCK):
        block = rows[first : first + _ROWS_PER_BLOCK]
        parts.append(exact_scores(vector, factors[block], bias[block]))
    return np.concatenate(parts)


def best_first(scores: NDArray[np.float64], rows: NDArray[np.int32], n: int) -> NDArray[np.intp]:
    """The positions of the `n` best, greatest score first, ties by row."""
    return np.lexsort((rows, -scores))[:n]
