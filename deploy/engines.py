"""The two ways to deploy, and which one a stack gets."""

from __future__ import annotations

import shutil
from typing import Any, Protocol

from deploy.errors import DeployError
from deploy.events import OnEvent, Result
from deploy.project import LOCAL_STACK, check_stack
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


def choose_engine(stack: str, *, config: dict[str, Any], backend: str | None) -> Engine:
    """The Pulumi CLI where there is one, else the emulated AWS's own engine for the `local` stack.

    The stack `local` gets what `make up` found on this machine too, under `config`. Raises `DeployError` for an
    unknown stack, or one that needs the CLI where there is none.
    """
    check_stack(stack)
    if stack == LOCAL_STACK:
        record = load_record(STATE_DIR)
        config = {**(record.config if record else {}), **config}
    if shutil.which("pulumi"):
        from deploy.pulumi_cli import PulumiCli

        return PulumiCli(stack=stack, config=config, backend=backend)
    if stack != LOCAL_STACK:
        raise DeployError(
            f"The stack {stack!r} needs the Pulumi CLI, and there is no `pulumi` on the PATH. "
            "Install it as its documentation says, `pulumi login`, then try again. "
            f"Only the stack {LOCAL_STACK!r} can be deployed without it."
        )
    from deploy.emulated import Emulated

    return Emulated(stack=stack, config=config)
