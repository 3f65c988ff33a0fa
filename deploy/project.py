"""Where the project is, and which stacks it has."""

from __future__ import annotations

from pathlib import Path

from deploy.errors import DeployError

PROJECT_DIR = Path(__file__).resolve().parent.parent
LOCAL_STACK = "local"


def check_stack(stack: str) -> Path:
    """The stack's configuration file; raises `DeployError` with the stacks that there are when it has none."""
    file = PROJECT_DIR / f"Pulumi.{stack}.yaml"
    known = sorted(path.name.split(".")[1] for path in PROJECT_DIR.glob("Pulumi.*.yaml"))
    if stack not in known:
        raise DeployError(
            f"There is no stack {stack!r}. There are: {', '.join(known)}. "
            f"For another one, write {file.name} after the pattern of Pulumi.dev.yaml."
        )
    return file
