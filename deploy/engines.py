"""The two ways to deploy, and which one a stack gets."""

import contextlib
import shutil
from pathlib import Path
from typing import Any, Protocol

from deploy.errors import DeployError
from deploy.events import OnEvent, Result
from deploy.stack_file import LOCAL_STACK, check_stack, read_project
from local import docker_engine
from local.errors import LocalError
from local.settings import STATE_DIR
from local.stack_record import load_record


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
    """The Pulumi CLI if it is installed; else, for the stack `local`, the engine of the emulated AWS.

    The latter also where Docker does not reach this machine's loopback registry: the CLI's provider pushes from there.
    The stack `local` also gets this machine's configuration, which `prepare` recorded; `config` has precedence. Raises
    `DeployError` for an unknown stack, or one that needs the CLI where there is none.
    """
    check_stack(stack, project_dir)
    if stack == LOCAL_STACK:
        config = {**_machine_config(project_dir), **config}
    if shutil.which("pulumi") and not (stack == LOCAL_STACK and _only_without_cli(project_dir)):
        from deploy.pulumi_cli import PulumiCli

        return PulumiCli(stack=stack, config=config, backend=backend, project_dir=project_dir)
    if stack != LOCAL_STACK:
        raise DeployError(
            f"The stack {stack!r} needs the Pulumi CLI, and there is no `pulumi` on the PATH. "
            "Install it as its documentation says, `pulumi login`, then try again. "
            f"Only the stack {LOCAL_STACK!r} can be deployed without it."
        )
    from deploy.emulated_engine import EmulatedEngine

    return EmulatedEngine(stack=stack, config=config, project_dir=project_dir)


def _only_without_cli(project_dir: Path) -> bool:
    """Whether the stack `local` was deployed without the CLI, or its image cannot be pushed with it."""
    from deploy.emulated_engine import EmulatedEngine

    if EmulatedEngine(stack=LOCAL_STACK, config={}, project_dir=project_dir).outputs():
        return True
    try:
        with contextlib.closing(docker_engine.connect()) as docker:
            return not docker_engine.shares_host_network(docker)
    except LocalError:  # no engine: whoever needs one says so
        return False


def _machine_config(project_dir: Path) -> dict[str, Any]:
    """The recorded configuration, without settings that the project does not declare."""
    record = load_record(STATE_DIR)
    declared = read_project(project_dir).get("config") or {}
    return {key: value for key, value in (record.config if record else {}).items() if ":" in key or key in declared}
