"""The best films for a user of the data, and for someone new."""

from fastapi import FastAPI, Request, Response

from model_service.serving import responses
from model_service.serving.api.common import check_genre, row_of
from model_service.serving.api.schemas import Rating, RecommendBody, parse, schema
from model_service.serving.batching import RecommendRequest
from model_service.serving.body import read_body
from model_service.serving.errors import RequestError, shown
from model_service.serving.query import parse_query
from model_service.serving.ranking.fold_in import UserVector
from model_service.serving.state import Model, ServiceState

_EXAMPLE = '{"ratings": [{"id": 1, "stars": 5}, {"id": 2, "stars": 1}], "n": 10}'


def add(app: FastAPI, state: ServiceState) -> None:
    """GET and POST /, POST /recommendations."""

    async def recommend(request: Request) -> Response:
        body = await read_body(request)
        query = parse_query(request.scope["query_string"], body)
        model = state.loaded()
        rows = (model.recommender.item_row(one) for one in query.exclude)
        exclude = tuple(row for row in rows if row is not None)
        genre = await check_genre(state, model, query.genre)
        answer = await model.answers.recommend(RecommendRequest(query.uid, query.n, genre, exclude))
        return Response(answer.body, media_type="application/json")

    for method, where in (("GET", "the query string"), ("POST", "a JSON body")):
        app.add_api_route(
            "/",
            recommend,
            methods=[method],
            operation_id=f"recommend_{method.lower()}",
            summary=f"The n best films for a user; uid and n in {where}",
            description="A GET with a JSON body and a POST with a query string are understood too.",
            responses=responses.RANKED_RESPONSES,
            openapi_extra=responses.RANKED_REQUEST,
            response_class=Response,
        )

    @app.post(
        "/recommendations",
        summary="The n best films for someone new, from a few ratings, or for a user of the data",
        description="Someone new is folded in: the model's own loss is solved for one user, the films staying as "
        "they are. Films are named by id or by title; nothing is stored.",
        responses=responses.RECOMMENDED_RESPONSES,
        openapi_extra=schema(RecommendBody, {"ratings": [{"id": 1, "stars": 5}, {"id": 2, "stars": 1}], "n": 10}),
        response_class=Response,
    )
    async def recommend_to(request: Request) -> Response:
        wanted = parse(RecommendBody, await read_body(request), example=_EXAMPLE)
        model = state.loaded()
        genre = await check_genre(state, model, wanted.genre)
        if (wanted.uid is None) == (wanted.ratings is None):
            raise RequestError(422, f"either uid or ratings is needed, and not both; send for example {_EXAMPLE}")
        who, exclude = await state.aside.run(lambda: _who(model, wanted))
        answer = await model.answers.recommend(RecommendRequest(who, wanted.n, genre, exclude, with_ids=True))
        return Response(answer.body, media_type="application/json")


def _who(model: Model, wanted: RecommendBody) -> tuple[int | UserVector, tuple[int, ...]]:
    """Whom to recommend to, and the rows to leave out; raises RequestError 422 for a film that there is not."""
    exclude = tuple(sorted({row_of(model, called) for called in wanted.exclude}))
    if wanted.uid is not None:
        return wanted.uid, exclude
    ratings = wanted.ratings or ()
    low, high = model.artifact.scale
    for rating in ratings:
        if not low <= rating.stars <= high:
            raise RequestError(422, f"stars has to be from {low:g} to {high:g}; it is {shown(rating.stars)}")
    rows = [_rated(model, rating) for rating in ratings]
    if len(set(rows)) < len(rows):
        raise RequestError(422, "a film is rated twice; one rating a film is allowed")
    return model.recommender.fold_in(rows, [rating.stars for rating in ratings]), exclude


def _rated(model: Model, rating: Rating) -> int:
    called = rating.title if rating.id is None else rating.id
    if called is None or (rating.id is not None and rating.title is not None):
        raise RequestError(422, f"a rating names its film by id or by title, one of them; send for example {_EXAMPLE}")
    return row_of(model, called)
