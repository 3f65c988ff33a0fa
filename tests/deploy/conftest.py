"""A small project with stacks of its own, and a stand-in for the Pulumi CLI on the PATH."""

from __future__ import annotations

import json
import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from deploy.pulumi_cli import PulumiCli
from deploy.pulumi_command import find_pulumi
from local import docker_engine
from tests.infra.conftest import project

__all__ = ["project"]

STANDIN = Path(__file__).with_name("standin_pulumi.py")
STACK_FILES = {
    "local": "# kept as it is\nconfig:\n  aws:region: us-east-1\n  recommender:desiredCount: 2\n",
    "dev": "config:\n  aws:region: eu-central-1\n",
    "prod": "config:\n  aws:region: eu-central-1\n",
}


def urn(type_: str, name: str) -> str:
    """A resource's URN in the stack `dev`."""
    return f"urn:pulumi:dev::recommender::{type_}::{name}"


def step(
    op: str, type_: str, name: str, *, planning: bool = False, custom: bool = True, diffs: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """The engine's two events for a step that went well."""
    state = {"type": type_, "urn": urn(type_, name), "id": "", "parent": "", "inputs": {}, "outputs": {}}
    state |= {"provider": "", "protect": False, "custom": custom}
    metadata = {"op": op, "urn": urn(type_, name), "type": type_, "provider": "", "old": None, "new": state}
    metadata |= {"diffs": list(diffs)}
    told = {"metadata": metadata, "planning": planning}
    return [{"resourcePreEvent": told}, {"resOutputsEvent": told}]


def diagnostic(message: str, *, severity: str = "error", at: str = "", ephemeral: bool = False) -> dict[str, Any]:
    """The engine's event for a message."""
    told = {"message": message, "color": "never", "severity": severity, "urn": at, "ephemeral": ephemeral}
    return {"diagnosticEvent": told}


def ending(changes: Mapping[str, int]) -> list[dict[str, Any]]:
    """The engine's last two events."""
    told = {"maybeCorrupt": False, "durationSeconds": 9, "resourceChanges": dict(changes), "PolicyPacks": {}}
    return [{"summaryEvent": told}, {"cancelEvent": {}}]


@dataclass(frozen=True, kw_only=True)
class Cli:
    """The stand-in and the project that it works on."""

    folder: Path
    project: Path

    def says(self, *events: dict[str, Any], **scenario: Any) -> None:
        """What the next commands answer; `changes` are counted in the summary too."""
        changes = scenario.setdefault("changes", {"create": 1, "same": 2})
        told = {"version": "v3.272.0", "outputs": {}, **scenario, "events": [*events, *ending(changes)]}
        (self.folder / "scenario.json").write_text(json.dumps(told))

    def stack(self, name: str, *, config: dict[str, Any] | None = None, backend: str | None = None) -> PulumiCli:
        """A stack of the small project."""
        command = find_pulumi()
        assert command is not None
        return PulumiCli(stack=name, config=config or {}, backend=backend, project_dir=self.project, command=command)

    def calls(self) -> list[dict[str, Any]]:
        """Every call but those for the version: arguments, Pulumi's environment, the configuration file's text."""
        lines = (self.folder / "calls.jsonl").read_text().splitlines()
        return [call for call in map(json.loads, lines) if call["arguments"] != ["version"]]

    def last(self, command: str) -> dict[str, Any]:
        """The last call of preview, up, refresh or destroy."""
        return [call for call in self.calls() if call["arguments"][0] == command][-1]


@pytest.fixture
def cli(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Cli:
    """The stand-in on the PATH as `pulumi`, with nothing up; which Docker engine this machine has changes nothing."""
    folder, project, bin_ = tmp_path / "standin", tmp_path / "project", tmp_path / "bin"
    for made in (folder, project, bin_):
        made.mkdir()
    (bin_ / "pulumi").write_text(f'#!/bin/sh\nexec "{sys.executable}" "{STANDIN}" "$@"\n')
    (bin_ / "pulumi").chmod(0o755)
    (project / "Pulumi.yaml").write_text("name: recommender\nruntime: python\n")
    for name, text in STACK_FILES.items():
        (project / f"Pulumi.{name}.yaml").write_text(text)
    monkeypatch.setenv("PATH", f"{bin_}{os.pathsep}{os.environ['PATH']}")
    monkeypatch.setenv("STANDIN_DIR", str(folder))
    monkeypatch.setattr(docker_engine, "connect", lambda: SimpleNamespace(info=dict, close=lambda: None))
    monkeypatch.delenv("DEPLOY_ENGINE", raising=False)
    monkeypatch.delenv("PULUMI_CONFIG_PASSPHRASE", raising=False)
    monkeypatch.delenv("PULUMI_BACKEND_URL", raising=False)
    made_cli = Cli(folder=folder, project=project)
    made_cli.says()
    return made_cli
