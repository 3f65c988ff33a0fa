"""One answer for every request: what is left when nothing is computed. `python -m … FACE` runs one."""

import json
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import orjson
from fastapi import FastAPI, Response
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response as StarletteResponse
from starlette.routing import Route

from benchmarks.services.numpy_baseline import baseline_from_environment
from benchmarks.services.uvicorn_server import serve

ANSWER = baseline_from_environment().answer(20)
BODY = json.dumps(ANSWER, ensure_ascii=False, separators=(",", ":")).encode()
HEADERS = [(b"content-type", b"application/json"), (b"content-length", str(len(BODY)).encode())]
OUR_HEADERS = [*HEADERS, (b"x-model-version", b"0123456789ab"), (b"x-request-id", b"0123456789abcdef")]

Send = Callable[[dict[str, Any]], Awaitable[None]]


def asgi(headers: list[tuple[bytes, bytes]]) -> Any:
    """An ASGI application that does nothing but answer, with `headers`."""
    start = {"type": "http.response.start", "status": 200, "headers": headers}
    body = {"type": "http.response.body", "body": BODY}

    async def app(scope: dict[str, Any], receive: object, send: Send) -> None:
        await send(start)
        await send(body)

    return app


def starlette() -> Starlette:
    """The bytes from a Starlette route."""

    async def answer(request: Request) -> StarletteResponse:
        return StarletteResponse(BODY, media_type="application/json")

    return Starlette(routes=[Route("/", answer)])


def fastapi() -> FastAPI:
    """The answer from a FastAPI route that validates its parameter and leaves the encoding to FastAPI."""
    app = FastAPI()

    @app.get("/")
    async def answer(uid: int) -> dict[str, Any]:
        return ANSWER

    return app


def fastapi_orjson() -> FastAPI:
    """The same with orjson and without FastAPI's encoder."""
    app = FastAPI()

    @app.get("/")
    async def answer(uid: int) -> Response:
        return Response(orjson.dumps(ANSWER), media_type="application/json")

    return app


FACES: dict[str, Callable[[], Any]] = {
    "asgi": lambda: asgi(HEADERS),
    "asgi-headers": lambda: asgi(OUR_HEADERS),
    "starlette": starlette,
    "fastapi": fastapi,
    "fastapi-orjson": fastapi_orjson,
}

if __name__ == "__main__":
    serve(FACES[sys.argv[1]]())
