"""The page's data: rated and recommended items of a user, and the rated items most similar to each recommendation."""

from typing import Any, Final

import numpy as np

from model_service.artifact import Artifact
from model_service.catalogue import Item
from model_service.serving.recommender import DEFAULT_N, Recommender

MAX_LIKED: Final = 12
REASONS: Final = 2
EXAMPLES: Final = 12


def explain_user(recommender: Recommender, uid: int) -> dict[str, Any]:
    """The page's data for user `uid`; popular items without explanations for a user who is not in the data.

    liked: the at most MAX_LIKED rated items with the highest predictions; the ratings are not part of the model.
    because: the REASONS of them with the greatest positive cosine similarity to the recommended item.
    """
    items = recommender.items
    recommended = recommender.recommend(uid, DEFAULT_N)
    user = recommender.user(uid)
    liked = recommender.rated(user, MAX_LIKED) if user is not None else None
    mask = np.zeros(len(items), np.bool_)
    if liked is not None:
        mask[list(liked.rows)] = True
    explained = []
    for row, (_, stars) in zip(recommended.rows, recommended.ranked, strict=True):
        similar = recommender.similar(row, REASONS, mask=mask)
        because = [
            {**_item(items[reason]), "likeness": cosine}
            for reason, (_, cosine) in zip(similar.rows, similar.ranked, strict=True)
            if cosine > 0
        ]
        explained.append({**_item(items[row]), "stars": stars, "because": because})
    return {
        "success": True,
        "model_version": recommender.version,
        "uid": uid,
        "known": user is not None,
        "rated": 0 if user is None else len(user.seen),
        "liked": [
            {**_item(items[row]), "stars": stars}
            for row, (_, stars) in (zip(liked.rows, liked.ranked, strict=True) if liked else ())
        ],
        "recommended": explained,
    }


def describe_users(artifact: Artifact, recommender: Recommender) -> dict[str, Any]:
    """The numbers of users and items, and EXAMPLES user ids evenly spread over all users."""
    ids = artifact.weights.user_ids
    positions = np.unique(np.linspace(0, len(ids) - 1, min(EXAMPLES, len(ids))).astype(int))
    return {
        "success": True,
        "model_version": recommender.version,
        "users": len(ids),
        "films": len(artifact.items),
        "examples": ids[positions].tolist(),
    }


def _item(item: Item) -> dict[str, Any]:
    return {"id": item.id, "title": item.title, "genres": list(item.genres)}
