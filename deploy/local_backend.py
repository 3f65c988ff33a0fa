"""The Pulumi backend of the local stack: a folder beside the project, with what an interrupted CLI leaves in it."""

import json
import socket
from pathlib import Path

import psutil
from pulumi import automation

from local.settings import STATE_FOLDER


def backend_dir(project_dir: Path) -> Path:
    """The folder, made where there is none."""
    folder = project_dir / STATE_FOLDER / "pulumi"
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def has_resources(project_dir: Path) -> bool:
    """Whether the CLI has deployed something of the local stack that is still there."""
    files = (project_dir / STATE_FOLDER / "pulumi" / ".pulumi" / "stacks").rglob("local.json")
    return any(_resources(file) for file in files)


def release_stale_lock(stack: automation.Stack, project_dir: Path) -> None:
    """Remove the lock that a killed CLI left. One whose process runs, or of another machine, stays."""
    locks = list((backend_dir(project_dir) / ".pulumi" / "locks").rglob("*.json"))
    if locks and all(_is_stale(lock) for lock in locks):
        stack.cancel()


def _resources(file: Path) -> bool:
    """Whether a state file has resources beside the stack and its providers."""
    try:
        resources = json.loads(file.read_text())["checkpoint"]["latest"].get("resources") or []
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return False
    return any(not one["type"].startswith("pulumi:") for one in resources)


def _is_stale(lock: Path) -> bool:
    try:
        holder = json.loads(lock.read_text())
        return bool(holder["hostname"] == socket.gethostname() and not psutil.pid_exists(int(holder["pid"])))
    except (OSError, ValueError, KeyError, TypeError):
        return False
