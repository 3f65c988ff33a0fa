"""Requests to targets of which one is dead, closes the connection or hangs: sockets, without containers."""

from __future__ import annotations

import asyncio
import json
import random
import socket
import threading
from collections.abc import Callable, Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from ministack.core.responses import request_scope
from ministack.services import alb

from local.emulator.target_health import TargetHealth
from local.settings import ACCOUNT_ID, REGION

GROUP = "arn:aws:elasticloadbalancing:us-east-1:000000000000:targetgroup/films/1"
Target = tuple[str, int]


@pytest.fixture
def live() -> Iterator[tuple[Target, list[str]]]:
    """A target that answers, and the methods of the requests that it got."""
    got: list[str] = []

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            got.append(self.command)
            self.send_response(200)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def do_POST(self) -> None:
            self.do_GET()

        def log_message(self, format: str, *args: Any) -> None:
            """Quiet."""

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = threading.Thread(target=http.serve_forever, daemon=True)
        thread.start()
        yield ("127.0.0.1", http.server_port), got
        http.shutdown()
        thread.join()


@pytest.fixture
def dead() -> Target:
    """A target whose port nothing listens on."""
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return "127.0.0.1", int(one.getsockname()[1])


@pytest.fixture
def accepting() -> Iterator[Callable[..., tuple[Target, list[int]]]]:
    """Makes a target that takes requests without a whole answer: it closes the connection, or keeps it open."""
    listeners: list[socket.socket] = []

    def make(*, close: bool, answer: bytes = b"") -> tuple[Target, list[int]]:
        listener = socket.create_server(("127.0.0.1", 0))
        listeners.append(listener)
        got: list[int] = []
        kept: list[socket.socket] = []

        def serve() -> None:
            while True:
                try:
                    connection, _ = listener.accept()
                except OSError:
                    for one in kept:
                        one.close()
                    return
                got.append(len(connection.recv(65536)))
                connection.sendall(answer)
                if close:
                    connection.close()
                else:
                    kept.append(connection)

        thread = threading.Thread(target=serve, daemon=True)
        thread.start()
        return ("127.0.0.1", listener.getsockname()[1]), got

    yield make
    for listener in listeners:
        listener.shutdown(socket.SHUT_RDWR)
        listener.close()


@pytest.fixture
def balancer(monkeypatch: pytest.MonkeyPatch) -> Iterator[TargetHealth]:
    """Targets in the order of registration, all healthy."""
    monkeypatch.setattr(random, "shuffle", lambda _: None)
    with request_scope(ACCOUNT_ID, REGION):
        monkeypatch.setitem(alb._tgs, GROUP, {"TargetType": "ip", "Port": 80})
        yield TargetHealth(account_id=ACCOUNT_ID, region=REGION)
        alb._targets.pop(GROUP, None)


def register(balancer: TargetHealth, *targets: Target) -> None:
    alb._targets[GROUP] = [{"Id": address, "Port": port} for address, port in targets]
    for target in targets:
        balancer._checks.health(GROUP, target).record({}, None)


async def _send(balancer: TargetHealth, method: str) -> int:
    async def receive() -> dict[str, Any]:
        await asyncio.sleep(60)
        return {}

    async def send(_: dict[str, Any]) -> None:
        return None

    status, _, body = await balancer._forward(GROUP, method, "/", {"host": "localhost"}, b"", {})
    if not isinstance(body, bytes):
        await body.runner(send, receive)
    return int(status)


def send(balancer: TargetHealth, method: str) -> int:
    return asyncio.run(_send(balancer, method))


@pytest.mark.parametrize("method", ["GET", "POST"])
def test_a_target_that_takes_no_connection_costs_no_request_and_is_set_aside(
    method: str, live: tuple[Target, list[str]], dead: Target, balancer: TargetHealth
) -> None:
    register(balancer, dead, live[0])
    assert send(balancer, method) == 200
    assert live[1] == [method]
    assert balancer._checks.usable(GROUP) == [live[0], dead]
    balancer._checks.health(GROUP, dead).record({}, None)
    assert balancer._checks.usable(GROUP) == [dead, live[0]]


def test_a_get_whose_target_closed_the_connection_is_sent_to_another(
    live: tuple[Target, list[str]], accepting: Callable[..., tuple[Target, list[int]]], balancer: TargetHealth
) -> None:
    closing, got = accepting(close=True)
    register(balancer, closing, live[0])
    assert send(balancer, "GET") == 200
    assert (len(got), live[1]) == (1, ["GET"])


def test_a_get_whose_target_died_in_the_middle_of_the_body_is_sent_to_another(
    live: tuple[Target, list[str]], accepting: Callable[..., tuple[Target, list[int]]], balancer: TargetHealth
) -> None:
    dying, got = accepting(close=True, answer=b"HTTP/1.1 500 Half\r\nContent-Length: 10\r\n\r\nhalf")
    register(balancer, dying, live[0])
    assert send(balancer, "GET") == 200
    assert (len(got), live[1]) == (1, ["GET"])


def test_a_post_whose_target_closed_the_connection_fails_and_is_not_sent_twice(
    live: tuple[Target, list[str]], accepting: Callable[..., tuple[Target, list[int]]], balancer: TargetHealth
) -> None:
    closing, got = accepting(close=True)
    register(balancer, closing, live[0])
    assert send(balancer, "POST") == 502
    assert (len(got), live[1]) == (1, [])


def test_a_get_that_waits_for_a_target_is_sent_to_another_once_that_one_is_unhealthy(
    live: tuple[Target, list[str]], accepting: Callable[..., tuple[Target, list[int]]], balancer: TargetHealth
) -> None:
    hanging, got = accepting(close=False)
    register(balancer, hanging, live[0])

    async def run() -> int:
        sent = asyncio.ensure_future(_send(balancer, "GET"))
        while not got:
            await asyncio.sleep(0.01)
        assert live[1] == []
        balancer._checks.health(GROUP, hanging).record({"UnhealthyThresholdCount": 1}, "no answer")
        return await sent

    assert asyncio.run(run()) == 200
    assert live[1] == ["GET"]


def test_without_a_target_that_answers_the_balancer_does(dead: Target, balancer: TargetHealth) -> None:
    register(balancer, dead)
    assert send(balancer, "GET") == 502
    register(balancer)
    status, _, body = asyncio.run(balancer._forward(GROUP, "GET", "/", {}, b"", {}))
    assert (status, json.loads(body)) == (503, {"message": "no healthy target in the target group"})
