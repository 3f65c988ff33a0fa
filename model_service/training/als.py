"""Alternating least squares: each half of a sweep solves one side of the model exactly, the other held still.

The objective is that of `MatrixFactorization.loss`, summed over the ratings. With the vector and the bias of a row
taken together, x = [p, b], and the other side's rows as z = [q, 1], a row's best x is the ridge solution of

    (Σ z zᵀ + (n + m) diag(reg_factors, …, reg_bias)) x = Σ z (r - μ - b_other),   over its n ratings, m the shrinkage.

Source: Zhou, Wilkinson, Schreiber, Pan, "Large-scale Parallel Collaborative Filtering for the Netflix Prize", 2008
(alternating least squares with weighted-λ-regularisation), here with the biases in the same solve.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import sparse
from torch import Tensor
from tqdm import tqdm

from model_service.data.ratings import Ratings
from model_service.training.config import FitConfig, ModelConfig
from model_service.training.early_stopping import EarlyStopping, FitResult
from model_service.training.model import MatrixFactorization
from model_service.training.sparse import user_item_matrix
from model_service.training.threads import single_thread_if

_MAX_BATCH_ELEMENTS = 1 << 22  # float32 numbers gathered, or in systems to solve, at a time: 16 MiB
_MIN_FILL = 0.7  # of what is gathered at a time; the rest is padding to the row with most ratings
_FEW = 1 << 26  # multiplications in the sums of half a sweep
_MIN_DELTA = 1e-4  # stars; the error creeps on for many sweeps after what can be told apart


@dataclass(frozen=True, kw_only=True)
class _Side:
    """The ratings sorted by the rows of one side, and which rows are solved together."""

    others: Tensor  # (N,) int32 rows of the other side
    residuals: Tensor  # (N,) float32, rating - μ
    starts: Tensor  # (R,) int64, where a row's ratings begin, for the R rows that have any, most ratings first
    counts: Tensor  # (R,) int64, decreasing
    rows: Tensor  # (R,) int64, their numbers on this side
    pieces: tuple[tuple[int, int, int], ...]  # first, end and most ratings of rows that are solved together


def fit_als(
    ratings: Ratings,
    *,
    train: NDArray[np.int64],
    validation: NDArray[np.int64] | None,
    model_config: ModelConfig,
    config: FitConfig,
    label: str,
) -> FitResult:
    """Train on the ratings at positions `train` in at most `config.epochs` sweeps, with a progress bar `label`.

    Stopping, the returned model and determinism are as for `fit_sgd`. A row without ratings gets zeros.
    """
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    generator = torch.Generator().manual_seed(config.seed)
    mean = float(ratings.values[train].mean(dtype=np.float64))
    model = MatrixFactorization(model_config, global_mean=mean, generator=generator).to(device)
    stopping = EarlyStopping(
        model, ratings, train=train, validation=validation, patience=config.patience, min_delta=_MIN_DELTA
    )
    of_users, of_items = _sides(ratings, train, mean, model_config, device)
    users = (model.user_factors, model.user_bias)
    items = (model.item_factors, model.item_bias)
    with (
        single_thread_if(len(train) * model_config.factors**2 <= _FEW),
        tqdm(total=config.epochs * len(train), desc=label, unit=" ratings", unit_scale=True) as bar,
        torch.no_grad(),
    ):
        for _ in range(config.epochs):
            _solve(of_users, users, items, model_config)
            _solve(of_items, items, users, model_config)
            bar.update(len(train))
            done = stopping.should_stop()
            bar.set_postfix(stopping.progress())
            if done:
                break
    return stopping.result()


def _sides(
    ratings: Ratings, train: NDArray[np.int64], mean: float, config: ModelConfig, device: torch.device
) -> tuple[_Side, _Side]:
    matrix = user_item_matrix(ratings, train)
    matrix.data -= np.float32(mean)
    return _side(matrix, config.factors, device), _side(matrix.T.tocsr(), config.factors, device)


def _side(matrix: sparse.csr_array, factors: int, device: torch.device) -> _Side:
    counts = np.diff(matrix.indptr).astype(np.int64)
    rows = np.argsort(-counts, kind="stable")[: np.count_nonzero(counts)]
    return _Side(
        others=torch.from_numpy(matrix.indices.astype(np.int32, copy=False)).to(device),
        residuals=torch.from_numpy(matrix.data).to(device),
        starts=torch.from_numpy(matrix.indptr[rows].astype(np.int64)).to(device),
        counts=torch.from_numpy(counts[rows]).to(device),
        rows=torch.from_numpy(rows).to(device),
        pieces=tuple(_pieces(counts[rows], _width(factors))),
    )


def _pieces(counts: NDArray[np.int64], width: int) -> Iterator[tuple[int, int, int]]:
    """Cut decreasing `counts` into runs that are alike enough to be padded and small enough for the memory."""
    first = 0
    while first < len(counts):
        most = int(counts[first])
        fits = max(1, _MAX_BATCH_ELEMENTS // (width * max(most, width)))
        alike = int(np.searchsorted(-counts, -_MIN_FILL * most, side="right"))
        end = min(first + fits, max(alike, first + 1))
        yield first, end, most
        first = end


def _solve(side: _Side, own: tuple[Tensor, Tensor], other: tuple[Tensor, Tensor], config: ModelConfig) -> None:
    """Set the vectors and biases of one side, `own`, to the best there are for those of the `other` side."""
    vectors, biases = own
    z = _with_ones(other[0])  # (J + 1, w), w > k
    other_bias = torch.nn.functional.pad(other[1], (0, 1))  # (J + 1,)
    penalty = z.new_ones(z.shape[1])  # (w,)
    penalty[: config.factors] = config.reg_factors
    penalty[-1] = config.reg_bias
    vectors.zero_()
    biases.zero_()
    for first, end, most in side.pieces:
        counts = side.counts[first:end, None]  # (B, 1)
        place = torch.arange(most, device=z.device)  # (m,)
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
    """values[at], for which PyTorch takes twice as long."""
    return values.index_select(0, at.flatten()).view(*at.shape, *values.shape[1:])


def _width(factors: int) -> int:
    """Columns of z: the factors, zeros, the 1. Products of matrices run twice as fast with a multiple of four."""
    return -(-(factors + 1) // 4) * 4


def _with_ones(vectors: Tensor) -> Tensor:
    """(J + 1, w) from (J, k): a 1 in the last column, for the bias; the last row holds zeros, for padding."""
    count, factors = vectors.shape
    z = vectors.new_zeros(count + 1, _width(factors))
    z[:-1, :factors] = vectors
    z[:-1, -1] = 1
    return z
