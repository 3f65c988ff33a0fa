"""Deploys any stack with the Pulumi CLI, through the Automation API."""

from __future__ import annotations

import os
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import yaml
from pulumi import automation

from deploy.engines import LOCAL_STACK, PROJECT_DIR
from deploy.errors import DeployError
from deploy.events import Event, Result

OnEvent = Callable[[Event], None]
OPERATIONS = {
    "create": "create",
    "create-replacement": "replace",
    "update": "update",
    "delete": "delete",
    "same": "same",
}


@dataclass(frozen=True, kw_only=True)
class PulumiCli:
    """One stack, deployed by the CLI; `config` is laid over the stack's file without changing that file."""

    stack: str
    config: dict[str, Any]
    backend: str | None
    description: str = "with the Pulumi CLI, through the Automation API"

    def preview(self, on_event: OnEvent) -> Result:
        """`pulumi preview`."""
        seen = _Seen(on_event)
        done = self._call(
            lambda stack, file: stack.preview(config_file=file, on_event=seen, on_output=seen.line, color="never"), seen
        )
        return Result(changes=_changes(done.change_summary))

    def up(self, on_event: OnEvent) -> Result:
        """`pulumi up`."""
        seen = _Seen(on_event)
        done = self._call(
            lambda stack, file: stack.up(config_file=file, on_event=seen, on_output=seen.line, color="never"), seen
        )
        return Result(outputs=_values(done.outputs), changes=_changes(done.summary.resource_changes))

    def refresh(self, on_event: OnEvent) -> Result:
        """`pulumi refresh`."""
        seen = _Seen(on_event)
        done = self._call(lambda stack, file: stack.refresh(config_file=file, on_event=seen, color="never"), seen)
        return Result(changes=_changes(done.summary.resource_changes))

    def destroy(self, on_event: OnEvent) -> Result:
        """`pulumi destroy`; the stack itself, empty then, stays."""
        seen = _Seen(on_event)
        done = self._call(lambda stack, file: stack.destroy(config_file=file, on_event=seen, color="never"), seen)
        return Result(changes=_changes(done.summary.resource_changes))

    def outputs(self) -> dict[str, Any]:
        """`pulumi stack output`."""
        return _values(self._call(lambda stack, _: stack.outputs(), _Seen(lambda _: None)))

    def _call(self, what: Callable[[automation.Stack, str], Any], seen: _Seen) -> Any:
        try:
            options = automation.LocalWorkspaceOptions(env_vars=self._environment())
            stack = automation.create_or_select_stack(self.stack, work_dir=str(PROJECT_DIR), opts=options)
            return what(stack, str(self._config_file()))
        except automation.ConcurrentUpdateError as error:
            raise DeployError(
                f"Another update of the stack {self.stack!r} is under way. Wait for it, or, if it was killed, "
                f"`pulumi cancel --stack {self.stack}`."
            ) from error
        except automation.CommandError as error:
            raise DeployError("\n".join(seen.errors) or str(error)) from error

    def _environment(self) -> dict[str, str]:
        """Where the state is kept; the local stack holds no secrets, so its passphrase need not be one."""
        backend = self.backend
        if backend is None and self.stack == LOCAL_STACK:
            folder = PROJECT_DIR / ".local" / "pulumi"
            folder.mkdir(parents=True, exist_ok=True)
            backend = folder.as_uri()
        environment = {"PULUMI_BACKEND_URL": backend} if backend else {}
        if self.stack == LOCAL_STACK and "PULUMI_CONFIG_PASSPHRASE" not in os.environ:
            environment["PULUMI_CONFIG_PASSPHRASE"] = ""
        return environment

    def _config_file(self) -> Path:
        """The stack's own file, or a copy with the overrides beside the build's other files."""
        own = PROJECT_DIR / f"Pulumi.{self.stack}.yaml"
        if not self.config:
            return own
        document = yaml.safe_load(own.read_text()) or {}
        project = yaml.safe_load((PROJECT_DIR / "Pulumi.yaml").read_text())["name"]
        overrides = {key if ":" in key else f"{project}:{key}": value for key, value in self.config.items()}
        document["config"] = {**(document.get("config") or {}), **overrides}
        merged = PROJECT_DIR / ".build" / self.stack / own.name
        merged.parent.mkdir(parents=True, exist_ok=True)
        merged.write_text(yaml.safe_dump(document))
        return merged


class _Seen:
    """Turns the CLI's engine events into ours, and keeps the errors for the message."""

    def __init__(self, on_event: OnEvent) -> None:
        self._on_event = on_event
        self.errors: list[str] = []

    def __call__(self, event: automation.EngineEvent) -> None:
        if event.resource_pre_event:
            self._step("begin", event.resource_pre_event.metadata)
        elif event.res_outputs_event:
            self._step("done", event.res_outputs_event.metadata)
        elif event.diagnostic_event:
            told = event.diagnostic_event
            if told.severity == "error":
                where = f"{told.urn.rpartition('::')[2]}: " if told.urn else ""
                self.errors.append(where + told.message.strip())
                self._on_event(Event(kind="error", message=where + told.message.strip()))

    def line(self, _: str) -> None:
        """The CLI's own display is not repeated."""

    def _step(self, kind: Any, step: Any) -> None:
        operation = OPERATIONS.get(str(step.op.value))
        if operation:
            self._on_event(
                Event(kind=kind, operation=operation, type=step.type, name=str(step.urn).rpartition("::")[2])
            )


def _values(outputs: Any) -> dict[str, Any]:
    return {key: output.value for key, output in outputs.items()}


def _changes(summary: Any) -> Counter[str]:
    counted: Counter[str] = Counter()
    for key, count in (summary or {}).items():
        operation = OPERATIONS.get(str(getattr(key, "value", key)))
        if operation:
            counted[operation] += int(count)
    return counted
