"""Deploys any stack with the Pulumi CLI, through the Automation API."""

import os
import subprocess
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pulumi import automation
from pulumi.automation.errors import InvalidVersionError

from deploy.engine_events import OPERATIONS, EventCollector
from deploy.errors import DeployError
from deploy.events import OnEvent, Result
from deploy.stack_file import LOCAL_STACK, cli_config_file, extract_salt
from local.docker_engine import engine_environment
from local.settings import PROJECT_DIR, STATE_FOLDER

Work = Callable[[automation.Stack, str], Any]


@dataclass(frozen=True, kw_only=True)
class PulumiCli:
    """One stack, deployed by the CLI; `config` is laid over the stack's file without changing that file."""

    stack: str
    config: dict[str, Any]
    backend: str | None
    project_dir: Path = PROJECT_DIR
    description: str = "with the Pulumi CLI, through the Automation API"

    def preview(self, on_event: OnEvent) -> Result:
        """`pulumi preview`."""
        collector = EventCollector(on_event)
        done = self._call(
            lambda stack, file: stack.preview(config_file=file, on_event=collector, color="never"), collector
        )
        return Result(changes=_changes(done.change_summary))

    def up(self, on_event: OnEvent) -> Result:
        """`pulumi up`."""
        collector = EventCollector(on_event)
        done = self._call(lambda stack, file: stack.up(config_file=file, on_event=collector, color="never"), collector)
        return Result(outputs=_values(done.outputs), changes=_changes(done.summary.resource_changes))

    def refresh(self, on_event: OnEvent) -> Result:
        """`pulumi refresh`."""
        collector = EventCollector(on_event)
        done = self._call(
            lambda stack, file: stack.refresh(config_file=file, on_event=collector, color="never"), collector
        )
        return Result(changes=_changes(done.summary.resource_changes))

    def destroy(self, on_event: OnEvent) -> Result:
        """`pulumi destroy`; the stack itself, empty then, stays."""
        collector = EventCollector(on_event)
        done = self._call(
            lambda stack, file: stack.destroy(config_file=file, on_event=collector, color="never"), collector
        )
        return Result(changes=_changes(done.summary.resource_changes))

    def outputs(self) -> dict[str, Any]:
        """`pulumi stack output`."""
        return _values(self._call(lambda stack, _: stack.outputs(), EventCollector(lambda _: None)))

    def _call(self, work: Work, collector: EventCollector) -> Any:
        try:
            options = automation.LocalWorkspaceOptions(env_vars=self._environment())
            with extract_salt(self.project_dir, self.stack, enabled=self.stack == LOCAL_STACK):
                stack = automation.create_or_select_stack(self.stack, work_dir=str(self.project_dir), opts=options)
            return work(stack, str(cli_config_file(self.project_dir, self.stack, self.config)))
        except automation.ConcurrentUpdateError as error:
            raise DeployError(
                f"Another update of the stack {self.stack!r} is under way. Wait for it, or, if it was killed, "
                f"`pulumi cancel --stack {self.stack}`."
            ) from error
        except (automation.CommandError, RuntimeError) as error:  # the second: a preview that ended without a summary
            raise DeployError(collector.failure() or _extract_stderr(str(error))) from error
        except InvalidVersionError as error:
            raise DeployError(f"The Pulumi CLI on the PATH cannot be used: {error}") from error
        except (OSError, subprocess.CalledProcessError) as error:
            raise DeployError(f"The Pulumi CLI on the PATH does not run: {error}. Try `pulumi version`.") from error

    def _environment(self) -> dict[str, str]:
        """The backend and the local stack's Docker engine; that stack has no secrets, so its passphrase is empty."""
        backend = self.backend
        if backend is None and self.stack == LOCAL_STACK:
            folder = self.project_dir / STATE_FOLDER / "pulumi"
            folder.mkdir(parents=True, exist_ok=True)
            backend = folder.as_uri()
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


def _changes(summary: Any) -> Counter[str]:
    counted: Counter[str] = Counter()
    for key, count in (summary or {}).items():
        operation = OPERATIONS.get(str(getattr(key, "value", key)))
        if operation:
            counted[operation] += int(count)
    return counted
