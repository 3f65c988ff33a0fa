"""Deploys the `local` stack without the Pulumi CLI: runs `local.engine` as a process and reads its events."""

from __future__ import annotations

import contextlib
import json
import signal
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any

from deploy.errors import DeployError
from deploy.events import Event, OnEvent, Result
from deploy.project import PROJECT_DIR
from local.docker_engine import buildkit_cli
from local.errors import LocalError
from local.settings import STATE_DIR, load_settings


@dataclass(frozen=True, kw_only=True)
class Emulated:
    """One stack on the emulated AWS."""

    stack: str
    config: dict[str, Any]
    description: str = "without the Pulumi CLI: the SDK's mock runtime creates each resource on the emulated AWS"

    def preview(self, on_event: OnEvent) -> Result:
        """What `up` would do."""
        return self._run("preview", on_event)

    def up(self, on_event: OnEvent) -> Result:
        """Create or update every resource."""
        return self._run("up", on_event)

    def refresh(self, on_event: OnEvent) -> Result:
        """What is no longer as recorded: the engine asks the emulated AWS for every resource in any case."""
        return self._run("preview", on_event)

    def destroy(self, on_event: OnEvent) -> Result:
        """Delete every recorded resource, the last made first."""
        return self._run("destroy", on_event)

    def outputs(self) -> dict[str, Any]:
        """The outputs in the state file."""
        with contextlib.suppress(FileNotFoundError):
            return dict(json.loads(self._state_file().read_text())["outputs"])
        return {}

    def _state_file(self) -> Path:
        return STATE_DIR / "engine" / f"{self.stack}.json"

    def _run(self, command: str, on_event: OnEvent) -> Result:
        try:
            settings, docker_cli = load_settings(), buildkit_cli()
        except LocalError as error:
            raise DeployError(str(error)) from error
        arguments = [sys.executable, "-m", "local.engine", command, "--stack", self.stack]
        arguments += ["--config", json.dumps(self.config), "--state", str(self._state_file())]
        arguments += ["--endpoint-url", settings.aws_url, "--registry-host", settings.registry_host]
        arguments += ["--docker-cli", str(docker_cli)]
        with tempfile.TemporaryFile("w+") as stderr:
            process = subprocess.Popen(arguments, stdout=subprocess.PIPE, stderr=stderr, text=True, cwd=PROJECT_DIR)
            assert process.stdout is not None  # noqa: S101 - a pipe was asked for
            try:
                result, errors = _read(process.stdout, on_event, planning=command == "preview")
                process.wait()
            except KeyboardInterrupt:
                process.send_signal(signal.SIGINT)
                process.wait()
                raise
            if process.returncode:
                raise DeployError("\n".join(errors) or _unexpected(command, stderr))
        return result


def _read(lines: IO[str], on_event: OnEvent, *, planning: bool) -> tuple[Result, list[str]]:
    """Turn the engine's JSON lines into events, and gather what they amount to."""
    changes: Counter[str] = Counter()
    outputs: dict[str, Any] = {}
    errors: list[str] = []
    for line in lines:
        told = json.loads(line)
        if told["kind"] == "outputs":
            outputs = told["values"]
        elif told["kind"] == "log":
            on_event(Event(kind="log", message=told["message"]))
        elif told["kind"] == "error":
            where = f"{told['resource']}: " if told["resource"] else ""
            errors.append(where + told["message"])
            on_event(Event(kind="error", message=where + told["message"]))
        elif told["seconds"] is None:
            on_event(Event(kind="begin", operation=told["operation"].rstrip("…"), type=told["type"], name=told["name"]))
        else:
            changes[told["operation"]] += 1
            on_event(
                Event(
                    kind="done",
                    operation=told["operation"],
                    type=told["type"],
                    name=told["name"],
                    seconds=None if planning else told["seconds"],
                )
            )
    return Result(outputs=outputs, changes=changes), errors


def _unexpected(command: str, stderr: IO[str]) -> str:
    stderr.seek(0)
    return f"`local.engine {command}` ended unexpectedly:\n{stderr.read()[-3000:]}"
