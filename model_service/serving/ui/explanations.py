"""The page's data: what somebody rated, what is recommended, and the rated items that speak for each recommendation."""

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from model_service.artifact import Artifact
from model_service.serving.ranking.top_k import UserVector
from model_service.serving.recommender import DEFAULT_N, History, IdForm, Recommender, RecommendRequest

MAX_RATED: Final = 200
REASONS: Final = 2
SIMILAR: Final = 10
EXAMPLES: Final = 12
# What the items are called, by the name of the ratings' source or of its column of items; `item` for anything else.
_NOUNS: Final = {
    "film": r"synthetic|movie|film|netflix",
    "book": r"book|isbn",
    "artist": r"artist",
    "song": r"song|track",
    "game": r"game",
    "product": r"product|asin",
}


@dataclass(frozen=True, kw_only=True)
class Person:
    """A user of the page: id as in the data or folded-in vector, and what they watched, None if not in the data."""

    user: str | UserVector
    history: History | None

    @classmethod
    def known(cls, recommender: Recommender, uid: str) -> "Person":
        """The user with this id, who need not be in the data."""
        return cls(user=uid, history=recommender.history(uid))

    @classmethod
    def new(cls, recommender: Recommender, rows: Sequence[int], values: Sequence[float | None]) -> "Person":
        """A new user who watched these items and gave them these ratings or counts; raises as `fold_in`."""
        numbers = np.array([math.nan if value is None else value for value in values], np.float32)
        order = np.argsort(rows)
        history = History(rows=np.asarray(rows, np.int32)[order], values=numbers[order])
        return cls(user=recommender.fold_in(rows, values), history=history)


def explain_person(recommender: Recommender, person: Person, ids: IdForm = "data") -> dict[str, Any]:
    """Recommendations with explanations; popular items without them for a user who is not in the data.

    because: the REASONS rated items that add most to the recommended item's score, with their share of all that speaks
    for it, 0 to 1. scale: of the ratings, null for counts.
    """
    recommended = recommender.recommend_many([RecommendRequest(person.user, DEFAULT_N)])[0]
    reasons = recommender.reasons(person.history, recommended.rows, REASONS)
    return {
        "success": True,
        "model_version": recommender.version,
        "known": person.history is not None,
        "scale": recommender.scale,
        "rated": 0 if person.history is None else len(person.history.rows),
        "recommended": [
            {**_item(recommender, row, ids), "stars": stars, "because": _because(recommender, because, ids)}
            for row, (_, stars), because in zip(recommended.rows, recommended.ranked, reasons, strict=True)
        ],
    }


def explain_user(recommender: Recommender, uid: str, ids: IdForm = "data") -> dict[str, Any]:
    """As `explain_person` for the user with this id, with what they rated.

    rated_items: the at most MAX_RATED items with the highest ratings or counts, as in the data; the value is null for
    what was watched and not rated.
    """
    return {
        **explain_person(recommender, Person.known(recommender, uid), ids),
        "uid": recommender.user_id(uid, ids),
        "rated_items": [
            {**_item(recommender, one.row, ids), "value": one.value} for one in recommender.rated(uid, MAX_RATED)
        ],
    }


def explain_item(
    recommender: Recommender, row: int, ratings: int, person: Person, ids: IdForm = "data"
) -> dict[str, Any]:
    """One item for a user: what they gave it or are predicted to give, why it suits them, and the most similar items.

    ratings: the number of ratings of the item. seen: whether the user watched it; `value` is what they gave, null
    without a number. because: empty for what the user watched already.
    """
    user = recommender.user(person.user) if isinstance(person.user, str) else person.user
    place = np.flatnonzero(person.history.rows == row) if person.history else np.zeros(0, np.int64)
    value = float(person.history.values[place[0]]) if person.history and len(place) else math.nan
    because = [] if len(place) else recommender.reasons(person.history, [row], REASONS)[0]
    similar = recommender.similar(row, SIMILAR).rows
    stars = recommender.stars and recommender.predict([user or recommender.unknown_user()], [row])[0]
    return {
        "success": True,
        "model_version": recommender.version,
        "item": {**_item(recommender, row, ids), "ratings": ratings},
        "known": person.history is not None,
        "scale": recommender.scale,
        "seen": len(place) > 0,
        "value": None if math.isnan(value) else value,
        "stars": stars,
        "because": _because(recommender, because, ids),
        "similar": [_item(recommender, one, ids) for one in similar],
    }


def describe_users(artifact: Artifact, recommender: Recommender, ids: IdForm = "data") -> dict[str, Any]:
    """The numbers of users and items, EXAMPLES user ids evenly spread over all users, and what the items are called."""
    users = artifact.weights.users
    positions = np.unique(np.linspace(0, len(users) - 1, min(EXAMPLES, len(users))).astype(int))
    return {
        "success": True,
        "model_version": recommender.version,
        "users": len(users),
        "films": len(artifact.items),
        "noun": _noun(artifact.metadata.data),
        "has_stars": recommender.stars is not None,
        "scale": recommender.scale,
        "examples": [recommender.user_id(users[position], ids) for position in positions.tolist()],
    }


def _noun(data: dict[str, Any]) -> str:
    columns = (data.get("input") or {}).get("columns") or {}
    for text in (str(columns.get("item", "")), str(data.get("source", ""))):
        for noun, pattern in _NOUNS.items():
            if re.search(pattern, text, re.IGNORECASE):
                return noun
    return "item"


def _because(recommender: Recommender, reasons: Sequence[tuple[int, float]], ids: IdForm) -> list[dict[str, Any]]:
    return [{**_item(recommender, row, ids), "share": share} for row, share in reasons]


def _item(recommender: Recommender, row: int, ids: IdForm) -> dict[str, Any]:
    item = recommender.items[row]
    return {"id": recommender.item_id(row, ids), "title": item.title, "genres": list(item.genres)}
