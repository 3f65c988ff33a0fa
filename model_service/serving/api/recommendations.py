"""Recommendations for known and new users, and predicted ratings."""

from collections.abc import Sequence
from typing import Annotated, Final

from fastapi import APIRouter, Body, Query, Request, Response

from model_service.serving.api.params import ApiRoute, Model, Service, prefers_html
from model_service.serving.api.schemas import (
    PredictBody,
    Prediction,
    PredictResponse,
    Rating,
    RecommendBody,
    RecommendJson,
    RecommendQuery,
    RecommendResponse,
    RecommendWithIdsResponse,
    error_responses,
)
from model_service.serving.errors import RequestError, quoted
from model_service.serving.ranking.top_k import UserVector
from model_service.serving.recommender import RecommendRequest
from model_service.serving.service import LoadedModel

_EXAMPLE: Final = '{"ratings": [{"id": 1, "stars": 5}, {"id": 2, "stars": 1}], "n": 10}'
_BY_ACCEPT: Final = {"vary": "accept"}

router = APIRouter(route_class=ApiRoute, responses=error_responses(400, 408, 413, 422, 503))


@router.get("/", response_model=RecommendResponse, summary="The n best items that a user has not rated")
@router.post(
    "/", response_model=RecommendResponse, summary="The n best items that a user has not rated, by a JSON body"
)
async def recommend(
    request: Request,
    query: Annotated[RecommendQuery, Query()],
    service: Service,
    model: Model,
    body: Annotated[RecommendJson | None, Body(description="The query's names; the query takes precedence.")] = None,
) -> Response:
    """Query parameters and a JSON body are accepted with both methods. A browser without a uid is sent to the page."""
    if body is not None:
        query = body.model_copy(update={name: getattr(query, name) for name in query.model_fields_set})
    if query.uid is None:
        if request.method == "GET" and prefers_html(request.headers.get("accept", "")):
            return Response(status_code=307, headers={"location": "ui", **_BY_ACCEPT})
        missing = 'uid is missing: ask for /?uid=20 or send the JSON body {"uid": 20}'
        raise RequestError(422, missing, _BY_ACCEPT if request.method == "GET" else None)
    uid = model.check_user(query.uid)
    rows = (model.recommender.item_row(model.check_item(id_, "exclude", "/?exclude=3,14")) for id_ in query.exclude)
    exclude = tuple(row for row in rows if row is not None)
    genre = await service.check_genre(model, query.genre)
    asked = RecommendRequest(uid, query.n, genre, exclude, order=query.order, ids=query.ids)
    response = await model.batcher.recommend(asked)
    return Response(response.body, media_type="application/json")


@router.post(
    "/recommendations",
    response_model=RecommendWithIdsResponse,
    summary="The n best items for a new user, from a few ratings, or for a known user",
)
async def recommend_by_ratings(body: RecommendBody, service: Service, model: Model) -> Response:
    """A new user is folded in: both models are solved for one user with the items' vectors fixed; nothing is stored.

    Items are named by id or by title.
    """
    genre = await service.check_genre(model, body.genre)
    if (body.uid is None) == (body.ratings is None):
        raise RequestError(422, f"either uid or ratings is needed, and not both; send for example {_EXAMPLE}")
    user, exclude = await service.executor.run(lambda: _resolve(model, body))
    request = RecommendRequest(user, body.n, genre, exclude, order=body.order, ids=body.ids)
    response = await model.batcher.recommend(request)
    return Response(response.body, media_type="application/json")


@router.post(
    "/predict",
    response_model_exclude_unset=True,
    summary="The predicted rating, in stars, of each pair of a user and an item",
)
async def predict(body: PredictBody, service: Service, model: Model) -> PredictResponse:
    """For a user who is not in the data: the item's regularised mean rating, marked with cold_start."""
    if model.recommender.stars is None:
        raise RequestError(422, "this model predicts no stars: its data has none; GET / orders the films")
    return await service.executor.run(lambda: _predict(model, body))


def resolve_ratings(model: LoadedModel, ratings: Sequence[Rating]) -> tuple[list[int], list[float | None]]:
    """The rows of the rated items and the ratings or counts; raises RequestError 422 for one that is not allowed."""
    values = [_value(model, rating) for rating in ratings]
    rows = [_rated_row(model, rating) for rating in ratings]
    if len(set(rows)) < len(rows):
        raise RequestError(422, "a film is rated twice; one rating a film is allowed")
    return rows, values


def _resolve(model: LoadedModel, body: RecommendBody) -> tuple[str | UserVector, tuple[int, ...]]:
    """The user, and the item rows to exclude; raises RequestError 422 for an unknown item or an invalid rating."""
    exclude = tuple(sorted({model.named_row(reference) for reference in body.exclude}))
    if body.uid is not None:
        return model.check_user(body.uid), exclude
    rows, values = resolve_ratings(model, body.ratings or ())
    return model.recommender.fold_in(rows, values), exclude


def _value(model: LoadedModel, rating: Rating) -> float | None:
    """The rating or the count, whichever the model's data has; None where neither is given."""
    scale = model.artifact.scale
    if scale is None:
        if rating.stars is not None:
            raise RequestError(422, "stars is not allowed: the model's data has counts; send count, or only the film")
        return rating.count
    if rating.count is not None:
        raise RequestError(422, "count is not allowed: the model's data has ratings; send stars, or only the film")
    if rating.stars is not None and not scale[0] <= rating.stars <= scale[1]:
        raise RequestError(422, f"stars has to be from {scale[0]:g} to {scale[1]:g}; it is {quoted(rating.stars)}")
    return rating.stars


def _rated_row(model: LoadedModel, rating: Rating) -> int:
    if rating.id is not None and rating.title is None:
        return model.item_row(model.check_item(rating.id))
    if rating.title is not None and rating.id is None:
        return model.titled_row(rating.title)
    raise RequestError(422, f"a rating names its film by id or by title, one of them; send for example {_EXAMPLE}")


def _predict(model: LoadedModel, body: PredictBody) -> PredictResponse:
    pairs, recommender = body.pairs, model.recommender
    rows = [model.item_row(model.check_item(pair.id)) for pair in pairs]
    known = {uid: recommender.user(model.check_user(uid)) for uid in {pair.uid for pair in pairs}}
    unknown = model.recommender.unknown_user()
    stars = model.recommender.predict([known[pair.uid] or unknown for pair in pairs], rows)
    predictions = [
        Prediction(
            uid=recommender.user_id(pair.uid, body.ids),
            id=recommender.item_id(row, body.ids),
            stars=value,
        )
        for pair, row, value in zip(pairs, rows, stars, strict=True)
    ]
    for pair, prediction in zip(pairs, predictions, strict=True):
        if known[pair.uid] is None:
            prediction.cold_start = True
    return PredictResponse(success=True, predictions=predictions)
