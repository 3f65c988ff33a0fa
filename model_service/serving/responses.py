"""What each operation answers, as OpenAPI describes it."""

from typing import Any

from model_service.serving.body import MAX_BODY_BYTES, MAX_BODY_SECONDS
from model_service.serving.description import (
    COUNTED_FILM,
    EXCLUDE,
    FILM,
    GENRE,
    GENRE_SCHEMA,
    IDS,
    INT64,
    N_SCHEMA,
    RANKED_EXAMPLES,
    RANKED_SCHEMA,
    STATUS_SCHEMA,
    UID_SCHEMA,
    N,
    Responses,
    answer,
    error,
    parameter,
    ranked,
    success,
)
from model_service.serving.query import MAX_N

NOT_READY = error(
    "No verified model, shutting down, or too many requests waiting; Retry-After tells when to ask again.",
    "not ready: the artifact is incomplete: … is missing",
)
_NOT_USABLE = error("A value cannot be used.", "n has to be a whole number from 1 to 100; it is '0'")
_NO_SUCH_FILM = error("There is no such film.", "no film has the id '99999'; GET /items?q= finds films by title")
STATUS_RESPONSES: Responses = {200: answer("Yes.", STATUS_SCHEMA)}
READY_RESPONSES: Responses = {**STATUS_RESPONSES, 503: NOT_READY}
_BODY_PROBLEMS: Responses = {
    400: error("The body is no JSON.", 'the body is no JSON; send for example {"uid": 20, "n": 10}'),
    408: error("The body is too slow.", f"the body did not arrive within {MAX_BODY_SECONDS:g} s"),
    413: error("The body is too long.", f"the body is longer than {MAX_BODY_BYTES} bytes"),
    422: error(
        "Something is missing, or a value cannot be used.",
        "n has to be a whole number from 1 to 100; it is '0'",
    ),
    503: NOT_READY,
}
_READ_PROBLEMS: Responses = {422: _NOT_USABLE, 503: NOT_READY}
RANKED_RESPONSES: Responses = {
    200: answer("The films, best first.", RANKED_SCHEMA, examples=RANKED_EXAMPLES),
    **_BODY_PROBLEMS,
}
_RECOMMENDED_SCHEMA = {
    **RANKED_SCHEMA,
    "required": [*RANKED_SCHEMA["required"], "ids"],
    "properties": {**RANKED_SCHEMA["properties"], "ids": IDS},
}
_RECOMMENDED_EXAMPLE = {
    "success": True,
    "response": [["The Silent Orchard (1987)", 4.81], ["Lantern of Bergen (1994)", 4.7]],
    "ids": [314, 15],
}
RECOMMENDED_RESPONSES: Responses = {
    200: answer("The films, best first.", _RECOMMENDED_SCHEMA, example=_RECOMMENDED_EXAMPLE),
    **_BODY_PROBLEMS,
}
_PREDICTION = {
    "type": "object",
    "required": ["uid", "id", "stars"],
    "properties": {"uid": INT64, "id": INT64, "stars": {"type": "number"}, "cold_start": {"const": True}},
}
PREDICTED_RESPONSES: Responses = {
    200: answer(
        "A prediction for each pair, in order.",
        success(predictions={"type": "array", "items": _PREDICTION}),
        example={"success": True, "predictions": [{"uid": 20, "id": 1, "stars": 3.87}]},
    ),
    **_BODY_PROBLEMS,
}
_FILM_EXAMPLE: dict[str, Any] = {"id": 314, "title": "The Silent Orchard (1987)", "genres": ["Drama"], "year": 1987}
ITEMS_RESPONSES: Responses = {
    200: answer(
        "Films, most rated first.",
        success(items={"type": "array", "maxItems": MAX_N, "items": COUNTED_FILM}),
        example={"success": True, "items": [{**_FILM_EXAMPLE, "ratings": 172}]},
    ),
    **_READ_PROBLEMS,
}
ITEM_RESPONSES: Responses = {
    200: answer(
        "The film.", success(item=COUNTED_FILM), example={"success": True, "item": {**_FILM_EXAMPLE, "ratings": 172}}
    ),
    404: _NO_SUCH_FILM,
    **_READ_PROBLEMS,
}
SIMILAR_RESPONSES: Responses = {
    200: answer(
        "The films, most alike first.",
        success(item=FILM, response=ranked("Title and cosine, -1 to 1, most alike first."), ids=IDS),
        example={"success": True, "item": _FILM_EXAMPLE, "response": [["Orchard of Bergen (1991)", 0.93]], "ids": [77]},
    ),
    404: _NO_SUCH_FILM,
    **_READ_PROBLEMS,
}
USERS_RESPONSES: Responses = {
    200: answer(
        "Ids of users and how many users there are.",
        success(users={"type": "array", "items": INT64, "maxItems": MAX_N}, count={"type": "integer"}),
        example={"success": True, "users": [21, 22, 23], "count": 943},
    ),
    **_READ_PROBLEMS,
}
_RATED_FILM = {
    "type": "object",
    "required": [*COUNTED_FILM["required"], "stars"],
    "properties": {**COUNTED_FILM["properties"], "stars": {"type": "number"}},
}
USER_RESPONSES: Responses = {
    200: answer(
        "How many films the user has rated, and the n of them that suit the user best.",
        success(uid=INT64, count={"type": "integer"}, rated={"type": "array", "maxItems": MAX_N, "items": _RATED_FILM}),
        example={"success": True, "uid": 20, "count": 48, "rated": [{**_FILM_EXAMPLE, "ratings": 172, "stars": 4.6}]},
    ),
    404: error("There is no such user.", "user 5000 is not in the model's data; GET /users tells who is"),
    **_READ_PROBLEMS,
}
_ANY = {"type": "object"}
_INDEX = {
    "type": "object",
    "required": ["library", "recall_at_10"],
    "properties": {
        "library": {"type": "string"},
        "recall_at_10": {"type": "number", "minimum": 0, "maximum": 1},
        "measured_users": {"type": "integer"},
        "lists": {"type": "integer"},
        "probes": {"type": "integer"},
    },
}
MODEL_RESPONSES: Responses = {
    200: answer(
        "What is known of the model.",
        success(
            model_version={"type": "string"},
            users={"type": "integer"},
            items={"type": "integer"},
            factors={"type": "integer"},
            scale={"type": "array", "items": {"type": "number"}, "minItems": 2, "maxItems": 2},
            data=_ANY,
            hyperparameters=_ANY,
            metrics=_ANY,
            libraries=_ANY,
            engine={"type": "string"},
            index={"anyOf": [{"const": "exact"}, _INDEX]},
        ),
    ),
    503: NOT_READY,
}
METRICS_RESPONSES: Responses = {
    200: {
        "description": "Metrics in text format 0.0.4.",
        "content": {"text/plain": {"schema": {"type": "string"}}},
    },
    404: error("Asked through a load balancer.", "GET /metrics is answered within the network only"),
}
RANKED_REQUEST: dict[str, Any] = {
    "parameters": [
        parameter("uid", UID_SCHEMA, example=20),
        N,
        GENRE,
        parameter("exclude", EXCLUDE, style="form", explode=False),
    ],
    "requestBody": {
        "description": "The same names as in the query string, which goes first where both are given.",
        "required": False,
        "content": {
            "application/json": {
                "schema": {
                    "type": "object",
                    "properties": {
                        "uid": UID_SCHEMA,
                        "n": N_SCHEMA,
                        "genre": GENRE_SCHEMA,
                        "exclude": {**EXCLUDE, "minItems": 0},
                    },
                },
                "example": {"uid": 20, "n": 10},
            }
        },
    },
}
