"""The endpoint's port belongs to the recommender's load balancer, whatever else is deployed."""

import asyncio
from typing import Any

import pytest

from local.emulator import __main__ as emulator

AWS_PORT, ENDPOINT_PORT = 4666, 8180
RECOMMENDER = {"arn:recommender": "recommender-lb"}
OTHER = {"arn:other": "other-lb"}
TAGS = {
    "arn:recommender": [{"Key": "project", "Value": "recommender"}, {"Key": "stack", "Value": "local"}],
    "arn:other": [{"Key": "project", "Value": "any-container"}],
}


class Paths:
    """The paths of the requests that reach the emulator, and the statuses of the responses made without it."""

    def __init__(self) -> None:
        self.forwarded: list[tuple[str, bytes]] = []
        self.statuses: list[int] = []

    async def aws(self, scope: Any, _receive: Any, _send: Any) -> None:
        self.forwarded.append((scope["path"], scope["raw_path"]))

    async def send(self, message: dict[str, Any]) -> None:
        if "status" in message:
            self.statuses.append(message["status"])


@pytest.fixture
def paths(monkeypatch: pytest.MonkeyPatch) -> Paths:
    made = Paths()
    monkeypatch.setattr(emulator, "aws", made.aws)
    return made


def request(paths: Paths, monkeypatch: pytest.MonkeyPatch, balancers: dict[str, str], port: int) -> None:
    """A request for `/films/a%2Fb` on a port, with these load balancers, by ARN and name, in order of creation."""
    lbs = {arn: {"LoadBalancerName": name} for arn, name in balancers.items()}
    monkeypatch.setattr(emulator.alb, "_lbs", lbs)
    monkeypatch.setattr(emulator.alb, "_tags", TAGS)
    scope = {"type": "http", "server": ("127.0.0.1", port), "path": "/films/a/b", "raw_path": b"/films/a%2Fb"}
    scope |= {"headers": [(b"host", f"localhost:{port}".encode())]}

    async def receive() -> dict[str, Any]:
        return {}

    asyncio.run(emulator.with_load_balancer(AWS_PORT, ENDPOINT_PORT)(scope, receive, paths.send))


@pytest.mark.parametrize("balancers", [RECOMMENDER, RECOMMENDER | OTHER, OTHER | RECOMMENDER])
def test_the_endpoint_is_the_recommenders_in_any_order_of_creation(
    balancers: dict[str, str], paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    request(paths, monkeypatch, balancers, ENDPOINT_PORT)
    assert paths.forwarded == [("/_alb/recommender-lb/films/a/b", b"/_alb/recommender-lb/films/a%2Fb")]


@pytest.mark.parametrize("balancers", [{}, OTHER])
def test_the_endpoint_of_no_recommender_is_unavailable(
    balancers: dict[str, str], paths: Paths, monkeypatch: pytest.MonkeyPatch
) -> None:
    request(paths, monkeypatch, balancers, ENDPOINT_PORT)
    assert (paths.forwarded, paths.statuses) == ([], [503])


def test_another_port_is_the_aws_apis(paths: Paths, monkeypatch: pytest.MonkeyPatch) -> None:
    request(paths, monkeypatch, RECOMMENDER, AWS_PORT)
    assert paths.forwarded == [("/films/a/b", b"/films/a%2Fb")]
