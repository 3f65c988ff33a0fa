"""The page's routes: three files served from memory, and the two answers that its script asks for."""

from importlib.resources import files
from typing import Any, Final

import orjson
from fastapi import APIRouter, FastAPI, Request, Response

from model_service.serving.errors import RequestError
from model_service.serving.state import ServiceState
from model_service.serving.ui.explanations import describe_users, explain_user

_TYPES: Final = {
    "page.html": "text/html; charset=utf-8",
    "page.css": "text/css; charset=utf-8",
    "page.js": "text/javascript; charset=utf-8",
    "icon.svg": "image/svg+xml",
}
# Nothing but the page's own files may be loaded, run or asked, and no other page may frame it.
_SAFE: Final = {
    "content-security-policy": "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self'; "
    "connect-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    "x-content-type-options": "nosniff",
    "referrer-policy": "no-referrer",
    "cache-control": "no-cache",
}
_LARGEST_ID: Final = 2**63 - 1


def add(app: FastAPI, state: ServiceState) -> None:
    """Give `app` the page `/ui`, its files and its answers, for the model in `state`."""
    router = APIRouter(prefix="/ui", include_in_schema=False)
    for name, media_type in _TYPES.items():
        path = "" if name == "page.html" else f"/{name}"
        router.add_api_route(path, _file(name, media_type), methods=["GET", "HEAD"])

    @router.get("/users")
    def users() -> Response:
        model = state.loaded()
        return _json(describe_users(model.artifact, model.recommender))

    @router.get("/users/{uid}")
    def user(uid: str) -> Response:
        model = state.loaded()
        return _json(explain_user(model.artifact, model.recommender, _user_id(uid)))

    app.include_router(router)


def _file(name: str, media_type: str) -> Any:
    content = (files("model_service.serving.ui") / "static" / name).read_bytes()

    async def serve(_: Request) -> Response:
        return Response(content, headers=_SAFE, media_type=media_type)

    return serve


def _json(content: dict[str, Any]) -> Response:
    return Response(orjson.dumps(content), headers=_SAFE, media_type="application/json")


def _user_id(text: str) -> int:
    digits = text.removeprefix("-")
    if (
        not (digits.isascii() and digits.isdecimal())
        or len(digits) > 19
        or not -_LARGEST_ID <= int(text) <= _LARGEST_ID
    ):
        raise RequestError(422, "a user is a whole number, such as 20 in /ui/users/20")
    return int(text)
