"""Deploy a stack from Python: the same calls for `make up`, notebooks and CI.

    import deploy

    print(deploy.check("dev"))  # the settings alone, without an account
    deploy.preview("dev")
    result = deploy.up("dev", config={"desiredCount": 4})
    print(result.outputs["url"])
    deploy.destroy("dev")

With the Pulumi CLI on the PATH these run it through the Automation API. Without it the `local` stack, and only that,
is deployed to the emulated AWS by `local.engine`.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from deploy.checking.result import Checked
from deploy.engines import Engine, choose_engine
from deploy.errors import DeployError
from deploy.events import Event, OnEvent, Result, show

__all__ = [
    "Checked",
    "DeployError",
    "Event",
    "Result",
    "check",
    "destroy",
    "engine_name",
    "outputs",
    "preview",
    "refresh",
    "show",
    "up",
]


def check(stack: str, *, config: Mapping[str, Any] | None = None) -> Checked:
    """Tell whether the program takes a stack's settings, with `config` laid over them, and what it would make of them.

    Needs neither an account nor the Pulumi CLI nor Docker, and changes nothing. Raises `DeployError` with the
    program's own message for settings that it refuses.
    """
    from deploy.checking.check import check_settings  # Pulumi's SDK takes a while to load, and the other calls may not

    return check_settings(stack, config or {})


def preview(
    stack: str, *, config: Mapping[str, Any] | None = None, backend: str | None = None, on_event: OnEvent = show
) -> Result:
    """Tell what `up` would do, without doing it. Raises `DeployError`."""
    return _engine(stack, config, backend).preview(on_event)


def up(
    stack: str, *, config: Mapping[str, Any] | None = None, backend: str | None = None, on_event: OnEvent = show
) -> Result:
    """Bring a stack to what the program and its configuration say; `config` is laid over the stack's own file.

    `backend` is a Pulumi backend URL (`file://…`, `s3://…`, `https://…`); without one, the `local` stack is kept in the
    project's folder and the others where the CLI is logged in. `on_event` is called with each `Event`; the default
    prints it. Raises `DeployError` with the resource that failed and why.
    """
    return _engine(stack, config, backend).up(on_event)


def refresh(stack: str, *, backend: str | None = None, on_event: OnEvent = show) -> Result:
    """Read the real state of every resource and tell what differs from the recorded one. Raises `DeployError`."""
    return _engine(stack, None, backend).refresh(on_event)


def destroy(
    stack: str, *, config: Mapping[str, Any] | None = None, backend: str | None = None, on_event: OnEvent = show
) -> Result:
    """Delete everything that the stack made. Raises `DeployError`."""
    return _engine(stack, config, backend).destroy(on_event)


def outputs(stack: str, *, backend: str | None = None) -> dict[str, Any]:
    """The outputs of the last `up`; empty when the stack is not up."""
    return _engine(stack, None, backend).outputs()


def engine_name(stack: str) -> str:
    """Which way a stack is deployed, in words for people."""
    return choose_engine(stack, config={}, backend=None).description


def _engine(stack: str, config: Mapping[str, Any] | None, backend: str | None) -> Engine:
    return choose_engine(stack, config=dict(config or {}), backend=backend)
