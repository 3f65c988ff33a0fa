"""The FastAPI application: routers, middleware, errors as JSON, and a lifespan that loads the model."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Final, cast

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException

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
        message = error.message
    else:
        message = f"{request.method} {request.scope['path'][:100]}: {error.detail}; /docs tells what there is"
    return Response(error_body(message), error.status_code, dict(error.headers or {}), "application/json")
