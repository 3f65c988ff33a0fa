"""A synchronous client of the application in this process, its lifespan included."""

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
from starlette.types import ASGIApp

from model_service.serving.app import create_app
from model_service.serving.front import Front
from model_service.serving.settings import Settings
from model_service.serving.state import ServiceState


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
def serving(settings: Settings, state: ServiceState | None = None) -> Iterator[Client]:
    """A client of the application for `settings`, between its startup and its shutdown."""
    state = state or ServiceState()
    app = create_app(settings, state)
    lifespan = app.router.lifespan_context(app)
    with asyncio.Runner() as runner:
        runner.run(lifespan.__aenter__())
        try:
            yield Client(Front(app, state, log_every=settings.access_log_every), runner)
        finally:
            runner.run(lifespan.__aexit__(None, None, None))
