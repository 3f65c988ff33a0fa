"""Converts the events of the Pulumi engine to those of `deploy`."""

import re
import time
from collections import Counter
from typing import Any

from pulumi import automation

from deploy.events import Event, OnEvent

STEPS = {
    **{step: step for step in ("create", "update", "delete", "same", "delete-replaced")},
    "create-replacement": "replace",  # the first of its three steps: then `replace`, and at the end `delete-replaced`
}
_COLOUR = re.compile(r"<\{%[^%]*%\}>")
_UNINFORMATIVE = {
    *("update failed", "preview failed", "destroy failed", "refresh failed"),
    "Resource monitor has terminated, shutting down",
}
_PROGRAM_STDERR = "info#err"


class EventCollector:
    """A callback for the engine's events: converts them to `Event`s and collects the errors.

    changes: the number of resources by operation, without components, providers and the stack itself.
    """

    def __init__(self, on_event: OnEvent) -> None:
        self._on_event = on_event
        self._begun: dict[str, float] = {}
        self._errors: list[str] = []
        self.changes: Counter[str] = Counter()

    def __call__(self, event: automation.EngineEvent) -> None:
        if event.resource_pre_event:
            self._begin(event.resource_pre_event.metadata)
        elif event.res_outputs_event:
            self._done(event.res_outputs_event.metadata, planning=bool(event.res_outputs_event.planning))
        elif event.diagnostic_event and not event.diagnostic_event.ephemeral:
            self._diagnostic(event.diagnostic_event)

    def failure(self) -> str:
        """Every error with its resource, a line each; empty when the engine reported none."""
        informative = [error for error in self._errors if error.rpartition(": ")[2] not in _UNINFORMATIVE]
        return "\n".join(informative or self._errors)

    def _begin(self, step: Any) -> None:
        if _is_internal(step):
            return
        self._begun[step.urn] = time.monotonic()
        operation = STEPS.get(step.op.value)
        if operation and operation != "same":
            self._on_event(Event(kind="begin", operation=operation, type=step.type, name=_name(step.urn)))

    def _done(self, step: Any, *, planning: bool) -> None:
        operation = STEPS.get(step.op.value)
        if operation and not _is_internal(step):
            self.changes[operation] += operation != "delete-replaced"
            seconds = None if planning else time.monotonic() - self._begun.get(step.urn, time.monotonic())
            self._on_event(
                Event(
                    kind="done",
                    operation=operation,
                    type=step.type,
                    name=_name(step.urn),
                    seconds=seconds,
                    changed=_changed(step) if operation in ("update", "replace") else (),
                )
            )

    def _diagnostic(self, diagnostic: automation.DiagnosticEvent) -> None:
        message = _COLOUR.sub("", diagnostic.message).strip()
        if not message or diagnostic.severity == "debug":
            return
        if diagnostic.severity == _PROGRAM_STDERR and self._errors:  # tracebacks of the program that the engine ends
            return
        if diagnostic.severity != "error":
            self._on_event(Event(kind="log", message=message))
            return
        where = f"{_name(diagnostic.urn)}: " if diagnostic.urn else ""
        self._errors.append(where + message)
        self._on_event(Event(kind="error", message=where + message))


def _is_internal(step: Any) -> bool:
    """Whether a step is on the stack, a provider or a component, which make nothing in the account."""
    state = step.new or step.old
    return step.type.startswith("pulumi:") or (state is not None and not state.custom)


def _changed(step: Any) -> tuple[str, ...]:
    """The top-level properties that differ, sorted."""
    paths = step.detailed_diff or step.diffs or []
    return tuple(sorted({re.split(r"[.\[]", path)[0] for path in paths}))


def _name(urn: str) -> str:
    """`api-service` of `urn:pulumi:dev::recommender::aws:ecs/service:Service::api-service`."""
    return urn.rpartition("::")[2]
