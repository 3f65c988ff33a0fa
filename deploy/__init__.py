"""Deploy a stack from Python: the same calls for `make up`, notebooks and CI.

    import deploy

    print(deploy.validate("dev"))  # the settings alone, without an account
    deploy.preview("dev")
    result = deploy.up("dev", config={"desiredCount": 4})
    print(result.outputs["url"])
    deploy.destroy("dev")

With the Pulumi CLI on the PATH these run it through the Automation API. Without it the `local` stack, and only that,
is deployed to the emulated AWS by `local.engine`. One call at a time changes the stack `local`, as one of `make up` and
its like: the next one waits.
"""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from deploy.engines import Engine, choose_engine
from deploy.errors import DeployError
from deploy.events import Event, OnEvent, Result, show
from deploy.stack_file import LOCAL_STACK
from deploy.validation.result import CheckResult
from local.errors import LocalError
from local.lock import exclusive
from local.settings import PROJECT_DIR, STATE_DIR

__all__ = [
    "CheckResult",
    "DeployError",
    "Event",
    "Result",
    "destroy",
    "engine_name",
    "outputs",
    "preview",
    "refresh",
    "show",
    "up",
    "validate",
]


def validate(stack: str, *, config: Mapping[str, Any] | None = None) -> CheckResult:
    """Validate a stack's settings, with `config` over them, and plan its resources.

    Needs neither an account nor the Pulumi CLI nor Docker, and changes nothing. Raises `DeployError` with the
    program's message for settings that it refuses.
    """
    from deploy.validation.check import check_settings  # loads Pulumi's SDK, which takes a while

    return check_settings(stack, config or {})


def preview(
    stack: str,
    *,
    config: Mapping[str, Any] | None = None,
    backend: str | None = None,
    project_dir: Path = PROJECT_DIR,
    on_event: OnEvent = show,
) -> Result:
    """Plan what `up` would do, without doing it. Raises `DeployError`."""
    return _engine(stack, config, backend, project_dir).preview(on_event)


def up(
    stack: str,
    *,
    config: Mapping[str, Any] | None = None,
    backend: str | None = None,
    project_dir: Path = PROJECT_DIR,
    on_event: OnEvent = show,
) -> Result:
    """Create or update a stack; `config` has precedence over the stack's file and is not written to it.

    backend: a Pulumi backend URL (`file://…`, `s3://…`, `https://…`); None: for the stack `local` the project's folder,
        for others that of the CLI's login.
    on_event: called with each `Event`; the default prints it.
    project_dir: the folder of the Pulumi program.
    Raises `DeployError` with the resource that failed and why.
    """
    with _alone(stack, "deploy.up"):
        return _engine(stack, config, backend, project_dir).up(on_event)


def refresh(
    stack: str, *, backend: str | None = None, project_dir: Path = PROJECT_DIR, on_event: OnEvent = show
) -> Result:
    """Read the state of every resource and report differences from the recorded one. Raises `DeployError`."""
    with _alone(stack, "deploy.refresh"):
        return _engine(stack, None, backend, project_dir).refresh(on_event)


def destroy(
    stack: str,
    *,
    config: Mapping[str, Any] | None = None,
    backend: str | None = None,
    project_dir: Path = PROJECT_DIR,
    on_event: OnEvent = show,
) -> Result:
    """Delete every resource of the stack. Raises `DeployError`."""
    with _alone(stack, "deploy.destroy"):
        return _engine(stack, config, backend, project_dir).destroy(on_event)


def outputs(stack: str, *, backend: str | None = None, project_dir: Path = PROJECT_DIR) -> dict[str, Any]:
    """The outputs of the last `up`; empty when the stack is not up."""
    return _engine(stack, None, backend, project_dir).outputs()


def engine_name(stack: str) -> str:
    """A description of the engine that deploys a stack."""
    return _engine(stack, None, None, PROJECT_DIR).description


@contextmanager
def _alone(stack: str, call: str) -> Iterator[None]:
    """Wait until no other command changes the stack `local`; other stacks are locked by their backend."""
    if stack != LOCAL_STACK:
        yield
        return
    try:
        with exclusive(STATE_DIR, call):
            yield
    except LocalError as error:
        raise DeployError(str(error)) from error


def _engine(stack: str, config: Mapping[str, Any] | None, backend: str | None, project_dir: Path) -> Engine:
    return choose_engine(stack, config=dict(config or {}), backend=backend, project_dir=project_dir)
