"""One contender, once: started, checked, warmed, loaded, weighed, ended."""

import json
import os
from collections.abc import Sequence
from contextlib import AbstractContextManager
from pathlib import Path

import numpy as np

from benchmarks.agreement import disagreement
from benchmarks.contenders import Contender
from benchmarks.errors import BenchmarkError
from benchmarks.http_client import Connection
from benchmarks.paths import LOGS, ROOT
from benchmarks.records import Measurement
from benchmarks.servers import Server, free_port, running
from benchmarks.services.straightforward import Model
from benchmarks.sizes import Size
from benchmarks.wrk import run_wrk

CONNECTIONS = 32
_CHECKED = 5  # users whose answers are compared
_KEPT = 512  # users who were asked for before, where that is measured
_WALKED = 4096  # users in the walk otherwise
_WARM_SECONDS = 1.0
_ALONE_SECONDS = 1.0


def users_of(size: Size, count: int) -> list[int]:
    """`count` users, or all there are, in an order that is the same for everyone."""
    return [int(row) + 1 for row in np.random.default_rng(7).permutation(size.users)[:count]]


def start(contender: Contender, size: Size, artifact: Path) -> AbstractContextManager[Server]:
    """The context manager of `contender` as a running server for `artifact`."""
    port = free_port()
    environment = {
        **os.environ,
        "HOST": "127.0.0.1",
        "PORT": str(port),
        "ARTIFACT_DIR": str(artifact),
        "PYTHONPATH": str(ROOT),
        "PYTHONDONTWRITEBYTECODE": "1",
        "OPENBLAS_NUM_THREADS": "1",
        **contender.variables,
    }
    return running(
        contender.argv(port),
        environment=environment,
        port=port,
        first_request=contender.ask(users_of(size, 1)[0]),
        log=LOGS / f"{contender.key}-{size.name}.log",
        ready_within=contender.ready_within,
    )


def measure(
    contender: Contender, size: Size, artifact: Path, model: Model, *, number: int, seconds: float
) -> Measurement:
    """All numbers of one round; an error becomes part of the result."""
    try:
        with start(contender, size, artifact) as server:
            return _measure(contender, size, server, model, number=number, seconds=seconds)
    except (BenchmarkError, OSError, ValueError, KeyError) as error:
        return Measurement(size=size.name, contender=contender.key, round=number, error=f"{error}"[:400])


def _measure(
    contender: Contender, size: Size, server: Server, model: Model, *, number: int, seconds: float
) -> Measurement:
    check_answers(contender, size, server.port, model)
    connections = contender.connections or CONNECTIONS
    requests = [contender.ask(uid) for uid in users_of(size, _KEPT if contender.asked_before else _WALKED)]
    if contender.asked_before:
        ask_each(server.port, requests)
    if contender.seconds <= seconds:  # the slow ones show nothing in a second
        run_wrk(server.port, requests, connections=connections, seconds=_WARM_SECONDS)
    load = run_wrk(server.port, requests, connections=connections, seconds=max(seconds, contender.seconds))
    if load.failed:
        raise BenchmarkError(f"{load.failed} of {load.requests} requests failed under load")
    alone = run_wrk(server.port, requests, connections=1, seconds=max(_ALONE_SECONDS, contender.seconds / 2))
    return Measurement(
        size=size.name,
        contender=contender.key,
        round=number,
        ready_seconds=server.ready_seconds,
        resident_mb=server.resident_mb(),
        load=load,
        alone=alone,
    )


def check_answers(contender: Contender, size: Size, port: int, model: Model) -> None:
    """Raises BenchmarkError when an answer is not the one that the model gives."""
    if contender.read is None:
        return
    for uid in users_of(size, _CHECKED):
        with Connection(port, timeout=30) as connection:
            answer = connection.ask(contender.ask(uid))
        if answer.status != 200:
            raise BenchmarkError(f"it answered status {answer.status} for user {uid}: {answer.body[:200]!r}")
        problem = disagreement(contender.read(json.loads(answer.body)), model.answer(uid)["response"])
        if problem:
            raise BenchmarkError(f"its answer for user {uid} is another one: {problem}")


def ask_each(port: int, requests: Sequence[bytes]) -> None:
    """Send each of `requests` once and wait for its answer."""
    with Connection(port, timeout=30) as connection:
        for request in requests:
            connection.ask(request)
