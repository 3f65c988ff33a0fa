"""EASE: a linear model from the items that a user watched to all items, with a closed form.

Scores are x B, where x marks the watched items and B = I - P diag(1 / P_jj), P = (XᵀX + reg I)⁻¹. With the
eigenvectors Q and the eigenvalues s of XᵀX, and f = s / (s + reg), the score of an item j that is not in x is

    (x Q) · (f Q_j) / (1 - Σ f Q_j²)

So the model is served as factors: a user is the sum of the rows of Q, and only the largest eigenvalues are kept. The
lists are those of the full model, or better ones, with a few hundred (docs/model.md).
Source: Steck, "Embarrassingly Shallow Autoencoders for Sparse Data", WWW 2019.
"""

from collections.abc import Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from model_service.serving.ranking.fold_in import FoldIn
from model_service.training.interactions import Interactions
from model_service.training.rankers import RankingModel, Settings

DESCRIPTION = "EASE"

MAX_ITEMS = 20_000
MAX_RANK = 512
_MAX_DENSE = 2000  # rows and columns; above, only the largest eigenvalues are computed
_MIN_EIGENVALUE = 1e-3
_SMALLEST_DENOMINATOR = 1e-3
_SPARE, _ITERATIONS = 32, 4  # of the randomised decomposition


def search_space(data: Interactions) -> tuple[Settings, Sequence[tuple[str, Sequence[Any]]]] | None:
    """None above MAX_ITEMS items, and for data with less than two users or items."""
    users, items = data.matrix.shape
    if not 2 <= items <= MAX_ITEMS or users < 2:
        return None
    return {"reg": 200.0, "rank": MAX_RANK}, [("reg", (50.0, 500.0, 2000.0)), ("rank", (32, 128))]


def fit(data: Interactions, settings: Settings, *, seed: int) -> RankingModel:
    """Truncate the model to `rank` eigenvalues; `seed` decides where the iterative solver starts."""
    values, vectors = _spectrum(data, seed)
    rank = min(int(settings["rank"]), len(values))
    vectors = np.ascontiguousarray(vectors[:, :rank])
    shrunk = values[:rank] / (values[:rank] + settings["reg"])
    rest = np.maximum(1.0 - np.square(vectors, dtype=np.float64) @ shrunk, _SMALLEST_DENOMINATOR)
    decoder = (vectors * shrunk / rest[:, None]).astype(np.float32)
    spread = data.prior() @ vectors.astype(np.float64)
    return RankingModel(
        item_factors=decoder,
        item_bias=np.zeros(len(decoder), np.float32),
        user_factors=None,
        new_users=lambda prior: FoldIn(rhs=prior * spread, encoder=vectors),
    )


def _spectrum(data: Interactions, seed: int) -> tuple[NDArray[np.float64], NDArray[np.float32]]:
    """Eigenvalues of XᵀX, decreasing, and its eigenvectors (I, r): all, or the MAX_RANK largest of a large matrix."""
    if "spectrum" not in data.cache:
        watched = (data.matrix != 0).astype(np.float32)
        users, items = watched.shape
        if min(users, items) > _MAX_DENSE:
            torch.manual_seed(seed)
            coordinates = np.stack(watched.tocoo().coords)
            entries = torch.sparse_coo_tensor(
                torch.from_numpy(coordinates), torch.from_numpy(watched.data), watched.shape, check_invariants=True
            )
            _, singular, right = torch.svd_lowrank(entries, q=MAX_RANK + _SPARE, niter=_ITERATIONS)
            values = np.square(singular.numpy().astype(np.float64))[:MAX_RANK]
            vectors = right.numpy()[:, :MAX_RANK]
        else:
            by_users = users < items
            small = (watched @ watched.T if by_users else watched.T @ watched).toarray().astype(np.float64)
            values, vectors = (tensor.numpy() for tensor in torch.linalg.eigh(torch.from_numpy(small)))
            large = values > _MIN_EIGENVALUE
            values, vectors = values[large][::-1], vectors[:, large][:, ::-1]
            if by_users:
                vectors = (watched.T @ vectors) / np.sqrt(values)
        data.cache["spectrum"] = values, vectors.astype(np.float32)
    spectrum: tuple[NDArray[np.float64], NDArray[np.float32]] = data.cache["spectrum"]
    return spectrum
