"""One round of one contender: start, check, warm up, load, memory, end."""

import contextlib
import http.client
import json
import os
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np

from benchmarks.agreement import disagreement
from benchmarks.contenders import Contender
from benchmarks.errors import BenchmarkError
from benchmarks.http_request import Request, connect
from benchmarks.paths import LOGS, ROOT
from benchmarks.records import Measurement
from benchmarks.servers import Server, free_port, running
from benchmarks.services.numpy_baseline import NumpyBaseline
from benchmarks.sizes import Size
from benchmarks.wrk import run_closed_loop

CONNECTIONS = 32
_CHECKED_USERS = 5  # whose responses are compared
_CACHED_USERS = 512  # in the load on cached responses
_USERS = 4096  # in other loads
_WARM_SECONDS = 1.0
_SINGLE_CONNECTION_SECONDS = 1.0


def users_of(size: Size, count: int) -> list[int]:
    """`count` users, or all there are, in an order that is the same for everyone."""
    return [int(row) + 1 for row in np.random.default_rng(7).permutation(size.users)[:count]]


def start(contender: Contender, size: Size, artifact: Path, *, root: Path = ROOT) -> AbstractContextManager[Server]:
    """`contender` of the checkout in `root` as a running server for `artifact`, a context manager."""
    port = free_port()
    environment = {
        **os.environ,
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "ARTIFACT_DIR": str(artifact),
        "PYTHONPATH": str(root),
        "PYTHONDONTWRITEBYTECODE": "1",
        "OPENBLAS_NUM_THREADS": "1",
        **contender.variables,
    }
    return running(
        contender.argv(port),
        environment=environment,
        port=port,
        first_request=contender.request(users_of(size, 1)[0]),
        log=LOGS / f"{contender.key}-{size.name}.log",
        ready_timeout_seconds=contender.ready_timeout_seconds,
        cwd=root,
    )


def measure(
    contender: Contender,
    size: Size,
    artifact: Path,
    model: NumpyBaseline,
    *,
    number: int,
    seconds: float,
    root: Path = ROOT,
) -> Measurement:
    """All figures of one round, of the checkout in `root`; an error becomes part of the result."""
    try:
        with start(contender, size, artifact, root=root) as server:
            return _measure(contender, size, server, model, number=number, seconds=seconds)
    except (BenchmarkError, OSError, http.client.HTTPException, ValueError, KeyError) as error:
        return Measurement(size=size.name, contender=contender.key, round=number, error=f"{error}"[:400])


def _measure(
    contender: Contender, size: Size, server: Server, model: NumpyBaseline, *, number: int, seconds: float
) -> Measurement:
    check_answers(contender, size, server.port, model)
    connections = contender.connections or CONNECTIONS
    requests = [contender.request(uid) for uid in users_of(size, _CACHED_USERS if contender.cached else _USERS)]
    if contender.cached:
        send_each(server.port, requests)
    if contender.min_load_seconds <= seconds:  # a slow service shows nothing in a second
        run_closed_loop(server.port, requests, connections=connections, seconds=_WARM_SECONDS)
    load = run_closed_loop(
        server.port, requests, connections=connections, seconds=max(seconds, contender.min_load_seconds)
    )
    if load.failed:
        raise BenchmarkError(f"{load.failed} of {load.requests} requests failed under load")
    single_connection = run_closed_loop(
        server.port, requests, connections=1, seconds=max(_SINGLE_CONNECTION_SECONDS, contender.min_load_seconds / 2)
    )
    return Measurement(
        size=size.name,
        contender=contender.key,
        round=number,
        ready_seconds=server.ready_seconds,
        resident_mb=server.resident_mb(),
        load=load,
        single_connection=single_connection,
    )


def check_answers(contender: Contender, size: Size, port: int, model: NumpyBaseline) -> None:
    """Raises BenchmarkError when an answer is not the one that the model gives."""
    if contender.parse_response is None:
        return
    for uid in users_of(size, _CHECKED_USERS):
        with contextlib.closing(connect(port)) as connection:
            response = contender.request(uid).send(connection)
        if response.status != 200:
            raise BenchmarkError(f"status {response.status} for user {uid}: {response.body[:200]!r}")
        problem = disagreement(contender.parse_response(json.loads(response.body)), model.answer(uid)["response"])
        if problem:
            raise BenchmarkError(f"another response for user {uid}: {problem}")


def send_each(port: int, requests: Sequence[Request]) -> None:
    """Send each of `requests` once, one after the other."""
    with contextlib.closing(connect(port)) as connection:
        for request in requests:
            request.send(connection)
