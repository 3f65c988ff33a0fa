"""The parts of the OpenAPI description that FastAPI cannot read off the code."""

from typing import Any

from model_service.serving.body import MAX_BODY_BYTES, MAX_BODY_SECONDS
from model_service.serving.query import DEFAULT_N, MAX_EXCLUDED, MAX_N

TITLE = "Film recommender"
SUMMARY = f"""The best films that a user has not rated yet, from a matrix-factorisation model.

Every answer carries the version of the model in the header `X-Model-Version`, and an error is always
`{{"success": false, "error": "…"}}`. A body is at most {MAX_BODY_BYTES} bytes and
arrives within {MAX_BODY_SECONDS:g} s.
"""

Responses = dict[int | str, dict[str, Any]]

INT64 = {"type": "integer", "format": "int64", "minimum": -(2**63), "maximum": 2**63 - 1}
UID_SCHEMA = {**INT64, "description": "The user's id in the data."}
N_SCHEMA = {"type": "integer", "minimum": 1, "maximum": MAX_N, "default": DEFAULT_N, "description": "How many."}
GENRE_SCHEMA = {
    "type": "string",
    "minLength": 1,
    "maxLength": 100,
    "description": "Only this genre, whatever its case.",
}
EXCLUDE = {"type": "array", "items": INT64, "minItems": 1, "maxItems": MAX_EXCLUDED, "description": "Ids of films."}


def parameter(name: str, schema: dict[str, Any], *, place: str = "query", **more: Any) -> dict[str, Any]:
    """A parameter of an operation; those in the path are required."""
    return {"name": name, "in": place, "required": place == "path", "schema": schema, **more}


N = parameter("n", N_SCHEMA, example=10)
Q = parameter("q", {**GENRE_SCHEMA, "description": "A part of the title, whatever its case."}, example="orchard")
GENRE = parameter("genre", GENRE_SCHEMA)
AFTER = parameter("after", {**INT64, "description": "An id, not part of the answer."}, example=20)
ITEM_ID = parameter("id", {**INT64, "description": "The film's id in the data."}, place="path", example=1)
UID_PATH = parameter("uid", UID_SCHEMA, place="path", example=20)

_FILM_PROPERTIES = {
    "id": INT64,
    "title": {"type": "string"},
    "genres": {"type": "array", "items": {"type": "string"}},
    "year": {"type": ["integer", "null"]},
}
FILM = {"type": "object", "required": list(_FILM_PROPERTIES), "properties": _FILM_PROPERTIES}
_RATINGS = {"type": "integer", "minimum": 0, "description": "How often the film was rated in the data."}
COUNTED_FILM: dict[str, Any] = {
    "type": "object",
    "required": [*_FILM_PROPERTIES, "ratings"],
    "properties": {**_FILM_PROPERTIES, "ratings": _RATINGS},
}
IDS = {"type": "array", "items": INT64, "maxItems": MAX_N, "description": "The films' ids, in the same order."}
_ERROR_SCHEMA = {
    "type": "object",
    "required": ["success", "error"],
    "properties": {"success": {"const": False}, "error": {"type": "string"}},
}


def ranked(text: str) -> dict[str, Any]:
    """Pairs of a title and a number, described by `text`."""
    pair = {"type": "array", "items": {"type": ["string", "number"]}, "minItems": 2, "maxItems": 2}
    return {"type": "array", "maxItems": MAX_N, "description": text, "items": pair}


def success(**properties: Any) -> dict[str, Any]:
    """A successful answer with these properties, all of them required."""
    return {
        "type": "object",
        "required": ["success", *properties],
        "properties": {"success": {"const": True}, **properties},
    }


RANKED_SCHEMA: dict[str, Any] = {
    "type": "object",
    "required": ["success", "response"],
    "properties": {
        "success": {"const": True},
        "response": ranked("Title and predicted rating in stars, best first."),
        "cold_start": {"const": True, "description": "Only for a user who is not in the data: popular films."},
        "reason": {"type": "string", "description": "Only with cold_start: why these films."},
    },
}
RANKED_EXAMPLES = {
    "known user": {
        "value": {"success": True, "response": [["The Silent Orchard (1987)", 4.81], ["Lantern of Bergen (1994)", 4.7]]}
    },
    "unknown user": {
        "value": {
            "success": True,
            "response": [["The Last Voyage (1990)", 4.42]],
            "cold_start": True,
            "reason": "user 5000 is not in the model's data: these are popular films",
        }
    },
}
STATUS_SCHEMA = {
    "type": "object",
    "required": ["success"],
    "properties": {"success": {"const": True}, "model_version": {"type": "string"}},
}


def error(description: str, example: str) -> dict[str, Any]:
    """An error response with an example of its message."""
    body = {"schema": _ERROR_SCHEMA, "example": {"success": False, "error": example}}
    return {"description": description, "content": {"application/json": body}}


def answer(description: str, schema: dict[str, Any], **more: Any) -> dict[str, Any]:
    """A response of status 200 with the header that every answer has."""
    header = {"description": "The first 12 hex digits of the model's version.", "schema": {"type": "string"}}
    return {
        "description": description,
        "headers": {"X-Model-Version": header},
        "content": {"application/json": {"schema": schema, **more}},
    }
