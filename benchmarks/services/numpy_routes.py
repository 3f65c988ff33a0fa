"""The model in a FastAPI or a Starlette route, written as one would at first: `python -m … fastapi|starlette`."""

import sys
from collections.abc import Callable
from typing import Any

from benchmarks.services.numpy_baseline import baseline_from_environment
from benchmarks.services.uvicorn_server import serve


def fastapi() -> Any:
    """A FastAPI route that returns the answer."""
    from fastapi import FastAPI

    model, app = baseline_from_environment(), FastAPI()

    @app.get("/")
    async def recommend(uid: int) -> dict[str, Any]:
        return model.answer(uid)

    return app


def starlette() -> Any:
    """A Starlette route that returns the answer as JSON."""
    from starlette.applications import Starlette
    from starlette.requests import Request
    from starlette.responses import JSONResponse
    from starlette.routing import Route

    model = baseline_from_environment()

    async def recommend(request: Request) -> JSONResponse:
        return JSONResponse(model.answer(int(request.query_params["uid"])))

    return Starlette(routes=[Route("/", recommend)])


FACES: dict[str, Callable[[], Any]] = {"fastapi": fastapi, "starlette": starlette}

if __name__ == "__main__":
    serve(FACES[sys.argv[1]]())
