"""The two ways to deploy, and which one a stack gets."""

import contextlib
import os
from pathlib import Path
from typing import Any, Final, Protocol

from deploy.errors import DeployError
from deploy.events import OnEvent, Result
from deploy.local_backend import has_resources
from deploy.pulumi_command import find_pulumi
from deploy.stack_file import LOCAL_STACK, check_stack, read_project
from local import docker_engine
from local.errors import LocalError
from local.settings import STATE_DIR
from local.stack_record import load_record

ENGINE: Final = "DEPLOY_ENGINE"
"""The environment variable that, as `emulated`, deploys the stack `local` without the CLI."""


class Engine(Protocol):
    """Deploys one stack."""

    @property
    def description(self) -> str: ...
    def preview(self, on_event: OnEvent) -> Result: ...
    def up(self, on_event: OnEvent) -> Result: ...
    def refresh(self, on_event: OnEvent) -> Result: ...
    def destroy(self, on_event: OnEvent) -> Result: ...
    def outputs(self) -> dict[str, Any]: ...


def choose_engine(stack: str, *, config: dict[str, Any], backend: str | None, project_dir: Path) -> Engine:
    """The Pulumi CLI; for the stack `local` the engine of the emulated AWS where the CLI cannot do it.

    The stack `local` also gets this machine's configuration, which `prepare` recorded; `config` has precedence. Raises
    `DeployError` for an unknown stack, or one that needs the CLI where there is none.
    """
    check_stack(stack, project_dir)
    reason = ""
    if stack == LOCAL_STACK:
        config = {**_machine_config(project_dir), **config}
        reason = _why_without_cli(project_dir)
    command = None if reason else find_pulumi()
    if command is not None:
        from deploy.pulumi_cli import PulumiCli

        return PulumiCli(stack=stack, config=config, backend=backend, project_dir=project_dir, command=command)
    if stack != LOCAL_STACK:
        raise DeployError(
            f"The stack {stack!r} needs the Pulumi CLI, and there is no `pulumi` on the PATH. "
            "Install it as its documentation says, `pulumi login`, then try again. "
            f"Only the stack {LOCAL_STACK!r} can be deployed without it."
        )
    if not reason and has_resources(project_dir):
        raise DeployError(
            "The stack 'local' was deployed with the Pulumi CLI, which is not on the PATH any more. "
            "Put it there again, or remove the stack with what it runs on: `make down`."
        )
    from deploy.emulated_engine import EmulatedEngine

    return EmulatedEngine(
        stack=stack, config=config, project_dir=project_dir, reason=reason or "no Pulumi CLI is on this machine"
    )


def _why_without_cli(project_dir: Path) -> str:
    """Why the CLI cannot deploy the stack `local`; empty where it can, if there is one."""
    if os.environ.get(ENGINE) == "emulated":
        return f"{ENGINE} says so"
    from deploy.emulated_engine import EmulatedEngine

    if EmulatedEngine(stack=LOCAL_STACK, config={}, project_dir=project_dir).has_resources():
        return "the stack was deployed without the Pulumi CLI; `make down` first changes that"
    try:
        with contextlib.closing(docker_engine.connect()) as docker:
            if not docker_engine.shares_host_network(docker):
                return "this Docker engine does not reach the emulated registry"
    except LocalError:  # no engine: whoever needs one says so
        pass
    return ""


def _machine_config(project_dir: Path) -> dict[str, Any]:
    """The recorded configuration, without settings that the project does not declare."""
    record = load_record(STATE_DIR)
    declared = read_project(project_dir).get("config") or {}
    return {key: value for key, value in (record.config if record else {}).items() if ":" in key or key in declared}
