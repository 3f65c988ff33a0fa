"""The HTTP face: an application factory, a lifespan that loads the model, thin handlers."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any, cast

from fastapi import FastAPI, Request, Response
from starlette.exceptions import HTTPException

from model_service.serving import description
from model_service.serving.body import read_body
from model_service.serving.envelope import Envelope
from model_service.serving.errors import RequestError
from model_service.serving.front import FAILURE
from model_service.serving.query import parse_query
from model_service.serving.settings import Settings
from model_service.serving.state import ServiceState
from model_service.serving.waiting import Question


def create_app(settings: Settings, state: ServiceState | None = None) -> FastAPI:
    """The service for `settings`; the model is loaded into `state` when the application starts."""
    state = state or ServiceState()

    @asynccontextmanager
    async def lifespan(_: FastAPI) -> AsyncIterator[None]:
        if state.model is None:
            state.load(settings)
        yield

    app = FastAPI(
        title=description.TITLE, description=description.SUMMARY, version="1", lifespan=lifespan, redoc_url=None
    )
    app.add_middleware(Envelope, state=state)
    app.add_exception_handler(RequestError, _tell_problem)
    app.add_exception_handler(HTTPException, _tell_http_error)
    _add_recommendations(app, state)
    _add_probes(app, state)
    return app


def _add_recommendations(app: FastAPI, state: ServiceState) -> None:
    async def recommend(request: Request) -> Response:
        body = await read_body(request)
        query = parse_query(request.scope["query_string"], body)
        if isinstance(failure := request.scope.get(FAILURE), Exception):
            raise failure
        answer = await state.loaded().answers.recommend(Question(query.uid, query.n))
        return Response(answer.body, media_type="application/json")

    for method, where in (("GET", "the query string"), ("POST", "a JSON body")):
        app.add_api_route(
            "/",
            recommend,
            methods=[method],
            operation_id=f"recommend_{method.lower()}",
            summary=f"The n best films for a user; uid and n in {where}",
            description="A GET with a JSON body and a POST with a query string are understood too.",
            responses=description.RANKED_RESPONSES,
            openapi_extra=description.RANKED_REQUEST,
            response_class=Response,
        )


def _add_probes(app: FastAPI, state: ServiceState) -> None:
    @app.get("/health", summary="Is the process alive?", responses=description.STATUS_RESPONSES)
    async def health() -> Response:
        return json_response({"success": True})

    ready_responses = {**description.STATUS_RESPONSES, 503: description.NOT_READY}

    @app.get("/ready", summary="Is the model loaded and verified?", responses=ready_responses)
    async def ready() -> Response:
        return json_response({"success": True, "model_version": state.ready().version})


def json_response(content: dict[str, Any], status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """`content` as compact JSON in UTF-8."""
    body = json.dumps(content, ensure_ascii=False, separators=(",", ":")).encode()
    return Response(body, status, headers, "application/json")


async def _tell_problem(_: Request, problem: Exception) -> Response:
    problem = cast(RequestError, problem)  # registered for this type only
    headers = {"retry-after": "1"} if problem.status == 503 else None
    return json_response({"success": False, "error": problem.message}, problem.status, headers)


async def _tell_http_error(request: Request, error: Exception) -> Response:
    error = cast(HTTPException, error)  # registered for this type only
    message = f"{request.method} {request.url.path}: {error.detail}; /docs tells what there is"
    return json_response({"success": False, "error": message}, error.status_code, dict(error.headers or {}))
