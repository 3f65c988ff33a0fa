"""The HTTP face: an application factory, a lifespan that loads the model, errors as JSON."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import cast

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException

from model_service.serving import description
from model_service.serving.api import docs, items, predict, recommendations, system, users
from model_service.serving.api.common import json_response
from model_service.serving.api.middleware import ResponseMiddleware
from model_service.serving.errors import RequestError
from model_service.serving.settings import Settings
from model_service.serving.state import ServiceState
from model_service.serving.ui import routes as ui

_ROUTES = (recommendations, predict, items, users, system, docs, ui)


def create_app(settings: Settings, state: ServiceState | None = None) -> FastAPI:
    """The service for `settings`; a model that is not in `state` yet is loaded when the application starts."""
    state = state or ServiceState()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        if state.model is None:
            state.load(settings)
        yield

    app = FastAPI(
        title=description.TITLE,
        description=description.SUMMARY,
        version="1",
        lifespan=lifespan,
        docs_url=None,
        redoc_url=None,
    )
    app.add_middleware(ResponseMiddleware, state=state)
    app.add_exception_handler(RequestError, _tell_problem)
    app.add_exception_handler(HTTPException, _tell_http_error)
    for routes in _ROUTES:
        routes.add(app, state)
    return app


async def _tell_problem(_: Request, problem: Exception) -> Response:
    problem = cast(RequestError, problem)  # registered for this type only
    headers = {"retry-after": "1"} if problem.status == 503 else None
    return json_response({"success": False, "error": problem.message}, problem.status, headers)


async def _tell_http_error(request: Request, error: Exception) -> Response:
    error = cast(HTTPException, error)  # registered for this type only
    message = f"{request.method} {request.scope['path'][:100]}: {error.detail}; /docs tells what there is"
    return json_response({"success": False, "error": message}, error.status_code, dict(error.headers or {}))
