"""The users of the data: who there is, and which films one has rated."""

import numpy as np
from fastapi import FastAPI, Request, Response

from model_service.serving import description, responses
from model_service.serving.api.common import films, json_response
from model_service.serving.errors import RequestError
from model_service.serving.query import parameters, read_id, read_n
from model_service.serving.state import Model, ServiceState


def add(app: FastAPI, state: ServiceState) -> None:
    """GET /users and /users/{uid}."""

    @app.get(
        "/users",
        summary="Ids of users, increasing, the n first after `after`",
        responses=responses.USERS_RESPONSES,
        openapi_extra={"parameters": [description.AFTER, description.N]},
    )
    async def users(request: Request) -> Response:
        fields = parameters(request.scope["query_string"], frozenset(("after", "n")))
        n = read_n(fields)
        after = read_id(fields["after"], "after", example="/users?after=20") if "after" in fields else None
        ids = state.loaded().artifact.weights.user_ids
        first = 0 if after is None else int(np.searchsorted(ids, after, side="right"))
        return json_response({"success": True, "users": ids[first : first + n].tolist(), "count": len(ids)})

    @app.get(
        "/users/{uid}",
        summary="The films that a user has rated, the n that suit the user best first",
        description="The ratings themselves are not part of the model: `stars` is what the model predicts for them.",
        responses=responses.USER_RESPONSES,
        openapi_extra={"parameters": [description.UID_PATH, description.N]},
    )
    async def user(request: Request) -> Response:
        n = read_n(parameters(request.scope["query_string"], frozenset(("n",))))
        uid = read_id(request.path_params["uid"], "uid", example="/users/20")
        model = state.loaded()
        return json_response(await state.aside.run(lambda: _rated(model, uid, n)))


def _rated(model: Model, uid: int, n: int) -> dict[str, object]:
    person = model.recommender.person(uid)
    if person is None:
        raise RequestError(404, f"user {uid} is not in the model's data; GET /users tells who is")
    rows = person.seen.tolist()
    stars = model.recommender.score_pairs([person] * len(rows), rows)
    best = sorted(zip(rows, stars, strict=True), key=lambda pair: (-pair[1], pair[0]))[:n]
    told = films(model, [row for row, _ in best])
    rated = [{**one, "stars": score} for one, (_, score) in zip(told, best, strict=True)]
    return {"success": True, "uid": uid, "count": len(rows), "rated": rated}
