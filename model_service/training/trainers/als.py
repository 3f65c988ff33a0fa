"""Alternating least squares: half a sweep solves all users exactly with the items fixed, the other half the reverse.

The objective is `MatrixFactorization.loss`, summed over the ratings. With the vector and the bias of a row stacked,
x = [p, b], and the rows of the other side as z = [q, 1], the optimal x is the ridge regression solution of

    (Σ z zᵀ + (n + m) diag(λ_f, …, λ_f, λ_b)) x = Σ z (r - μ - b_other)

over the n ratings of the row, with m the shrinkage, λ_f and λ_b those of the loss.

Source: Zhou, Wilkinson, Schreiber, Pan, "Large-scale Parallel Collaborative Filtering for the Netflix Prize", 2008
(alternating least squares with weighted-λ-regularisation), here with the biases in the same system.
"""

from collections.abc import Iterator

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from model_service.data.ratings import Ratings
from model_service.serving.ranking.stars import star_width
from model_service.training.config import TrainConfig
from model_service.training.early_stopping import EarlyStopping, FitResult
from model_service.training.epochs import run_epochs
from model_service.training.least_squares import Prior, Rows, solve_rows
from model_service.training.model import MatrixFactorization
from model_service.training.sparse import user_item_matrix

DESCRIPTION = "alternating least squares"
SETTINGS = ()
MIN_REG = 1e-4  # with less, the normal equations of a user with few ratings are singular

_MIN_DELTA = 1e-4  # stars; the error keeps decreasing by less for many sweeps


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
    by_user, by_item = Rows.of(matrix, targets=True), Rows.of(matrix.T.tocsr(), targets=True)
    penalty = np.full(config.factors + 1, model.reg_factors)
    penalty[-1] = config.reg_bias
    zeros = np.zeros(config.factors + 1)
    prior = Prior(base=np.diag(zeros), base_rhs=zeros, penalty=penalty, shift=config.shrinkage)
    users, items = (model.user_factors, model.user_bias), (model.item_factors, model.item_bias)

    def sweep() -> Iterator[int]:
        _solve(by_user, users, items, prior)
        _solve(by_item, items, users, prior)
        yield len(train)

    return run_epochs(
        sweep,
        EarlyStopping(
            model,
            ratings,
            train=train,
            validation=validation,
            patience=config.patience,
            min_delta=_MIN_DELTA * star_width(ratings.scale),
        ),
        train=train,
        config=config,
        label=label,
        single_thread=True,
    )


@torch.no_grad()
def _solve(rows: Rows, own: tuple[Tensor, Tensor], other: tuple[Tensor, Tensor], prior: Prior) -> None:
    """Set the vectors and biases `own` of one side to the optimum for those of the `other` side."""
    z = torch.cat((other[0], torch.ones_like(other[1])[:, None]), dim=1)  # (J, k + 1)
    solved = solve_rows(rows, z, prior, offset=other[1])
    own[0].copy_(solved[:, :-1])
    own[1].copy_(solved[:, -1])
