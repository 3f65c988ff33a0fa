"""The contenders: how each is started, requested and parsed."""

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from benchmarks.environments import python_of
from benchmarks.http_request import Request

Kind = Literal["tutorial", "ceiling", "baseline", "peer", "ours"]
_SMALLEST = ("1682",)
_NOT_THE_LARGEST = ("1682", "62000")


@dataclass(frozen=True, kw_only=True)
class Contender:
    """A service with the benchmark's model.

    key: its name on the command line.
    label: its name in the table.
    kind: what it stands for in the ratios.
    environment: the virtual environment it runs in, None for the project's own.
    command: its arguments after that environment's Python, for a port.
    request: the request for a user.
    parse_response: the list of title and score in a response's JSON; None for a constant response.
    variables: additional environment variables; the port is PORT, the artifact ARTIFACT_DIR.
    sizes: the catalogues it is measured on; None for all.
    connections: how many of the load generator's connections it gets when not the usual number.
    min_load_seconds: minimum duration of the load, for slow services.
    cached: every request is sent once before it is timed.
    """

    key: str
    label: str
    kind: Kind
    environment: str | None
    command: Callable[[int], list[str]]
    request: Callable[[int], Request] = lambda uid: Request(path=f"/?uid={uid}")
    parse_response: Callable[[Any], list[list[Any]]] | None = lambda answer: list(answer["response"])
    variables: Mapping[str, str] = field(default_factory=dict)
    sizes: tuple[str, ...] | None = None
    connections: int | None = None
    min_load_seconds: float = 0.0
    cached: bool = False
    ready_timeout_seconds: float = 60.0

    def argv(self, port: int) -> list[str]:
        """The whole command."""
        python = python_of(self.environment) if self.environment else sys.executable
        return [str(python), *self.command(port)]


def _module(name: str, *arguments: str) -> Callable[[int], list[str]]:
    return lambda port: ["-m", name, *arguments]


def _constant(face: str, label: str, sizes: tuple[str, ...] | None = None) -> Contender:
    return Contender(
        key=f"constant-{face}",
        label=label,
        kind="ceiling",
        environment="web",
        command=_module("benchmarks.services.constant_response", face),
        parse_response=None,
        sizes=sizes,
    )


def _post(path: str, body: Callable[[int], Any]) -> Callable[[int], Request]:
    return lambda uid: Request(path=path, body=json.dumps(body(uid), separators=(",", ":")).encode())


def _v2_body(uid: int) -> Any:
    return {"inputs": [{"name": "uid", "shape": [1, 1], "datatype": "INT64", "data": [uid]}]}


def _ours(key: str, label: str, *, cached: bool, **variables: str) -> Contender:
    return Contender(
        key=key,
        label=label,
        kind="ours",
        environment=None,
        command=_module("model_service.serving"),
        variables={"WORKERS": "1", "SCORING_THREADS": "1", **variables},
        cached=cached,
    )


CONTENDERS = (
    _ours("ours-cached", "**ours**, cached", cached=True),
    _ours("ours-computed", "**ours**, computed", cached=False, RESPONSE_CACHE_MIB="0"),
    _constant("asgi", "raw ASGI, constant"),
    _constant("asgi-headers", "raw ASGI, constant, with our headers"),
    _constant("starlette", "Starlette route, constant", _NOT_THE_LARGEST),
    _constant("fastapi", "FastAPI route, constant", _NOT_THE_LARGEST),
    _constant("fastapi-orjson", "FastAPI route, constant, orjson", _NOT_THE_LARGEST),
    Contender(
        key="starlette-numpy",
        label="Starlette and numpy",
        kind="baseline",
        environment="web",
        command=_module("benchmarks.services.numpy_routes", "starlette"),
    ),
    Contender(
        key="fastapi-numpy",
        label="FastAPI and numpy",
        kind="baseline",
        environment="web",
        command=_module("benchmarks.services.numpy_routes", "fastapi"),
    ),
    Contender(
        key="mlserver",
        label="MLServer",
        kind="peer",
        environment="mlserver",
        command=_module("benchmarks.services.mlserver_start"),
        request=_post("/v2/models/recommender/infer", _v2_body),
        parse_response=lambda answer: list(json.loads(answer["outputs"][0]["data"][0])["response"]),
    ),
    Contender(
        key="litserve",
        label="LitServe",
        kind="peer",
        environment="litserve",
        command=_module("benchmarks.services.litserve_service"),
        request=_post("/predict", lambda uid: {"uid": uid}),
    ),
    Contender(
        key="bentoml",
        label="BentoML",
        kind="peer",
        environment="bentoml",
        command=lambda port: [
            *("-m", "bentoml", "serve", "benchmarks.services.bentoml_service:Recommender"),
            *("--host", "127.0.0.1", "--port", str(port)),
        ],
        request=_post("/recommend", lambda uid: {"uid": uid}),
        variables={"BENTOML_DO_NOT_TRACK": "True"},
    ),
    Contender(
        key="ray",
        label="Ray Serve",
        kind="peer",
        environment="ray",
        command=_module("benchmarks.services.ray_service"),
        variables={"RAY_USAGE_STATS_ENABLED": "0"},
        ready_timeout_seconds=120.0,
    ),
    Contender(
        key="tutorial",
        label="the tutorial's service, as written",
        kind="tutorial",
        environment="tutorial",
        command=_module("benchmarks.services.tutorial"),
        sizes=_SMALLEST,
        connections=4,
        min_load_seconds=8.0,
    ),
    Contender(
        key="tutorial-best",
        label="the tutorial's service at its best (two workers)",
        kind="tutorial",
        environment="tutorial",
        command=lambda port: [
            *("-m", "gunicorn", "--workers", "2", "--bind", f"127.0.0.1:{port}", "--log-level", "error"),
            "benchmarks.services.tutorial:at_its_best()",
        ],
        sizes=_SMALLEST,
        connections=4,
        min_load_seconds=8.0,
    ),
)
