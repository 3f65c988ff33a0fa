"""Popularity: how often an item was liked, the same list for everybody; old interactions may count less."""

from collections.abc import Sequence
from typing import Any

import numpy as np

from model_service.serving.ranking.fold_in import FoldIn
from model_service.training.interactions import Interactions
from model_service.training.rankers import RankingModel, Settings

DESCRIPTION = "popularity"


def search_space(data: Interactions) -> tuple[Settings, Sequence[tuple[str, Sequence[Any]]]]:
    """Half-lives in days, where there are times; null counts all interactions alike."""
    return {"half_life_days": None}, [("half_life_days", (365, 90, 30, 7))] if data.liked_ages is not None else []


def fit(data: Interactions, settings: Settings, *, seed: int) -> RankingModel:
    """Count; `seed` has no effect. The vectors are zeros, of length 1."""
    users, items = data.matrix.shape
    fold_in = FoldIn(rhs=np.zeros(1))
    return RankingModel(
        item_factors=np.zeros((items, 1), np.float32),
        item_bias=data.popularity(settings["half_life_days"]).astype(np.float32),
        user_factors=np.zeros((users, 1), np.float32),
        new_users=lambda prior: fold_in,
    )
