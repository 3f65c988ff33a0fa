"""EASE as published, with the inverse of the whole matrix: what its truncated form and the other rankers have to reach.

Source: Steck, "Embarrassingly Shallow Autoencoders for Sparse Data", WWW 2019.
"""

import os
from collections.abc import Sequence
from functools import partial

import numpy as np
import torch
from numpy.typing import NDArray
from tqdm import tqdm

from model_service.data.ratings import Ratings
from model_service.training.epochs import threads
from model_service.training.interactions import Interactions
from model_service.training.rankers import ease
from model_service.training.ranking import RankingTask, Scorer
from model_service.training.split import Split

REGS = (50.0, 200.0, 500.0, 2000.0)
MAX_DENSE = 2000  # users or items; up to here the ranker keeps all eigenvalues, and they are cheaper than the inverse


def full_ease(data: Interactions, reg: float) -> Scorer:
    """The scores of the full model, by all eigenvalues or by the inverse, whichever is cheaper."""
    return by_eigenvalues(data, reg) if min(data.matrix.shape) <= MAX_DENSE else by_inverse(data, reg)


def by_eigenvalues(data: Interactions, reg: float) -> Scorer:
    """The project's own ranker with nothing cut off; up to MAX_DENSE users or items."""
    model = ease.fit(data, {"reg": reg, "rank": min(data.matrix.shape)}, seed=0)
    return partial(model.scores, data)


def by_inverse(data: Interactions, reg: float) -> Scorer:
    """Scores of the items that a user did not watch: x B with B = I - P diag(1 / P_jj), P = (XᵀX + reg I)⁻¹."""
    watched = (data.matrix != 0).astype(np.float32)
    system = torch.from_numpy((watched.T @ watched).toarray())
    system.diagonal().add_(reg)
    with threads(len(os.sched_getaffinity(0))):
        inverse = torch.linalg.inv(system).numpy()
    weights = -1.0 / np.diagonal(inverse)

    def scores(users: NDArray[np.int64]) -> NDArray[np.float32]:
        return np.asarray((watched[users] @ inverse) * weights, np.float32)

    return scores


def choose_reg(ratings: Ratings, split: Split, regs: Sequence[float] = REGS, *, seed: int) -> float:
    """The regularisation with the best NDCG@10 on the validation ratings of `split`."""
    data = Interactions.of(ratings, split.train)
    task = RankingTask.of(ratings, train=split.train, test=split.validation, seed=seed)
    tried = tqdm(regs, desc=f"choosing a regularisation ({split.name} split)", unit=" fits")
    ndcg = {reg: float(task.evaluate(full_ease(data, reg)).ndcg.sum()) for reg in tried}
    return max(ndcg, key=lambda reg: ndcg[reg])
