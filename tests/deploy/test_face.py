"""The functions that notebooks, `make up` and CI call: which way a stack is deployed, and what people see."""

from __future__ import annotations

import io
import json
import shutil
from collections import Counter
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

import deploy
from deploy import DeployError, Event, Result, engines
from deploy.emulated_engine import EmulatedEngine, _read
from deploy.events import format_event
from deploy.orphans import find_orphans
from deploy.pulumi_cli import PulumiCli
from local import docker_engine
from local.errors import LocalError
from local.settings import PROJECT_DIR
from tests.deploy.conftest import Cli


@pytest.fixture
def no_cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A PATH without Pulumi."""
    monkeypatch.setenv("PATH", str(tmp_path))
    monkeypatch.delenv("DEPLOY_ENGINE", raising=False)


@pytest.fixture
def docker(monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """What the Docker engine says of itself: it runs in this machine's network."""
    info: dict[str, str] = {}
    client = SimpleNamespace(info=lambda: info, close=lambda: None)
    monkeypatch.setattr(docker_engine, "connect", lambda: client)
    return info


@pytest.fixture
def fresh(tmp_path: Path) -> Path:
    """A project of which nothing is deployed, whatever is up in this one."""
    for file in PROJECT_DIR.glob("Pulumi*.yaml"):
        shutil.copy(file, tmp_path)
    return tmp_path


def chosen(stack: str, project_dir: Path) -> type:
    return type(engines.choose_engine(stack, config={}, backend=None, project_dir=project_dir))


def test_with_the_cli_every_stack_goes_through_it(cli: Cli, docker: dict[str, str], fresh: Path) -> None:
    assert [chosen(stack, fresh) for stack in ("local", "dev", "prod")] == [PulumiCli] * 3


def test_where_docker_does_not_reach_the_local_registry_the_cli_deploys_only_the_other_stacks(
    cli: Cli, docker: dict[str, str], fresh: Path
) -> None:
    docker["Name"] = "docker-desktop"
    assert [chosen(stack, fresh) for stack in ("local", "dev", "prod")] == [EmulatedEngine, PulumiCli, PulumiCli]


def test_what_was_deployed_without_the_cli_stays_so(cli: Cli, docker: dict[str, str], fresh: Path) -> None:
    assert chosen("local", fresh) is PulumiCli
    (fresh / ".local/engine").mkdir(parents=True)
    (fresh / ".local/engine/local.json").write_text('{"outputs": {}, "resources": [{}], "superseded": []}')
    assert chosen("local", fresh) is EmulatedEngine


def test_the_environment_turns_the_cli_off(cli: Cli, fresh: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DEPLOY_ENGINE", "emulated")
    engine = engines.choose_engine("local", config={}, backend=None, project_dir=fresh)
    assert engine.description.endswith("DEPLOY_ENGINE says so")
    assert chosen("dev", fresh) is PulumiCli


@pytest.mark.usefixtures("no_cli")
def test_what_was_deployed_with_the_cli_is_not_deployed_beside_it_without_the_cli(fresh: Path) -> None:
    state = fresh / ".local/pulumi/.pulumi/stacks/recommender/local.json"
    state.parent.mkdir(parents=True)
    made = [{"type": "pulumi:pulumi:Stack"}, {"type": "aws:ecr/repository:Repository"}]
    state.write_text(json.dumps({"checkpoint": {"latest": {"resources": made[:1]}}}))
    assert chosen("local", fresh) is EmulatedEngine
    state.write_text(json.dumps({"checkpoint": {"latest": {"resources": made}}}))
    with pytest.raises(DeployError, match=r"was deployed with the Pulumi CLI, which is not on the PATH any more"):
        chosen("local", fresh)


def test_without_a_docker_engine_the_cli_deploys_every_stack(
    cli: Cli, fresh: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def none() -> None:
        raise LocalError("No Docker engine answers.")

    monkeypatch.setattr(docker_engine, "connect", none)
    assert chosen("local", fresh) is PulumiCli


@pytest.mark.usefixtures("no_cli")
def test_without_the_cli_the_local_stack_and_no_other_can_be_deployed() -> None:
    assert isinstance(engines.choose_engine("local", config={}, backend=None, project_dir=PROJECT_DIR), EmulatedEngine)
    with pytest.raises(DeployError, match="needs the Pulumi CLI, and there is no `pulumi` on the PATH"):
        deploy.preview("dev")


def test_an_unknown_stack_is_refused_with_those_there_are() -> None:
    with pytest.raises(DeployError, match=r"There is no stack 'staging'\. There are: dev, local, prod"):
        deploy.up("staging")


@pytest.mark.usefixtures("no_cli")
def test_a_port_that_is_none_is_told_before_anything_runs(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_PORT", "eighty")
    with pytest.raises(DeployError, match="AWS_PORT='eighty' is not a port"):
        deploy.up("local")


@pytest.mark.usefixtures("no_cli")
def test_a_port_that_is_none_ends_no_question_in_a_traceback(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    for name in ("Pulumi.yaml", "Pulumi.local.yaml"):
        shutil.copy(PROJECT_DIR / name, tmp_path)
    monkeypatch.setenv("AWS_PORT", "eighty")
    assert deploy.outputs("local", project_dir=tmp_path) == {}
    with pytest.raises(DeployError, match="AWS_PORT='eighty' is not a port"):
        find_orphans("local")


def test_the_engine_s_lines_become_events_a_result_and_errors_with_their_resource() -> None:
    told = [
        {"kind": "resource", "operation": "create…", "type": "aws:ecs/service:Service", "name": "s", "seconds": None},
        {"kind": "log", "message": "pushing"},
        {"kind": "resource", "operation": "create", "type": "aws:ecs/service:Service", "name": "s", "seconds": 2.0},
        {"kind": "error", "message": "no such image", "resource": "t"},
        {"kind": "outputs", "values": {"url": "http://lb"}},
    ]
    seen: list[Event] = []
    lines = io.StringIO("".join(json.dumps(line) + "\n" for line in told))
    result, errors = _read(lines, seen.append, planning=False)
    assert (result.outputs, dict(result.changes), errors) == ({"url": "http://lb"}, {"create": 1}, ["t: no such image"])
    assert [(event.kind, event.operation) for event in seen] == [
        ("begin", "create"),
        ("log", ""),
        ("done", "create"),
        ("error", ""),
    ]


def test_lines_tell_what_changes_and_keep_silent_about_the_rest() -> None:
    service: Any = {"type": "aws:ecs/service:Service", "name": "api"}
    assert format_event(Event(kind="begin", operation="create", **service)) == "  … Service api"
    assert format_event(Event(kind="done", operation="create", seconds=2.04, **service)) == "  + Service api (2.0 s)"
    assert format_event(Event(kind="done", operation="delete", **service)) == "  - Service api"
    assert format_event(Event(kind="done", operation="same", **service)) == ""
    assert format_event(Event(kind="begin", operation="create", type="aws:iam/role:Role", name="r")) == ""
    assert "\x1b" not in format_event(Event(kind="log", message="pushing"))


def test_a_result_says_what_changed_in_words() -> None:
    result = Result(changes=Counter({"create": 3, "delete": 1, "same": 12}))
    assert result.summary() == "3 created, 1 deleted, 12 unchanged"
    assert result.changed
    assert not Result(changes=Counter({"same": 12})).changed
