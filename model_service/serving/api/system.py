"""The service itself: liveness, readiness, the model, metrics, and the OpenAPI page."""

import re
from base64 import b64encode
from collections.abc import AsyncIterator, Callable
from functools import cache
from hashlib import sha256
from importlib.resources import files
from typing import Annotated, Final

from fastapi import APIRouter, Header, Response
from fastapi.openapi.docs import get_swagger_ui_html
from fastapi.responses import HTMLResponse, PlainTextResponse, StreamingResponse

from model_service.serving.api.params import ApiRoute, Model, Service
from model_service.serving.api.schemas import IndexResponse, ModelResponse, ReadyResponse, Success, error_responses
from model_service.serving.api.security import security_headers
from model_service.serving.errors import RequestError
from model_service.serving.telemetry import prometheus

# The page's script and style are served by the service itself: nothing is loaded from other hosts.
_DOCS_FILES: Final = {
    "swagger-ui-bundle.js": "text/javascript; charset=utf-8",
    "swagger-ui.css": "text/css; charset=utf-8",
    "favicon-32x32.png": "image/png",
}
_PART_BYTES: Final = 16 * 1024
_DOCS_FILE_HEADERS: Final = {"cache-control": "public, max-age=3600", "x-content-type-options": "nosniff"}
_DOCS_SCRIPT: Final = re.compile("<script>(.*?)</script>", re.DOTALL)

router = APIRouter(route_class=ApiRoute)


@router.get("/health", summary="Liveness: the process responds")
async def health() -> Success:
    return Success()


@router.get("/ready", summary="Readiness: the model is loaded and verified", responses=error_responses(503))
async def ready(service: Service) -> ReadyResponse:
    return ReadyResponse(model_version=service.require_ready().version)


@router.get("/model", summary="The model's version, data and metrics", responses=error_responses(503))
async def describe_model(model: Model) -> ModelResponse:
    metadata, weights = model.artifact.metadata, model.artifact.weights
    index = model.index.metadata if model.index else None
    return ModelResponse(
        model_version=metadata.model_version,
        users=len(weights.users),
        items=len(weights.items),
        factors=weights.item_factors.shape[1],
        ranker=str(metadata.hyperparameters.get("ranking", {}).get("ranker", "unknown")),
        stars=weights.has_stars,
        scale=model.artifact.scale,
        data=dict(metadata.data),
        hyperparameters=dict(metadata.hyperparameters),
        metrics=dict(metadata.metrics),
        libraries=dict(metadata.libraries),
        engine=model.recommender.engine,
        index=IndexResponse.model_validate(index, from_attributes=True) if index else "exact",
    )


@router.get(
    "/metrics",
    summary="Metrics of all workers, in Prometheus's text format",
    response_class=PlainTextResponse,
    responses=error_responses(404),
)
async def metrics(
    service: Service, x_forwarded_for: Annotated[str | None, Header(include_in_schema=False)] = None
) -> Response:
    """Not available through a load balancer (requests with X-Forwarded-For), only to clients that reach the task."""
    if x_forwarded_for is not None:
        raise RequestError(404, "GET /metrics is answered within the network only, not through a load balancer")
    text = prometheus.exposition(service.metrics.read(), service.version)
    return Response(text, media_type=prometheus.CONTENT_TYPE)


@router.get("/docs", include_in_schema=False)
async def docs() -> HTMLResponse:
    script, style, icon = (f"docs/{name}" for name in _DOCS_FILES)
    page = get_swagger_ui_html(
        openapi_url="openapi.json",
        title="Film recommender",
        swagger_js_url=script,
        swagger_css_url=style,
        swagger_favicon_url=icon,
    )
    hashes = (sha256(found.encode()).digest() for found in _DOCS_SCRIPT.findall(bytes(page.body).decode()))
    scripts = " ".join(f"'sha256-{b64encode(digest).decode()}'" for digest in hashes)
    # Swagger UI sets styles and draws icons from data: itself.
    page.headers.update(security_headers(scripts=scripts, styles="'unsafe-inline'", images="data:"))
    return page


def _serve_file(name: str, media_type: str) -> Callable[[], Response]:
    """Sends the file in parts, each when the client has read the one before: it has a megabyte."""

    @cache
    def read() -> bytes:
        return (files("fastapi_swagger.resources") / name).read_bytes()

    async def parts(content: bytes) -> AsyncIterator[bytes]:
        for start in range(0, len(content), _PART_BYTES):
            yield content[start : start + _PART_BYTES]

    def serve() -> Response:
        content = read()
        headers = {**_DOCS_FILE_HEADERS, "content-length": str(len(content))}
        return StreamingResponse(parts(content), headers=headers, media_type=media_type)

    return serve


for _name, _media_type in _DOCS_FILES.items():
    router.add_api_route(f"/docs/{_name}", _serve_file(_name, _media_type), include_in_schema=False)
