"""Deploys any stack with the Pulumi CLI, through the Automation API."""

import os
import shlex
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pulumi import automation

from deploy.engine_events import EventCollector
from deploy.errors import DeployError
from deploy.events import OnEvent, Result
from deploy.local_backend import backend_dir, release_stale_lock
from deploy.stack_file import LOCAL_STACK, create_workspace, overlaid_file
from local.docker_engine import engine_environment
from local.settings import PROJECT_DIR

Work = Callable[[automation.Stack, str | None], Any]


@dataclass(frozen=True, kw_only=True)
class PulumiCli:
    """One stack, deployed by the CLI; `config` is laid over the stack's file without changing that file."""

    stack: str
    config: dict[str, Any]
    backend: str | None
    command: automation.PulumiCommand
    project_dir: Path = PROJECT_DIR
    description: str = "with the Pulumi CLI, through the Automation API"

    def preview(self, on_event: OnEvent) -> Result:
        """`pulumi preview`."""
        collector = EventCollector(on_event)
        self._call(lambda stack, file: stack.preview(config_file=file, on_event=collector, color="never"), collector)
        return Result(changes=collector.changes)

    def up(self, on_event: OnEvent) -> Result:
        """`pulumi up`."""
        collector = EventCollector(on_event)
        done = self._call(lambda stack, file: stack.up(config_file=file, on_event=collector, color="never"), collector)
        return Result(outputs=_values(done.outputs), changes=collector.changes)

    def refresh(self, on_event: OnEvent) -> Result:
        """`pulumi refresh`."""
        collector = EventCollector(on_event)
        self._call(lambda stack, file: stack.refresh(config_file=file, on_event=collector, color="never"), collector)
        return Result(changes=collector.changes)

    def destroy(self, on_event: OnEvent) -> Result:
        """`pulumi destroy`; the stack itself, empty then, stays.

        Its preview refuses a protected resource before anything is deleted, which the SDK's call alone does not.
        """
        planned, collector = EventCollector(lambda _: None), EventCollector(on_event)
        if self.stack != LOCAL_STACK:
            self._call(lambda stack, file: stack.preview_destroy(config_file=file, on_event=planned), planned)
        self._call(lambda stack, file: stack.destroy(config_file=file, on_event=collector, color="never"), collector)
        return Result(changes=collector.changes)

    def outputs(self) -> dict[str, Any]:
        """`pulumi stack output`."""
        return _values(self._call(lambda stack, _: stack.outputs(), EventCollector(lambda _: None), reads=True))

    def _call(self, work: Work, collector: EventCollector, *, reads: bool = False) -> Any:
        local = self.stack == LOCAL_STACK
        if local:
            folder, file = create_workspace(self.project_dir, self.stack, self.config, keep=reads), None
        else:
            folder, file = self.project_dir, str(overlaid_file(self.project_dir, self.stack, self.config))
        try:
            options = automation.LocalWorkspaceOptions(env_vars=self._environment(), pulumi_command=self.command)
            stack = automation.create_or_select_stack(self.stack, work_dir=str(folder), opts=options)
            if local:
                release_stale_lock(stack, self.project_dir)
            return work(stack, file)
        except automation.ConcurrentUpdateError as error:
            raise DeployError(
                f"Another update of the stack {self.stack!r} is under way. Wait for it, or, if it was killed: "
                f"{self._cancel_command()}"
            ) from error
        except (automation.CommandError, RuntimeError) as error:  # the second: a preview that ended without a summary
            raise DeployError(self._with_hint(collector.failure() or _extract_stderr(str(error)))) from error

    def _with_hint(self, message: str) -> str:
        """The message; for the stack `local` also what to do where the machine, and not the program, is the reason."""
        hints = {
            "resource plugin": "Without plugins from the internet: DEPLOY_ENGINE=emulated make up, which needs no CLI",
            "AlreadyExists": "The emulated AWS has resources of another state: `make down`, then again.",
        }
        hint = next((hint for part, hint in hints.items() if part in message), "") if self.stack == LOCAL_STACK else ""
        return f"{message}\n{hint}".rstrip()

    def _cancel_command(self) -> str:
        """The command that removes the lock of an update, with the variables that it needs."""
        own = {key: value for key, value in self._environment().items() if key.startswith("PULUMI_")}
        variables = "".join(f"{key}={shlex.quote(value)} " for key, value in own.items())
        return f"{variables}{self.command.command} cancel --yes --stack {self.stack}"

    def _environment(self) -> dict[str, str]:
        """The backend and the local stack's Docker engine; that stack has no secrets, so its passphrase is empty."""
        backend = self.backend
        if backend is None and self.stack == LOCAL_STACK:
            backend = backend_dir(self.project_dir).as_uri()
        environment = {"PULUMI_BACKEND_URL": backend} if backend else {}
        if self.stack == LOCAL_STACK and "PULUMI_CONFIG_PASSPHRASE" not in os.environ:
            environment["PULUMI_CONFIG_PASSPHRASE"] = ""
        return {**environment, **(engine_environment() if self.stack == LOCAL_STACK else {})}


def _extract_stderr(text: str) -> str:
    """The CLI's message in the Automation API's dump of code, stdout and stderr."""
    stderr = text.partition("stderr:")[2].strip() or text.strip()
    return "The Pulumi CLI failed: " + stderr.removeprefix("error: ")


def _values(outputs: Any) -> dict[str, Any]:
    return {key: output.value for key, output in outputs.items()}
