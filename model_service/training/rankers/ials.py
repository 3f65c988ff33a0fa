"""Implicit alternating least squares: factors that give 1 for what was watched and 0, less firmly, for everything else.

Minimises Σ w (1 - p_u · q_i)² over what was watched, + alpha Σ (p_u · q_i)² over all pairs, + λ times the squared
norms, each weighted by the row's entries and alpha times the length of the other side. A user also "watched" `prior`
items spread over all by their popularity, so that somebody with a short history gets what most people like.
λ = reg / (alpha · items): the same `reg` then suits catalogues of any size.

Source: Hu, Koren, Volinsky, "Collaborative Filtering for Implicit Feedback Datasets", ICDM 2008; the regularisation is
that of Rendle et al., "Revisiting the Performance of iALS on Item Recommendation Benchmarks", RecSys 2022.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from model_service.serving.ranking.fold_in import FoldIn
from model_service.training.interactions import Interactions
from model_service.training.least_squares import Prior, Rows, gram, solve_rows
from model_service.training.rankers import RankingModel, Settings

DESCRIPTION = "implicit ALS"

_MANY = 2_000_000  # interactions; above, fewer settings are tried


def search_space(data: Interactions) -> tuple[Settings, Sequence[tuple[str, Sequence[Any]]]]:
    """One setting after the other."""
    start = {"factors": 32, "alpha": 0.3, "reg": 8.0, "prior": 3.0, "sweeps": 10}
    axes: list[tuple[str, Sequence[Any]]] = [("reg", (4.0, 14.0, 24.0)), ("alpha", (0.1, 1.0))]
    if data.matrix.nnz <= _MANY:
        axes += [("prior", (0.0, 10.0)), ("factors", (16, 64, 128))]
    return start, axes


def fit(data: Interactions, settings: Settings, *, seed: int) -> RankingModel:
    """Train for `sweeps`; the vectors of the users come last, so that they are those of the fold-in."""
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    factors, alpha, prior = int(settings["factors"]), float(settings["alpha"]), float(settings["prior"])
    users, items = data.matrix.shape
    ridge = float(settings["reg"]) / (alpha * items)
    popular = data.prior()
    by_user, by_item = Rows.of(data.matrix), _transposed(data)
    generator = torch.Generator().manual_seed(seed)
    q = (torch.randn(items, factors, generator=generator) * 0.1 / factors**0.5).to(device)
    for _ in range(int(settings["sweeps"])):
        p = solve_rows(by_user, q, _user_prior(q, popular, alpha, ridge, prior))
        q = solve_rows(by_item, p, _prior(alpha * gram(p), np.zeros(factors), ridge, alpha * users))
    p = solve_rows(by_user, q, _user_prior(q, popular, alpha, ridge, prior))

    def new_users(strength: float) -> FoldIn:
        common = _user_prior(q, popular, alpha, ridge, strength)
        return FoldIn(base=common.base, rhs=common.base_rhs, ridge=ridge, shift=common.shift)

    return RankingModel(
        item_factors=q.cpu().numpy(),
        item_bias=np.zeros(items, np.float32),
        user_factors=p.cpu().numpy(),
        new_users=new_users,
    )


def _transposed(data: Interactions) -> Rows:
    if "by_item" not in data.cache:
        data.cache["by_item"] = Rows.of(data.matrix.T.tocsr())
    rows: Rows = data.cache["by_item"]
    return rows


def _user_prior(q: Tensor, popular: NDArray[np.float64], alpha: float, ridge: float, strength: float) -> Prior:
    base = alpha * gram(q)
    rhs = np.zeros(q.shape[1])
    if strength:
        base += strength * gram(q, popular)
        rhs = strength * (popular @ q.cpu().numpy().astype(np.float64))
    return _prior(base, rhs, ridge, alpha * len(q) + strength)


def _prior(base: NDArray[np.float64], rhs: NDArray[np.float64], ridge: float, shift: float) -> Prior:
    return Prior(base=base, base_rhs=rhs, penalty=np.full(len(rhs), ridge), shift=shift)
