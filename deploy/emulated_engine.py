"""Deploys the stack `local` without the Pulumi CLI: runs `local.engine` as a process and reads its events."""

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
from local.docker_engine import buildkit_cli
from local.errors import LocalError
from local.lock import inheritable
from local.settings import PROJECT_DIR, STATE_FOLDER, load_settings


@dataclass(frozen=True, kw_only=True)
class EmulatedEngine:
    """One stack on the emulated AWS."""

    stack: str
    config: dict[str, Any]
    project_dir: Path = PROJECT_DIR
    reason: str = ""

    @property
    def description(self) -> str:
        """What deploys, and why it is not the Pulumi CLI."""
        return f"without the Pulumi CLI, by calls of the emulated AWS's APIs: {self.reason}"

    def preview(self, on_event: OnEvent) -> Result:
        """What `up` would do."""
        return self._run("preview", on_event)

    def up(self, on_event: OnEvent) -> Result:
        """Create or update every resource."""
        return self._run("up", on_event)

    def refresh(self, on_event: OnEvent) -> Result:
        """Differences from the records: every run of the engine reads every resource."""
        return self._run("preview", on_event)

    def destroy(self, on_event: OnEvent) -> Result:
        """Delete every recorded resource, the last made first."""
        return self._run("destroy", on_event)

    def outputs(self) -> dict[str, Any]:
        """The outputs in the state file."""
        with contextlib.suppress(FileNotFoundError):
            return dict(json.loads(self._state_file().read_text())["outputs"])
        return {}

    def has_resources(self) -> bool:
        """Whether this engine has made something that is still there."""
        with contextlib.suppress(FileNotFoundError):
            return bool(json.loads(self._state_file().read_text())["resources"])
        return False

    def _state_file(self) -> Path:
        return self.project_dir / STATE_FOLDER / "engine" / f"{self.stack}.json"

    def _run(self, command: str, on_event: OnEvent) -> Result:
        try:
            settings, docker_cli = load_settings(), buildkit_cli()
        except LocalError as error:
            raise DeployError(str(error)) from error
        arguments = [sys.executable, "-m", "local.engine", command]
        arguments += ["--project-dir", str(self.project_dir), "--stack", self.stack]
        arguments += ["--config", json.dumps(self.config), "--state", str(self._state_file())]
        arguments += ["--endpoint-url", settings.aws_url, "--registry-host", settings.registry_host]
        arguments += ["--docker-cli", str(docker_cli)]
        with tempfile.TemporaryFile("w+") as stderr:
            process = subprocess.Popen(
                arguments,
                stdout=subprocess.PIPE,
                stderr=stderr,
                text=True,
                cwd=PROJECT_DIR,
                pass_fds=inheritable(settings.state_dir),
            )
            assert process.stdout is not None  # noqa: S101 - stdout is a pipe
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
    """Turn the engine's JSON lines into events; returns the result and the errors."""
    changes: Counter[str] = Counter()
    outputs: dict[str, Any] = {}
    errors: list[str] = []
    for line in map(json.loads, lines):
        if line["kind"] == "outputs":
            outputs = line["values"]
        elif line["kind"] == "log":
            on_event(Event(kind="log", message=line["message"]))
        elif line["kind"] == "error":
            where = f"{line['resource']}: " if line["resource"] else ""
            errors.append(where + line["message"])
            on_event(Event(kind="error", message=where + line["message"]))
        elif line["seconds"] is None:
            on_event(Event(kind="begin", operation=line["operation"].rstrip("…"), type=line["type"], name=line["name"]))
        else:
            changes[line["operation"]] += 1
            on_event(
                Event(
                    kind="done",
                    operation=line["operation"],
                    type=line["type"],
                    name=line["name"],
                    seconds=None if planning else line["seconds"],
                )
            )
    return Result(outputs=outputs, changes=changes), errors


def _unexpected(command: str, stderr: IO[str]) -> str:
    stderr.seek(0)
    return f"`local.engine {command}` ended unexpectedly:\n{stderr.read()[-3000:]}"
