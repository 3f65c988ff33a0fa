"""The page's data: what a user rated, what is recommended, and the rated items that speak for each recommendation."""

from typing import Any, Final

import numpy as np

from model_service.artifact import Artifact
from model_service.catalogue import Item
from model_service.serving.recommender import DEFAULT_N, Recommender

MAX_RATED: Final = 12
REASONS: Final = 2
EXAMPLES: Final = 12


def explain_user(recommender: Recommender, uid: int) -> dict[str, Any]:
    """The page's data for user `uid`; popular items without explanations for a user who is not in the data.

    rated_items: the at most MAX_RATED items with the highest ratings or counts, as in the data; the value is null for
    what was watched and not rated. scale: of the ratings, null for counts. because: the REASONS
    rated items that add most to the recommended item's score, with their share of all that speaks for it, 0 to 1.
    """
    items = recommender.items
    recommended = recommender.recommend(uid, DEFAULT_N)
    history = recommender.history(uid)
    explained = [
        {
            **_item(items[row]),
            "stars": stars,
            "because": [{**_item(items[reason]), "share": share} for reason, share in reasons],
        }
        for row, (_, stars), reasons in zip(
            recommended.rows,
            recommended.ranked,
            recommender.reasons(uid, recommended.rows, REASONS),
            strict=True,
        )
    ]
    return {
        "success": True,
        "model_version": recommender.version,
        "uid": uid,
        "known": history is not None,
        "has_stars": recommender.stars is not None,
        "scale": recommender.scale,
        "rated": 0 if history is None else len(history.rows),
        "rated_items": [{**_item(items[one.row]), "value": one.value} for one in recommender.rated(uid, MAX_RATED)],
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
