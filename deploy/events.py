"""Events of a deployment, their display, and its result."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

from local.console import echo

Kind = Literal["begin", "done", "log", "error"]
MARKS = {"create": "+", "update": "~", "replace": "±", "delete": "-", "delete-replaced": "-"}


@dataclass(frozen=True, kw_only=True)
class Event:
    """One event: work on a resource begun or done, a line of progress, or an error.

    seconds: the duration; None where nothing was done, as in a preview. changed: the properties that differ, where the
    engine tells them.
    """

    kind: Kind
    message: str = ""
    operation: str = ""
    type: str = ""
    name: str = ""
    seconds: float | None = None
    changed: tuple[str, ...] = ()


OnEvent = Callable[[Event], None]


@dataclass(frozen=True, kw_only=True)
class Result:
    """The result of a deployment: the stack's outputs, and the number of resources by operation."""

    outputs: dict[str, Any] = field(default_factory=dict)
    changes: Counter[str] = field(default_factory=Counter)

    @property
    def changed(self) -> bool:
        """Whether anything was, or in a preview would be, made, changed or removed."""
        return any(count for operation, count in self.changes.items() if operation != "same")

    def summary(self) -> str:
        """The counts in words, such as `3 created, 12 unchanged`."""
        words = {"create": "created", "update": "updated", "replace": "replaced", "delete": "deleted"}
        parts = [f"{self.changes[key]} {word}" for key, word in words.items() if self.changes[key]]
        return ", ".join([*parts, f"{self.changes['same']} unchanged"])


def show(event: Event) -> None:
    """Print an event as a line; unchanged resources make none."""
    line = format_event(event)
    if line:
        echo(line)


def format_event(event: Event) -> str:
    """The line for an event; empty for unchanged resources, and for errors, which the `DeployError` at the end has.

    Whole lines and no cursor movement, so that a notebook's output cell, a terminal and a CI log read the same.
    """
    what = f"{_type_name(event.type)} {event.name}"
    if event.kind == "log":
        return f"      {event.message}"
    if event.kind == "done" and event.operation in MARKS:
        took = "" if event.seconds is None else f" ({event.seconds:.1f} s)"
        what += ", replaced" if event.operation == "delete-replaced" else ""
        changed = f": {', '.join(event.changed)}" if event.changed else ""
        return f"  {MARKS[event.operation]} {what}{changed}{took}"
    if event.kind == "begin" and _takes_long(event.type):
        return f"  … {what}"
    return ""


def _type_name(type_: str) -> str:
    """The last part of a type token: `Service` of `aws:ecs/service:Service`."""
    return type_.rpartition(":")[2]


def _takes_long(type_: str) -> bool:
    return type_.startswith("docker-build:") or _type_name(type_) in {"Service", "LoadBalancer"}
