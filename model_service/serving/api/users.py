"""Users of the data and the items that they rated."""

from typing import Annotated

from fastapi import APIRouter, Path, Query

from model_service.serving.api.params import ApiRoute, Id, IdFormName, Model, N, OptionalId, Service
from model_service.serving.api.schemas import RatedItem, UserResponse, UsersResponse, error_responses
from model_service.serving.errors import RequestError
from model_service.serving.recommender import DEFAULT_N, IdForm
from model_service.serving.service import LoadedModel

UserId = Annotated[Id, Path(description="The user's id in the data, percent-encoded: `/` as `%2F`.", examples=[20])]

router = APIRouter(route_class=ApiRoute, prefix="/users", responses=error_responses(422, 503))


@router.get("", summary="User ids, increasing, the first n after `after`")
async def list_users(
    model: Model,
    after: Annotated[OptionalId, Query(description="An id, itself not part of the response.", examples=[20])] = None,
    n: N = DEFAULT_N,
    ids: IdFormName = "data",
) -> UsersResponse:
    users = model.artifact.weights.users
    first = 0 if after is None else users.after(model.check_user(after, "after", "/users?after=20"))
    found = [model.recommender.user_id(uid, ids) for uid in users[first : first + n]]
    return UsersResponse(users=found, count=len(users))


@router.get(
    "/{uid}",
    summary="The items that a user rated, the n with the highest ratings or counts first",
    responses=error_responses(404),
)
async def get_user(
    uid: UserId, service: Service, model: Model, n: N = DEFAULT_N, ids: IdFormName = "data"
) -> UserResponse:
    """`value` is the rating or the count as in the data, `stars` is what the model predicts."""
    return await service.executor.run(lambda: _rated_items(model, model.check_user(uid, example="/users/20"), n, ids))


def _rated_items(model: LoadedModel, uid: str, n: int, ids: IdForm) -> UserResponse:
    recommender = model.recommender
    user = recommender.user(uid)
    if user is None:
        raise RequestError(
            404,
            f"user {uid} is not in the model's data; GET /users tells who is",
        )
    counts = model.artifact.weights.item_counts
    items = [
        RatedItem.of(
            recommender.items[one.row],
            recommender.item_id(one.row, ids),
            ratings=int(counts[one.row]),
            value=one.value,
            stars=one.stars,
        )
        for one in recommender.rated(uid, n)
    ]
    return UserResponse(uid=recommender.user_id(uid, ids), count=len(user.seen), rated=items)
