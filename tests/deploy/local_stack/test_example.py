"""`make example`, and what ends it."""

from pathlib import Path
from typing import Any

import pytest

import deploy
from deploy.local_stack import example
from local.settings import LocalSettings
from tests.local.conftest import Processes

DNS_NAME = "any-container-1.us-east-1.elb.amazonaws.com"


class LoadBalancers:
    """An account with the recommender's load balancer and the example's."""

    def describe_load_balancers(self) -> dict[str, Any]:
        names = {"recommender-local": "recommender-2.elb.amazonaws.com", "any-container-local": DNS_NAME}
        return {"LoadBalancers": [{"LoadBalancerName": name, "DNSName": dns} for name, dns in names.items()]}


@pytest.fixture
def calls(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The operations on the example's project, in order."""
    made: list[str] = []

    def operation(name: str) -> Any:
        def call(stack: str, *, project_dir: Path) -> deploy.Result:
            made.append(f"{name} {stack} in {project_dir.name}")
            return deploy.Result(outputs={"url": f"http://{DNS_NAME}"})

        return call

    for name in ("up", "destroy"):
        monkeypatch.setattr(deploy, name, operation(name))
    return made


def test_the_answer_comes_through_the_examples_own_load_balancer(
    settings: LocalSettings, calls: list[str], monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    fetched: list[str] = []

    def fetch(url: str, path: str) -> dict[str, Any]:
        fetched.append(url)
        return {"message": "Hello"}

    monkeypatch.setattr(example, "prepare", lambda _: calls.append("prepare"))
    monkeypatch.setattr(example, "client", lambda *_, **__: LoadBalancers())
    monkeypatch.setattr(example, "fetch", fetch)
    example.example(settings)
    assert calls == ["prepare", "up local in any_container"]
    assert fetched == ["http://localhost:4666/_alb/any-container-local"]
    printed = capsys.readouterr().out
    assert '{"message": "Hello"}' in printed
    assert f"Endpoint: {fetched[0]}" in printed


def test_an_example_that_is_deployed_is_destroyed_with_its_state(
    settings: LocalSettings, calls: list[str], processes: Processes
) -> None:
    processes.running.add("emulator")
    for folder in (".local", ".build"):
        (example.EXAMPLE_DIR / folder).mkdir(parents=True)
    example.example_down(settings)
    assert calls == ["destroy local in any_container"]
    assert list(example.EXAMPLE_DIR.iterdir()) == []
    assert processes.stopped == []


@pytest.mark.parametrize("running", [True, False])
def test_an_example_that_is_not_deployed_is_left(
    running: bool,
    settings: LocalSettings,
    calls: list[str],
    processes: Processes,
    capsys: pytest.CaptureFixture[str],
) -> None:
    if running:
        processes.running.add("emulator")
    example.example_down(settings)
    assert calls == []
    assert capsys.readouterr().out == "The example is not deployed.\n"


def test_an_example_whose_deletion_fails_keeps_its_state_for_the_next_try(
    settings: LocalSettings, calls: list[str], processes: Processes, monkeypatch: pytest.MonkeyPatch
) -> None:
    def fails(*_: Any, **__: Any) -> Any:
        raise deploy.DeployError("in use")

    monkeypatch.setattr(deploy, "destroy", fails)
    processes.running.add("emulator")
    (example.EXAMPLE_DIR / ".local").mkdir(parents=True)
    with pytest.raises(deploy.DeployError, match="in use"):
        example.example_down(settings)
    assert example.is_deployed()
