"""Who is measured: how each is started, asked and read."""

import json
import sys
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

from benchmarks.environments import python_of
from benchmarks.http_client import encode_request

Kind = Literal["tutorial", "ceiling", "plain", "peer", "ours"]
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
    ask: the wire bytes of a request for a user.
    read: the list of title and score out of a response's JSON; None for a constant answer.
    variables: additional environment variables; the port is PORT, the artifact ARTIFACT_DIR.
    sizes: the catalogues it is measured on; None for all.
    connections: how many of the load generator's connections it gets when not the usual number.
    seconds: for how long at least it is loaded: for the slow.
    asked_before: each request of the walk is sent once before it is timed.
    """

    key: str
    label: str
    kind: Kind
    environment: str | None
    command: Callable[[int], list[str]]
    ask: Callable[[int], bytes] = lambda uid: encode_request(f"/?uid={uid}", None)
    read: Callable[[Any], list[list[Any]]] | None = lambda answer: list(answer["response"])
    variables: Mapping[str, str] = field(default_factory=dict)
    sizes: tuple[str, ...] | None = None
    connections: int | None = None
    seconds: float = 0.0
    asked_before: bool = False
    ready_within: float = 60.0

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
        command=_module("benchmarks.services.constants", face),
        read=None,
        sizes=sizes,
    )


def _post(path: str, body: Callable[[int], Any]) -> Callable[[int], bytes]:
    return lambda uid: encode_request(path, json.dumps(body(uid), separators=(",", ":")).encode())


def _ask_v2(uid: int) -> Any:
    return {"inputs": [{"name": "uid", "shape": [1, 1], "datatype": "INT64", "data": [uid]}]}


def _ours(key: str, label: str, *, asked_before: bool, **variables: str) -> Contender:
    return Contender(
        key=key,
        label=label,
        kind="ours",
        environment=None,
        command=_module("model_service.serving"),
        variables={"WORKERS": "1", "SCORING_THREADS": "1", **variables},
        asked_before=asked_before,
    )


CONTENDERS = (
    _ours("ours-kept", "**ours**, asked before (answers kept)", asked_before=True),
    _ours("ours-computed", "**ours**, computed (nothing kept)", asked_before=False, RESPONSE_CACHE_MIB="0"),
    _constant("asgi", "raw ASGI, constant"),
    _constant("asgi-headers", "raw ASGI, constant, with our headers"),
    _constant("starlette", "Starlette route, constant", _NOT_THE_LARGEST),
    _constant("fastapi", "FastAPI route, constant", _NOT_THE_LARGEST),
    _constant("fastapi-orjson", "FastAPI route, constant, orjson", _NOT_THE_LARGEST),
    Contender(
        key="starlette-numpy",
        label="Starlette and numpy",
        kind="plain",
        environment="web",
        command=_module("benchmarks.services.plain_numpy", "starlette"),
    ),
    Contender(
        key="fastapi-numpy",
        label="FastAPI and numpy",
        kind="plain",
        environment="web",
        command=_module("benchmarks.services.plain_numpy", "fastapi"),
    ),
    Contender(
        key="mlserver",
        label="MLServer",
        kind="peer",
        environment="mlserver",
        command=_module("benchmarks.services.mlserver_start"),
        ask=_post("/v2/models/recommender/infer", _ask_v2),
        read=lambda answer: list(json.loads(answer["outputs"][0]["data"][0])["response"]),
    ),
    Contender(
        key="litserve",
        label="LitServe",
        kind="peer",
        environment="litserve",
        command=_module("benchmarks.services.litserve_service"),
        ask=_post("/predict", lambda uid: {"uid": uid}),
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
        ask=_post("/recommend", lambda uid: {"uid": uid}),
        variables={"BENTOML_DO_NOT_TRACK": "True"},
    ),
    Contender(
        key="ray",
        label="Ray Serve",
        kind="peer",
        environment="ray",
        command=_module("benchmarks.services.ray_service"),
        variables={"RAY_USAGE_STATS_ENABLED": "0"},
        ready_within=120.0,
    ),
    Contender(
        key="tutorial",
        label="the tutorial's service, as written",
        kind="tutorial",
        environment="tutorial",
        command=_module("benchmarks.services.tutorial"),
        sizes=_SMALLEST,
        connections=4,
        seconds=8.0,
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
        seconds=8.0,
    ),
)
