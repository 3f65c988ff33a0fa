"""The page's routes: static files served from memory, and the JSON that its scripts load."""

import hashlib
from collections.abc import Awaitable, Callable
from importlib.resources import files
from pathlib import PurePath
from typing import Annotated, Any, Final

import orjson
from fastapi import APIRouter, Request, Response
from pydantic import ConfigDict, Field

from model_service.serving.api.items import ItemId
from model_service.serving.api.params import ApiRoute, IdFormName, Model, OptionalId, Service
from model_service.serving.api.recommendations import resolve_ratings
from model_service.serving.api.schemas import MAX_RATINGS, Body, Rating
from model_service.serving.api.security import security_headers
from model_service.serving.api.users import UserId
from model_service.serving.recommender import IdForm
from model_service.serving.service import LoadedModel
from model_service.serving.ui.explanations import Person, describe_users, explain_item, explain_person, explain_user

_MEDIA_TYPES: Final = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
_HEADERS: Final = security_headers()

router = APIRouter(route_class=ApiRoute, prefix="/ui", include_in_schema=False)


@router.get("/users")
async def list_users(service: Service, model: Model, ids: IdFormName = "data") -> Response:
    return _json(await service.executor.run(lambda: describe_users(model.artifact, model.recommender, ids)))


@router.get("/users/{uid}")
async def get_user(uid: UserId, service: Service, model: Model, ids: IdFormName = "data") -> Response:
    known = model.artifact.weights.users[0]
    checked = model.check_user(uid, "the user's id", known)
    return _json(await service.executor.run(lambda: explain_user(model.recommender, checked, ids)))


class RatingsBody(Body):
    """The ratings of a new user, as POST /recommendations takes them."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"ratings": [{"id": 1, "stars": 5}]}]})

    ratings: Annotated[tuple[Rating, ...], Field(min_length=1, max_length=MAX_RATINGS)]


@router.post("/recommendations")
async def recommend_by_ratings(body: RatingsBody, service: Service, model: Model, ids: IdFormName = "data") -> Response:
    """The recommendations of POST /recommendations, with explanations."""
    return _json(await service.executor.run(lambda: explain_person(model.recommender, _new_person(model, body), ids)))


@router.get("/items/{id}")
async def get_item(
    item_id: ItemId, service: Service, model: Model, uid: OptionalId = None, ids: IdFormName = "data"
) -> Response:
    def person() -> Person:
        return Person(user="", history=None) if uid is None else Person.known(model.recommender, uid)

    return _json(await service.executor.run(lambda: _explain_item(model, item_id, person(), ids)))


@router.post("/items/{id}")
async def get_item_by_ratings(
    item_id: ItemId, body: RatingsBody, service: Service, model: Model, ids: IdFormName = "data"
) -> Response:
    return _json(await service.executor.run(lambda: _explain_item(model, item_id, _new_person(model, body), ids)))


def _new_person(model: LoadedModel, body: RatingsBody) -> Person:
    return Person.new(model.recommender, *resolve_ratings(model, body.ratings))


def _explain_item(model: LoadedModel, item_id: str, person: Person, ids: IdForm) -> dict[str, Any]:
    row = model.item_row(model.check_item(item_id, example="/ui/items/1"), status=404)
    return explain_item(model.recommender, row, int(model.artifact.weights.item_counts[row]), person, ids)


def _serve_file(content: bytes, media_type: str) -> Callable[[Request], Awaitable[Response]]:
    headers = {**_HEADERS, "etag": f'"{hashlib.sha256(content).hexdigest()[:16]}"'}

    async def serve(request: Request) -> Response:
        if headers["etag"] in request.headers.get("if-none-match", ""):
            return Response(status_code=304, headers=headers)
        return Response(content, headers=headers, media_type=media_type)

    return serve


def _json(content: dict[str, Any]) -> Response:
    return Response(orjson.dumps(content), headers=_HEADERS, media_type="application/json")


for _file in (files("model_service.serving.ui") / "static").iterdir():
    _path = "" if _file.name == "page.html" else f"/{_file.name}"
    _media_type = _MEDIA_TYPES[PurePath(_file.name).suffix]
    router.add_api_route(_path, _serve_file(_file.read_bytes(), _media_type))
