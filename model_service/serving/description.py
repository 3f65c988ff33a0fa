"""The parts of the OpenAPI description that FastAPI cannot read off the code."""

from typing import Any

from model_service.serving.body import MOST_BYTES, MOST_SECONDS
from model_service.serving.query import DEFAULT_N, MOST_N

TITLE = "Film recommender"
SUMMARY = f"""The best films that a user has not rated yet, from a matrix-factorisation model.

Every answer carries the version of the model in the header `X-Model-Version`, and an error is always
`{{"success": false, "error": "…"}}`. A body is at most {MOST_BYTES} bytes and arrives within {MOST_SECONDS:g} s.
"""

_UID = {"type": "integer", "format": "int64", "description": "The user's id in the data."}
_N = {"type": "integer", "minimum": 1, "maximum": MOST_N, "default": DEFAULT_N, "description": "How many films."}
_ERROR_SCHEMA = {
    "type": "object",
    "required": ["success", "error"],
    "properties": {"success": {"const": False}, "error": {"type": "string"}},
}
_RANKED_SCHEMA = {
    "type": "object",
    "required": ["success", "response"],
    "properties": {
        "success": {"const": True},
        "response": {
            "type": "array",
            "maxItems": MOST_N,
            "description": "Title and predicted rating in stars, best first.",
            "items": {
                "type": "array",
                "prefixItems": [{"type": "string"}, {"type": "number"}],
                "minItems": 2,
                "maxItems": 2,
            },
        },
        "cold_start": {"const": True, "description": "Only for a user who is not in the data: popular films."},
        "reason": {"type": "string", "description": "Only with cold_start: why these films."},
    },
}
_RANKED_EXAMPLES = {
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
_STATUS_SCHEMA = {
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


NOT_READY = error("No verified model, or shutting down.", "not ready: the artifact is incomplete: … is missing")
STATUS_RESPONSES: dict[int | str, dict[str, Any]] = {200: answer("Yes.", _STATUS_SCHEMA)}
RANKED_RESPONSES: dict[int | str, dict[str, Any]] = {
    200: answer("The films, best first.", _RANKED_SCHEMA, examples=_RANKED_EXAMPLES),
    400: error("The body is no JSON.", 'the body is no JSON; send for example {"uid": 20, "n": 10}'),
    408: error("The body is too slow.", f"the body did not arrive within {MOST_SECONDS:g} s"),
    413: error("The body is too long.", f"the body is longer than {MOST_BYTES} bytes"),
    422: error("uid is missing, or a value cannot be used.", "n has to be a whole number from 1 to 100; it is '0'"),
    503: NOT_READY,
}
RANKED_REQUEST: dict[str, Any] = {
    "parameters": [
        {"name": "uid", "in": "query", "required": False, "schema": _UID, "example": 20},
        {"name": "n", "in": "query", "required": False, "schema": _N, "example": 10},
    ],
    "requestBody": {
        "description": "The same names as in the query string, which goes first where both are given.",
        "required": False,
        "content": {
            "application/json": {
                "schema": {"type": "object", "properties": {"uid": _UID, "n": _N}},
                "example": {"uid": 20, "n": 10},
            }
        },
    },
}
