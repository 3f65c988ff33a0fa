"""Tasks on a Docker engine with a network of its own: local images, and ports published on loopback."""

from __future__ import annotations

import asyncio
import socket
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from docker.errors import ImageNotFound
from ministack.core.responses import request_scope
from ministack.services import alb, ecr, ecs

from local.emulator import detached_engine
from local.emulator.detached_engine import DetachedEngine, built_image, published_address
from local.emulator.health_checks import probe
from local.emulator.target_health import TargetHealth
from local.settings import ACCOUNT_ID, REGION

GROUP = "arn:aws:elasticloadbalancing:us-east-1:000000000000:targetgroup/films/1"
DIGEST = f"sha256:{'1' * 64}"
UNREACHED = ("192.0.2.7", 8000)
"""A task's address in the engine's network: from the block for documentation, which nothing answers."""
CONTAINER = {"name": "app", "image": f"localhost:4666/films@{DIGEST}", "portMappings": [{"containerPort": 8000}]}


class Container:
    """A started container, whose ports are known once it is read again."""

    id = "1" * 64

    def __init__(self, port: int) -> None:
        self.ports: dict[str, Any] = {}
        self.attrs: dict[str, Any] = {"NetworkSettings": {"Networks": {"bridge": {"IPAddress": UNREACHED[0]}}}}
        self._port = port

    def reload(self) -> None:
        self.ports = {"8000/tcp": [{"HostIp": "127.0.0.1", "HostPort": str(self._port)}], "9000/tcp": None}


class Engine:
    """An engine with these images: records what was run."""

    def __init__(self, *images: str) -> None:
        self.containers = self.images = self
        self.ran: list[str] = []
        self._names = images

    def get(self, image: str) -> str:
        if image not in self._names:
            raise ImageNotFound(image)
        return image

    def run(self, image: str, **_: Any) -> Container:
        self.ran.append(image)
        return Container(0)


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch) -> Iterator[DetachedEngine]:
    """The emulator with its functions replaced, in the account's scope."""
    monkeypatch.setattr(detached_engine, "_published", {})
    for name in ("_build_run_kwargs", "_run_docker_container", "_attach_started_container"):
        monkeypatch.setattr(ecs, name, getattr(ecs, name))
    with request_scope(ACCOUNT_ID, REGION):
        made = DetachedEngine()
        made.install()
        yield made


@pytest.fixture
def server() -> Iterator[int]:
    """The published port of a task that answers."""

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = threading.Thread(target=http.serve_forever, daemon=True)
        thread.start()
        yield http.server_port
        http.shutdown()
        thread.join()


def start_task(port: int) -> None:
    """A task of the emulator whose container port 8000 is published on this port."""
    task = {"taskArn": "arn:task/1", "_network_mode": "awsvpc", "lastStatus": "PENDING", "desiredStatus": "RUNNING"}
    ecs._tasks["arn:task/1"] = task
    try:
        assert ecs._attach_started_container(task, Container(port), 0, "token", None)
    finally:
        del ecs._tasks["arn:task/1"]
    assert ecs._task_ip(task) == UNREACHED[0]


def test_health_checks_and_requests_go_to_the_port_that_is_published_for_the_task(
    engine: DetachedEngine, server: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    start_task(server)
    assert probe({}, UNREACHED) is None
    balancer = TargetHealth(account_id=ACCOUNT_ID, region=REGION)
    monkeypatch.setitem(alb._tgs, GROUP, {"TargetType": "ip", "Port": 8000})
    monkeypatch.setitem(alb._targets, GROUP, [{"Id": UNREACHED[0], "Port": UNREACHED[1]}])
    balancer._checks.health(GROUP, UNREACHED).record({}, None)
    status, _, body = asyncio.run(balancer._forward(GROUP, "GET", "/", {"host": "localhost"}, b"", {}))
    assert (status, isinstance(body, bytes)) == (200, False)


def test_a_task_that_takes_the_address_of_another_gets_its_own_port(engine: DetachedEngine) -> None:
    for port in (40001, 40002):
        start_task(port)
    assert published_address(UNREACHED) == ("127.0.0.1", 40002)


def test_other_targets_are_reached_at_their_own_address(engine: DetachedEngine) -> None:
    start_task(40001)
    assert published_address((UNREACHED[0], 9000)) == (UNREACHED[0], 9000)


def ports(network: str | None) -> Any:
    """Which ports a task's container is run with, where the emulator is in this network of the engine, or in none."""
    made = ecs._build_run_kwargs(CONTAINER, {}, {}, {}, network, False, "1" * 32, "arn:task/1", None, "arn:cluster/1")
    return made["ports"]


def test_ports_are_published_on_loopback_where_they_are_free_on_this_machine(engine: DetachedEngine) -> None:
    published = [ports(None)["8000/tcp"] for _ in range(2)]
    for address in published:
        with socket.socket() as one:
            one.bind(address)
    assert {host for host, _ in published} == {"127.0.0.1"}


def test_no_port_is_published_where_the_emulator_is_in_the_tasks_network(engine: DetachedEngine) -> None:
    assert ports("own-network") is None


@pytest.fixture
def pushed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The registry has two images."""
    other = {"imageDigest": f"sha256:{'2' * 64}", "imageTags": ["two"]}
    monkeypatch.setitem(ecr._images, "films", [other, {"imageDigest": DIGEST, "imageTags": ["one"]}])


def test_a_task_runs_the_image_that_was_built_under_the_tag_of_its_digest(engine: DetachedEngine, pushed: None) -> None:
    client = Engine("localhost:4666/films:one", "localhost:4666/films:two")
    ecs._run_docker_container(client, CONTAINER, {}, refresh_image=True, allow_cached=False)
    assert client.ran == ["localhost:4666/films:one"]


def test_a_task_whose_image_was_removed_from_the_engine_says_so(engine: DetachedEngine, pushed: None) -> None:
    client = Engine("localhost:4666/films:two")
    with pytest.raises(ecs._ImagePullError, match=r"films:one was removed from the Docker engine.*`make down`"):
        ecs._run_docker_container(client, CONTAINER, {}, refresh_image=True)
    assert client.ran == []


@pytest.mark.parametrize("image", ["nginx", "nginx:1", f"localhost:4666/films@{DIGEST}", f"films@{DIGEST}"])
def test_an_image_that_the_registry_does_not_have_keeps_its_name(image: str, engine: DetachedEngine) -> None:
    assert built_image(image) is None
