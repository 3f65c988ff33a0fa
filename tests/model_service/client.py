"""A synchronous client of the application in this process, its lifespan included."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from starlette.types import ASGIApp

from model_service.serving.app import create_app
from model_service.serving.service import RecommenderService
from model_service.serving.settings import Settings


class Client:
    """Sends requests to a started application and returns its answers."""

    def __init__(self, app: ASGIApp, runner: asyncio.Runner) -> None:
        self._app = app
        self._runner = runner

    def request(self, method: str, url: str, **content: Any) -> httpx.Response:
        return self._runner.run(self._request(method, url, **content))

    def get(self, url: str, **content: Any) -> httpx.Response:
        return self.request("GET", url, **content)

    def post(self, url: str, **content: Any) -> httpx.Response:
        return self.request("POST", url, **content)

    async def _request(self, method: str, url: str, **content: Any) -> httpx.Response:
        transport = httpx.ASGITransport(self._app)
        async with httpx.AsyncClient(transport=transport, base_url="http://service") as client:
            return await client.request(method, url, **content)


@contextmanager
def serving(settings: Settings, service: RecommenderService | None = None) -> Iterator[Client]:
    """A client of the application for `settings`, between its startup and its shutdown."""
    app = create_app(service or RecommenderService(settings))
    lifespan = app.router.lifespan_context(app)
    with asyncio.Runner() as runner:
        runner.run(lifespan.__aenter__())
        try:
            yield Client(app, runner)
        finally:
            runner.run(lifespan.__aexit__(None, None, None))


def schema_of(description: dict[str, Any], content: dict[str, Any]) -> dict[str, Any]:
    """The JSON schema of a request or response body in an OpenAPI description, its reference resolved."""
    schema: dict[str, Any] = content["content"]["application/json"]["schema"]
    options = schema.get("anyOf", [schema])
    reference = next((option["$ref"] for option in options if "$ref" in option), None)
    return dict(description["components"]["schemas"][reference.rpartition("/")[2]]) if reference else schema


def body_example(description: dict[str, Any], operation: dict[str, Any]) -> Any:
    """The example of an operation's body; None for an operation without one."""
    return schema_of(description, operation["requestBody"])["examples"][0] if "requestBody" in operation else None
