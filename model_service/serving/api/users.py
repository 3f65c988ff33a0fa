"""Users of the data and the items that they rated."""

from typing import Annotated

import numpy as np
from fastapi import APIRouter, Path, Query

from model_service.serving.api.params import ApiRoute, Id, Model, N, OptionalId, Service
from model_service.serving.api.schemas import RatedItem, UserResponse, UsersResponse, error_responses
from model_service.serving.errors import RequestError
from model_service.serving.recommender import DEFAULT_N
from model_service.serving.service import LoadedModel

UserId = Annotated[Id, Path(description="The user's id in the data.", examples=[20])]

router = APIRouter(route_class=ApiRoute, prefix="/users", responses=error_responses(422, 503))


@router.get("", summary="User ids, increasing, the first n after `after`")
async def list_users(
    model: Model,
    after: Annotated[OptionalId, Query(description="An id, itself not part of the response.", examples=[20])] = None,
    n: N = DEFAULT_N,
) -> UsersResponse:
    ids = model.artifact.weights.user_ids
    first = 0 if after is None else int(np.searchsorted(ids, after, side="right"))
    return UsersResponse(users=ids[first : first + n].tolist(), count=len(ids))


@router.get(
    "/{uid}",
    summary="The items that a user rated, the n with the highest ratings or counts first",
    responses=error_responses(404),
)
async def get_user(uid: UserId, service: Service, model: Model, n: N = DEFAULT_N) -> UserResponse:
    """`value` is the rating or the count as in the data, `stars` is what the model predicts."""
    return await service.executor.run(lambda: _rated_items(model, uid, n))


def _rated_items(model: LoadedModel, uid: int, n: int) -> UserResponse:
    recommender = model.recommender
    user = recommender.user(uid)
    if user is None:
        raise RequestError(404, f"user {uid} is not in the model's data; GET /users tells who is")
    counts = model.artifact.weights.item_counts
    items = [
        RatedItem.of(recommender.items[one.row], ratings=int(counts[one.row]), value=one.value, stars=one.stars)
        for one in recommender.rated(uid, n)
    ]
    return UserResponse(uid=uid, count=len(user.seen), rated=items)
