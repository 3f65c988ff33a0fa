"""The page's data: what a user rated, what is recommended, and the rated items that speak for each recommendation."""

from typing import Any, Final

import numpy as np

from model_service.artifact import Artifact
from model_service.serving.recommender import DEFAULT_N, IdForm, Recommender

MAX_RATED: Final = 12
REASONS: Final = 2
EXAMPLES: Final = 12


def explain_user(recommender: Recommender, uid: str, ids: IdForm = "data") -> dict[str, Any]:
    """The page's data for user `uid`; popular items without explanations for a user who is not in the data.

    rated_items: the at most MAX_RATED items with the highest ratings or counts, as in the data. because: the REASONS
    rated items that add most to the recommended item's score, with their share of all that speaks for it, 0 to 1.
    """
    recommended = recommender.recommend(uid, DEFAULT_N)
    history = recommender.history(uid)
    explained = [
        {
            **_item(recommender, row, ids),
            "stars": stars,
            "because": [{**_item(recommender, reason, ids), "share": share} for reason, share in reasons],
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
        "uid": recommender.user_id(uid, ids),
        "known": history is not None,
        "has_stars": recommender.stars is not None,
        "rated": 0 if history is None else len(history.rows),
        "rated_items": [
            {**_item(recommender, one.row, ids), "value": one.value} for one in recommender.rated(uid, MAX_RATED)
        ],
        "recommended": explained,
    }


def describe_users(artifact: Artifact, recommender: Recommender, ids: IdForm = "data") -> dict[str, Any]:
    """The numbers of users and items, and EXAMPLES user ids evenly spread over all users."""
    users = artifact.weights.users
    positions = np.unique(np.linspace(0, len(users) - 1, min(EXAMPLES, len(users))).astype(int))
    return {
        "success": True,
        "model_version": recommender.version,
        "users": len(users),
        "films": len(artifact.items),
        "examples": [recommender.user_id(users[position], ids) for position in positions.tolist()],
    }


def _item(recommender: Recommender, row: int, ids: IdForm) -> dict[str, Any]:
    item = recommender.items[row]
    return {"id": recommender.item_id(row, ids), "title": item.title, "genres": list(item.genres)}
