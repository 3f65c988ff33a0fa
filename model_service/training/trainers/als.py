"""Alternating least squares: half a sweep solves all users exactly with the items fixed, the other half the reverse.

The objective is `MatrixFactorization.loss`, summed over the ratings. With the vector and the bias of a row stacked,
x = [p, b], and the rows of the other side as z = [q, 1], the optimal x is the ridge regression solution of

    (Σ z zᵀ + (n + m) diag(λ_f, …, λ_f, λ_b)) x = Σ z (r - μ - b_other)

over the n ratings of the row, with m the shrinkage, λ_f `reg_factors` and λ_b `reg_bias`.

Source: Zhou, Wilkinson, Schreiber, Pan, "Large-scale Parallel Collaborative Filtering for the Netflix Prize", 2008
(alternating least squares with weighted-λ-regularisation), here with the biases in the same system.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor

from model_service.data.ratings import Ratings
from model_service.training.config import TrainConfig
from model_service.training.early_stopping import EarlyStopping, FitResult
from model_service.training.epochs import run_epochs
from model_service.training.model import MatrixFactorization
from model_service.training.sparse import user_item_matrix

DESCRIPTION = "alternating least squares"
SETTINGS = ()
MIN_REG = 1e-4  # with less, the normal equations of a user with few ratings are singular

_MAX_BATCH_ELEMENTS = 1 << 22  # float32 gathered, or in the systems solved, at a time: 16 MiB
_MIN_FILL = 0.7  # share of ratings in what is gathered; the rest pads rows to the longest one
_SINGLE_THREAD_PRODUCTS = 1 << 26  # multiplications in half a sweep
_MIN_DELTA = 1e-4  # stars; the error keeps decreasing by less for many sweeps


@dataclass(frozen=True, kw_only=True)
class _Side:
    """The ratings grouped by the rows of one side (users or items), and the batches of rows solved together."""

    others: Tensor  # (N,) int32 rows of the other side
    residuals: Tensor  # (N,) float32, rating - μ
    starts: Tensor  # (R,) int64, offset of each row's ratings; the R rows with any rating, by decreasing count
    counts: Tensor  # (R,) int64, decreasing
    rows: Tensor  # (R,) int64, row numbers on this side
    batches: tuple[tuple[int, int, int], ...]  # first, end and maximum count


def fit(
    ratings: Ratings,
    *,
    train: NDArray[np.int64],
    validation: NDArray[np.int64] | None,
    config: TrainConfig,
    label: str,
) -> FitResult:
    """Minimise `MatrixFactorization.loss`, an epoch is one sweep; see `FitFunction` for the arguments.

    Rows without ratings are zeros.
    """
    generator = torch.Generator().manual_seed(config.seed)
    model = MatrixFactorization.initialise(ratings, train=train, config=config, generator=generator)
    matrix = user_item_matrix(ratings, train)
    matrix.data -= model.global_mean.numpy(force=True)
    user_side, item_side = (_side(m, config.factors, model.global_mean.device) for m in (matrix, matrix.T.tocsr()))
    users, items = (model.user_factors, model.user_bias), (model.item_factors, model.item_bias)

    def sweep() -> Iterator[int]:
        _solve(user_side, users, items, config)
        _solve(item_side, items, users, config)
        yield len(train)

    return run_epochs(
        sweep,
        EarlyStopping(
            model, ratings, train=train, validation=validation, patience=config.patience, min_delta=_MIN_DELTA
        ),
        train=train,
        config=config,
        label=label,
        single_thread=len(train) * config.factors**2 <= _SINGLE_THREAD_PRODUCTS,
    )


def _side(matrix: sparse.csr_array, factors: int, device: torch.device) -> _Side:
    counts = np.diff(matrix.indptr).astype(np.int64)
    rows = np.argsort(-counts, kind="stable")[: np.count_nonzero(counts)]
    return _Side(
        others=torch.from_numpy(matrix.indices.astype(np.int32, copy=False)).to(device),
        residuals=torch.from_numpy(matrix.data).to(device),
        starts=torch.from_numpy(matrix.indptr[rows].astype(np.int64)).to(device),
        counts=torch.from_numpy(counts[rows]).to(device),
        rows=torch.from_numpy(rows).to(device),
        batches=tuple(_batches(counts[rows], _width(factors))),
    )


def _batches(counts: NDArray[np.int64], width: int) -> Iterator[tuple[int, int, int]]:
    """Split decreasing `counts` into runs with little padding that fit into _MAX_BATCH_ELEMENTS."""
    first = 0
    while first < len(counts):
        longest = int(counts[first])
        fits = max(1, _MAX_BATCH_ELEMENTS // (width * max(longest, width)))
        similar = int(np.searchsorted(-counts, -_MIN_FILL * longest, side="right"))
        end = min(first + fits, max(similar, first + 1))
        yield first, end, longest
        first = end


@torch.no_grad()
def _solve(side: _Side, own: tuple[Tensor, Tensor], other: tuple[Tensor, Tensor], config: TrainConfig) -> None:
    """Set the vectors and biases `own` of one side to the optimum for those of the `other` side."""
    vectors, biases = own
    z = _with_ones(other[0])  # (J + 1, w), w > k
    other_bias = torch.nn.functional.pad(other[1], (0, 1))  # (J + 1,)
    penalty = z.new_ones(z.shape[1])  # (w,)
    penalty[: config.factors] = config.reg_factors
    penalty[-1] = config.reg_bias
    vectors.zero_()
    biases.zero_()
    for first, end, longest in side.batches:
        counts = side.counts[first:end, None]  # (B, 1)
        place = torch.arange(longest, device=z.device)  # (m,)
        at = (side.starts[first:end, None] + place).clamp_(max=len(side.others) - 1)  # (B, m)
        others = _rows(side.others, at).masked_fill_(place >= counts, len(z) - 1)
        x = _rows(z, others)  # (B, m, w)
        target = _rows(side.residuals, at).sub_(_rows(other_bias, others))
        systems = x.mT @ x  # (B, w, w)
        systems.diagonal(dim1=1, dim2=2).add_((counts + config.shrinkage) * penalty)
        sums = x.mT @ target[:, :, None]  # (B, w, 1)
        solved = torch.cholesky_solve(sums, torch.linalg.cholesky(systems))[:, :, 0]
        rows = side.rows[first:end]
        vectors[rows] = solved[:, : config.factors]
        biases[rows] = solved[:, -1]


def _rows(values: Tensor, at: Tensor) -> Tensor:
    """values[at], in half the time."""
    return values.index_select(0, at.flatten()).view(*at.shape, *values.shape[1:])


def _width(factors: int) -> int:
    """Columns of z: factors, zero padding, the 1. Matrix products are twice as fast with a multiple of four."""
    return -(-(factors + 1) // 4) * 4


def _with_ones(vectors: Tensor) -> Tensor:
    """(J + 1, w) from (J, k): the last column is 1, for the bias; the last row is zeros, for padding."""
    count, factors = vectors.shape
    z = vectors.new_zeros(count + 1, _width(factors))
    z[:-1, :factors] = vectors
    z[:-1, -1] = 1
    return z
