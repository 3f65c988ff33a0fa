"""The FastAPI application: routers, middleware, errors as JSON, and a lifespan that loads the model."""

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Final, cast

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException
from starlette.routing import Match

from model_service.serving.api import items, recommendations, system, users
from model_service.serving.api.middleware import ResponseMiddleware
from model_service.serving.api.params import MAX_BODY_BYTES, MAX_BODY_SECONDS
from model_service.serving.errors import RequestError, error_body
from model_service.serving.service import RecommenderService
from model_service.serving.ui import routes as ui

_DESCRIPTION: Final = f"""The best films that a user has not rated yet, from a matrix factorisation model.

Every response carries the model's version in the header `X-Model-Version`. An error is always
`{{"success": false, "error": "…"}}`. A body has at most {MAX_BODY_BYTES} bytes and arrives within
{MAX_BODY_SECONDS:g} s.
"""


def create_app(service: RecommenderService) -> FastAPI:
    """The application of `service`, whose model is loaded on startup if it is not loaded yet."""

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        if service.model is None:
            service.load()
        yield

    app = FastAPI(
        title="Film recommender",
        description=_DESCRIPTION,
        version="1",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
        strict_content_type=False,
        redirect_slashes=False,
    )
    app.state.service = service
    app.add_middleware(ResponseMiddleware, service=service)
    app.add_exception_handler(HTTPException, _handle_http_error)
    for module in (recommendations, items, users, system, ui):
        app.include_router(module.router)
    return app


async def _handle_http_error(request: Request, error: Exception) -> Response:
    error = cast(HTTPException, error)  # registered for this type only
    if isinstance(error, RequestError):
        return _error_response(error, error.message, error.headers)
    if error.status_code == 404 and (location := _other_slash(request)):
        return Response(status_code=307, headers={"location": location})
    headers = {"allow": _allowed_methods(request)} if error.status_code == 405 else error.headers
    path, docs = request.scope["path"][:100], f"{request.scope['root_path']}/docs"
    allowed = f"; allowed: {headers['allow']}" if error.status_code == 405 and headers else ""
    message = f"{request.method} {path}: {error.detail}{allowed}; {docs} tells what there is"
    return _error_response(error, message, headers)


def _error_response(error: HTTPException, message: str, headers: Mapping[str, str] | None) -> Response:
    return Response(error_body(message), error.status_code, headers, "application/json")


def _other_slash(request: Request) -> str | None:
    """The same resource without the slash at the end of its path, or with one; None where there is none.

    Relative to the request's URL, so that host, scheme and prefix are those that the client knows, whatever stands
    between it and the service.
    """
    path, raw_path = request.scope["path"], request.scope["raw_path"].decode("latin-1")
    if path.endswith("/"):
        other = {"path": path[:-1], "raw_path": raw_path[:-1].encode("latin-1")}
        location = f"../{raw_path[:-1].rpartition('/')[2]}"
    else:
        other = {"path": f"{path}/", "raw_path": f"{raw_path}/".encode("latin-1")}
        location = f"{raw_path.rpartition('/')[2]}/"
    if not _answers(request, Match.PARTIAL, **other):
        return None
    query = request.scope["query_string"].decode("latin-1")
    return f"{location}?{query}" if query else location


def _allowed_methods(request: Request) -> str:
    """The methods of the resource, for the header Allow."""
    methods = [method for method in ("GET", "POST") if _answers(request, Match.FULL, method=method)]
    return ", ".join([*methods, *(["HEAD"] if "GET" in methods else [])])


def _answers(request: Request, least: Match, **changes: object) -> bool:
    """Whether a route matches the request with `changes` to its scope; `Match.PARTIAL`: with any method."""
    scope = {**request.scope, **changes}
    return any(route.matches(scope)[0].value >= least.value for route in request.app.router.routes)
