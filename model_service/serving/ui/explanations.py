"""What the page tells about one user: films they rated, films recommended, and the rated films nearest to each."""

from typing import Any, Final

import numpy as np

from model_service.artifact import Artifact
from model_service.serving.recommender import Recommender

RECOMMENDED: Final = 10
MAX_LIKED: Final = 12
REASONS: Final = 2
EXAMPLES: Final = 12


def explain_user(artifact: Artifact, recommender: Recommender, uid: int) -> dict[str, Any]:
    """Everything that the page shows for user `uid`; somebody who is not in the data gets popular films, no reasons.

    `liked` are the rated films that the model thinks this user likes best, best first, at most MAX_LIKED of
    `rated`: an artifact says which films were rated and not with how many stars. `because` names the REASONS of
    them whose vectors have the greatest positive cosine with the recommended film's.
    """
    found = recommender.recommend(uid, RECOMMENDED)
    person = recommender.person(uid)
    liked: list[tuple[int, float]] = []
    mask = np.zeros(len(artifact.items), np.bool_)
    if person is not None and len(person.seen):
        rows = person.seen.tolist()
        stars = recommender.score_pairs([person] * len(rows), rows)
        liked = sorted(zip(rows, stars, strict=True), key=lambda one: (-one[1], one[0]))[:MAX_LIKED]
        mask[[row for row, _ in liked]] = True
    recommended = []
    for row, (_, stars_) in zip(found.rows, found.ranked, strict=True):
        near = recommender.similar(row, REASONS, mask=mask) if liked else None
        because = [
            {**_film(artifact, reason), "likeness": likeness}
            for reason, (_, likeness) in (zip(near.rows, near.ranked, strict=True) if near else ())
            if likeness > 0
        ]
        recommended.append({**_film(artifact, row), "stars": stars_, "because": because})
    return {
        "success": True,
        "model_version": recommender.version,
        "uid": uid,
        "known": person is not None,
        "rated": 0 if person is None else len(person.seen),
        "liked": [{**_film(artifact, row), "stars": stars} for row, stars in liked],
        "recommended": recommended,
    }


def describe_users(artifact: Artifact, recommender: Recommender) -> dict[str, Any]:
    """How many users and films there are, and EXAMPLES user ids spread over all of them."""
    ids = artifact.weights.user_ids
    places = np.unique(np.linspace(0, len(ids) - 1, min(EXAMPLES, len(ids))).astype(int))
    return {
        "success": True,
        "model_version": recommender.version,
        "users": len(ids),
        "films": len(artifact.items),
        "examples": ids[places].tolist(),
    }


def _film(artifact: Artifact, row: int) -> dict[str, Any]:
    item = artifact.items[row]
    return {"id": item.id, "title": item.title, "genres": list(item.genres)}
