"""Converts the events of the Pulumi engine to those of `deploy`."""

import re
import time
from typing import Any

from pulumi import automation

from deploy.events import Event, OnEvent

# A replacement is reported in three steps (create-replacement, replace, delete-replaced) and counted as `replace`.
OPERATIONS = {"create": "create", "replace": "replace", "update": "update", "delete": "delete", "same": "same"}
STEPS = {**OPERATIONS, "create-replacement": "replace", "replace": ""}
_COLOUR = re.compile(r"<\{%[^%]*%\}>")
_UNINFORMATIVE = {"update failed", "preview failed", "destroy failed", "refresh failed"}


class EventCollector:
    """A callback for the engine's events: converts them to `Event`s and collects the errors."""

    def __init__(self, on_event: OnEvent) -> None:
        self._on_event = on_event
        self._begun: dict[str, float] = {}
        self._errors: list[str] = []

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
        self._begun[step.urn] = time.monotonic()
        operation = STEPS.get(step.op.value)
        if operation and operation != "same":
            self._on_event(Event(kind="begin", operation=operation, type=step.type, name=_name(step.urn)))

    def _done(self, step: Any, *, planning: bool) -> None:
        operation = STEPS.get(step.op.value)
        if operation:
            seconds = None if planning else time.monotonic() - self._begun.get(step.urn, time.monotonic())
            self._on_event(
                Event(kind="done", operation=operation, type=step.type, name=_name(step.urn), seconds=seconds)
            )

    def _diagnostic(self, diagnostic: automation.DiagnosticEvent) -> None:
        message = _COLOUR.sub("", diagnostic.message).strip()
        if not message:
            return
        if diagnostic.severity != "error":
            self._on_event(Event(kind="log", message=message))
            return
        where = f"{_name(diagnostic.urn)}: " if diagnostic.urn else ""
        self._errors.append(where + message)
        self._on_event(Event(kind="error", message=where + message))


def _name(urn: str) -> str:
    """`api-service` of `urn:pulumi:dev::recommender::aws:ecs/service:Service::api-service`."""
    return urn.rpartition("::")[2]
