"""What a deployed stack's engine replaces when a setting changes, and in which order."""

from collections.abc import Mapping
from typing import Final, Literal

from tests.infra.recorder import Recording, Resource

Order = Literal["new first", "old first"]

FORCE_NEW: Final[Mapping[str, frozenset[str]]] = {
    "aws:appautoscaling/policy:Policy": frozenset({"resourceId"}),
    "aws:appautoscaling/scheduledAction:ScheduledAction": frozenset({"resourceId"}),
    "aws:appautoscaling/target:Target": frozenset({"resourceId"}),
    "aws:ecs/clusterCapacityProviders:ClusterCapacityProviders": frozenset({"clusterName"}),
    "aws:ecs/service:Service": frozenset({"cluster", "launchType"}),
    "aws:ecs/taskDefinition:TaskDefinition": frozenset(
        {"containerDefinitions", "cpu", "memory", "family", "networkMode", "requiresCompatibilities", "runtimePlatform"}
    ),
    "aws:lb/targetGroup:TargetGroup": frozenset({"targetType"}),
}
"""Inputs that the provider cannot change in place (terraform-provider-aws v6, `ForceNew`)."""


def replaced(before: Recording, after: Recording) -> Mapping[str, Order]:
    """The resources, by name, that `after` replaces on a stack of `before`."""
    order: dict[str, Order] = {}
    for new in after:
        old = before.resources.get(new.urn)
        if old is not None and (_triggered(old, new) or _forced(old, new, order)):
            order[new.name] = "old first" if new.delete_before_replace else "new first"
    return order


def _triggered(old: Resource, new: Resource) -> bool:
    """The engine compares triggers only where both are set."""
    triggers = old.replacement_trigger, new.replacement_trigger
    return None not in triggers and triggers[0] != triggers[1]


def _forced(old: Resource, new: Resource, order: Mapping[str, Order]) -> bool:
    """A changed input, or one with the name or ARN of a replaced resource other than a revision of the tasks."""
    for key in FORCE_NEW.get(new.type, frozenset()):
        if old.inputs.get(key) != new.inputs.get(key):
            return True
        if any(name in str(new.inputs.get(key)) for name in order):
            return True
    return False
