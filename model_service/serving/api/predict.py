"""The predicted rating of given films by given users."""

import numpy as np
from fastapi import FastAPI, Request, Response

from model_service.serving import responses
from model_service.serving.api.common import json_response, row_of
from model_service.serving.api.schemas import Pair, Pairs, parse, schema
from model_service.serving.body import read_body
from model_service.serving.ranking.fold_in import UserVector
from model_service.serving.state import Model, ServiceState

_EXAMPLE = '{"pairs": [{"uid": 20, "id": 1}]}'


def add(app: FastAPI, state: ServiceState) -> None:
    """POST /predict."""

    @app.post(
        "/predict",
        summary="The predicted rating, in stars, for each pair of a user and a film",
        description="For a user who is not in the data the film's own average, shrunk as the model does, is told and "
        "marked with cold_start.",
        responses=responses.PREDICTED_RESPONSES,
        openapi_extra=schema(Pairs, {"pairs": [{"uid": 20, "id": 1}, {"uid": 20, "id": 2}]}),
        response_class=Response,
    )
    async def predict(request: Request) -> Response:
        pairs = parse(Pairs, await read_body(request), example=_EXAMPLE).pairs
        model = state.loaded()
        return json_response(await state.aside.run(lambda: _predicted(model, pairs)))


def _predicted(model: Model, pairs: tuple[Pair, ...]) -> dict[str, object]:
    rows = [row_of(model, pair.id) for pair in pairs]
    known = {uid: model.recommender.person(uid) for uid in {pair.uid for pair in pairs}}
    factors = model.artifact.weights.item_factors.shape[1]
    nobody = UserVector(vector=np.zeros(factors, np.float32), bias=np.float32(0), seen=np.zeros(0, np.int32))
    people = [known[pair.uid] or nobody for pair in pairs]
    predictions = [
        {"uid": pair.uid, "id": pair.id, "stars": stars, **({} if known[pair.uid] else {"cold_start": True})}
        for pair, stars in zip(pairs, model.recommender.score_pairs(people, rows), strict=True)
    ]
    return {"success": True, "predictions": predictions}
