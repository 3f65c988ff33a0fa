"""The real Pulumi CLI with an emulated AWS; its plugins are the released ones where they can be downloaded."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from deploy.pulumi_command import NO_DOWNLOADS
from local.emulated_aws import is_reachable
from local.processes import Daemon
from tests.e2e.conftest import Project, copy_project
from tests.model_service.process import free_port
from tests.pulumi_cli.model import write_model

PLUGINS = Path(__file__).parent / "plugins"
ROOT = Path(__file__).resolve().parents[2]


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Without a CLI nothing here can run."""
    if shutil.which("pulumi") is None:
        for item in items:
            if "tests/pulumi_cli/" in item.nodeid:
                item.add_marker(pytest.mark.skip("no Pulumi CLI on the PATH"))


@pytest.fixture(scope="session")
def cli_path(tmp_path_factory: pytest.TempPathFactory) -> str:
    """The PATH with the CLI and, where plugins cannot be downloaded, those that are here in place of them."""
    if not os.environ.get(NO_DOWNLOADS):
        return os.environ["PATH"]
    folder = tmp_path_factory.mktemp("plugins")
    for file in PLUGINS.glob("[a-z]*.py"):
        plugin = folder / f"pulumi-resource-{file.stem.replace('_', '-')}"
        own = f' "{folder}"' if file.stem == "aws" else ""
        plugin.write_text(f'#!/bin/sh\nPYTHONPATH="{ROOT}" exec "{sys.executable}" "{file}"{own} "$@"\n')
        plugin.chmod(0o755)
    analyzer = folder / "pulumi-analyzer-policy-python"  # ships with the released CLI
    analyzer.write_text(f'#!/bin/sh\nexec "{sys.executable}" -u -m pulumi.policy "$@"\n')
    analyzer.chmod(0o755)
    return f"{folder}{os.pathsep}{os.environ['PATH']}"


@pytest.fixture(scope="session")
def cli_environment(cli_path: str) -> dict[str, str]:
    """This process's environment with the CLI, and the interpreter that its programs run in."""
    others = {key: value for key, value in os.environ.items() if key != "DEPLOY_ENGINE"}
    return {**others, "PATH": cli_path, "PULUMI_ENGINE_PYTHON": sys.executable, "PULUMI_SKIP_UPDATE_CHECK": "true"}


@dataclass(frozen=True, kw_only=True)
class CliProject(Project):
    """A copy of the project that deploys with the CLI."""

    variables: Mapping[str, str]

    def environment(self, *, ports: bool = True) -> dict[str, str]:
        """With the CLI on the PATH."""
        ports_of_this = ("AWS_PORT", "ENDPOINT_PORT")
        own = {key: value for key, value in super().environment(ports=ports).items() if key in ports_of_this}
        return {**{key: value for key, value in self.variables.items() if key not in ports_of_this}, **own}

    def call(self, call: str, /, **config: Any) -> list[dict[str, Any]]:
        """The events of `deploy.CALL("local", config=…)`, those of unchanged resources too; fails if it fails."""
        done = self.try_call(call, **config)
        if done.returncode:
            pytest.fail(f"deploy.{call} failed\n{done.stdout}\n{done.stderr}")
        return [json.loads(line) for line in done.stdout.splitlines()]

    def try_call(self, call: str, /, **config: Any) -> subprocess.CompletedProcess[str]:
        """The same, failed or not; the error's text is on standard error."""
        given = f", config={config!r}" if config else ""
        return self.deploy(CALL.format(call=call, given=given), check=False)


CALL = """
import dataclasses, json, sys, deploy
show = lambda event: print(json.dumps(dataclasses.asdict(event)), flush=True)
try:
    deploy.{call}("local"{given}, on_event=show)
except deploy.DeployError as error:
    sys.exit(str(error))
"""


def operations(events: list[dict[str, Any]]) -> list[tuple[str, str, tuple[str, ...]]]:
    """What was done, in order: operation, name, changed properties; without what stayed the same."""
    done = [event for event in events if event["kind"] == "done" and event["operation"] != "same"]
    return [(event["operation"], event["name"], tuple(event["changed"])) for event in done]


def copy_for_cli(folder: Path, variables: Mapping[str, str]) -> CliProject:
    """A copy of the project with a small model; nothing is up yet."""
    copied = copy_project(folder)
    write_model(copied.folder / "model_service" / "artifact", seed=0)
    ports = {"aws_port": copied.aws_port, "endpoint_port": copied.endpoint_port}
    return CliProject(folder=copied.folder, **ports, variables=variables)


@pytest.fixture(scope="session")
def cli_project(tmp_path_factory: pytest.TempPathFactory, cli_environment: dict[str, str]) -> Iterator[CliProject]:
    """A copy of the project, brought up from nothing by the CLI, and taken down at the end whatever happens."""
    made = copy_for_cli(tmp_path_factory.mktemp("cli") / "recommender", cli_environment)
    try:
        up = made.run("deploy.local_stack", "up")
        (made.folder / "first-up.txt").write_text(up.stdout)
        yield made
    finally:
        made.run("deploy.local_stack", "down", check=False)


@dataclass(frozen=True, kw_only=True)
class Account:
    """An emulated AWS without containers: enough for previews."""

    url: str
    folder: Path
    environment: Mapping[str, str]

    def pulumi(self, *arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        """Run `pulumi ARGUMENTS` on the project's files."""
        done = subprocess.run(
            ["pulumi", *arguments], cwd=self.folder, env=self.environment, capture_output=True, text=True, check=False
        )
        if check and done.returncode:
            pytest.fail(f"pulumi {' '.join(arguments)} ended with {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done


@pytest.fixture(scope="session")
def account(tmp_path_factory: pytest.TempPathFactory, cli_environment: dict[str, str]) -> Iterator[Account]:
    """An account with the default VPC, for a copy of the project whose model is a stand-in."""
    folder = copy_project(tmp_path_factory.mktemp("previews") / "recommender").folder
    write_model(folder / "model_service" / "artifact", seed=0)
    (folder / ".venv").symlink_to(sys.prefix)
    state = tmp_path_factory.mktemp("state")
    port = free_port()
    emulator = Daemon(name="emulator", state_dir=state)
    command = [sys.executable, "-m", "local.emulator", "--aws-port", str(port), "--endpoint-port", str(free_port())]
    emulator.start(command, {"GATEWAY_PORT": str(port), "PYTHONPATH": str(ROOT), "DOCKER_HOST": "unix:///nowhere"})
    url = f"http://localhost:{port}"
    try:
        while not is_reachable(url):
            if emulator.running() is None:
                pytest.fail(emulator.last_lines())
        own = {"PULUMI_BACKEND_URL": state.as_uri(), "PULUMI_CONFIG_PASSPHRASE": ""}
        yield Account(url=url, folder=folder, environment={**cli_environment, **own})
    finally:
        emulator.stop()
