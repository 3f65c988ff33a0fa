"""The page's routes: static files served from memory, and the JSON that its script loads."""

from collections.abc import Awaitable, Callable
from importlib.resources import files
from typing import Any, Final

import orjson
from fastapi import APIRouter, Response

from model_service.serving.api.params import ApiRoute, IdFormName, Model, Service
from model_service.serving.api.security import security_headers
from model_service.serving.api.users import UserId
from model_service.serving.ui.explanations import describe_users, explain_user

_MEDIA_TYPES: Final = {
    "page.html": "text/html; charset=utf-8",
    "page.css": "text/css; charset=utf-8",
    "page.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
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


def _serve_file(name: str, media_type: str) -> Callable[[], Awaitable[Response]]:
    content = (files("model_service.serving.ui") / "static" / name).read_bytes()

    async def serve() -> Response:
        return Response(content, headers=_HEADERS, media_type=media_type)

    return serve


def _json(content: dict[str, Any]) -> Response:
    return Response(orjson.dumps(content), headers=_HEADERS, media_type="application/json")


for _name, _media_type in _MEDIA_TYPES.items():
    _path = "" if _name == "page.html" else f"/{_name}"
    router.add_api_route(_path, _serve_file(_name, _media_type))
