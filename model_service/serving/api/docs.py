"""The OpenAPI page, with its script and its style from the service itself: nothing is loaded from elsewhere."""

from importlib.resources import files
from typing import Any, Final

from fastapi import FastAPI, Response
from fastapi.openapi.docs import get_swagger_ui_html

from model_service.serving import description
from model_service.serving.state import ServiceState

_FILES: Final = {
    "swagger-ui-bundle.js": "text/javascript; charset=utf-8",
    "swagger-ui.css": "text/css; charset=utf-8",
    "favicon-32x32.png": "image/png",
}
_KEEP: Final = {"cache-control": "public, max-age=3600", "x-content-type-options": "nosniff"}


def add(app: FastAPI, state: ServiceState) -> None:
    """GET /docs and the files that it needs."""
    for name, media_type in _FILES.items():
        app.add_api_route(f"/docs/{name}", _file(name, media_type), include_in_schema=False)

    @app.get("/docs", include_in_schema=False)
    def page() -> Response:
        script, style, icon = (f"docs/{name}" for name in _FILES)
        return get_swagger_ui_html(
            openapi_url="openapi.json",
            title=description.TITLE,
            swagger_js_url=script,
            swagger_css_url=style,
            swagger_favicon_url=icon,
        )


def _file(name: str, media_type: str) -> Any:
    def serve() -> Response:
        content = (files("fastapi_swagger.resources") / name).read_bytes()
        return Response(content, headers=_KEEP, media_type=media_type)

    return serve
