"""A resource monitor that records every registration of a program."""

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

from pulumi.runtime import mocks, rpc

from mock_runtime.values import has_secret, to_plain

STACK_TYPE = "pulumi:pulumi:Stack"


class DuplicateUrnError(Exception):
    """A program registers two resources of one type under one name."""


@dataclass(frozen=True, kw_only=True)
class Resource:
    """One registration: inputs without their secret marks; `secret_inputs` names those that had one."""

    urn: str
    type: str
    name: str
    parent: str
    custom: bool
    inputs: Mapping[str, Any]
    secret_inputs: frozenset[str]
    depends_on: frozenset[str]
    ignore_changes: tuple[str, ...]
    replacement_trigger: Any
    delete_before_replace: bool
    retain_on_delete: bool
    protect: bool
    replace_with: frozenset[str]
    timeouts: Mapping[str, str]
    error_hooks: tuple[str, ...]


@dataclass(kw_only=True)
class Recording:
    """The registrations of a program by URN, its calls of provider functions, and its outputs."""

    resources: dict[str, Resource] = field(default_factory=dict)
    component_outputs: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    calls: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)
    exports: dict[str, Any] = field(default_factory=dict)

    def __iter__(self) -> Iterator[Resource]:
        return iter(self.resources.values())

    def all(self, type_: str) -> list[Resource]:
        """Every resource of a type token."""
        return [resource for resource in self if resource.type == type_]

    def one(self, type_: str, ending: str = "") -> Resource:
        """The only resource of a type token, or the only one whose name ends with `ending`; raises LookupError."""
        found = [resource for resource in self.all(type_) if resource.name.endswith(ending)]
        if len(found) != 1:
            raise LookupError(f"{len(found)} resources of type {type_} with a name ending in '{ending}'")
        return found[0]

    def census(self) -> Counter[str]:
        """The number of resources of each type, components included."""
        return Counter(resource.type for resource in self)


class Recorder(mocks.MockMonitor):
    """Records registrations and component outputs; a second registration of a URN raises before anything is made."""

    def __init__(self, provider: mocks.Mocks, recording: Recording) -> None:
        super().__init__(provider)
        self.recording = recording
        self._urns: set[str] = set()

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802 - the name of the RPC
        urn = self.make_urn(request.parent, request.type, request.name)
        if request.type == STACK_TYPE:
            return super().RegisterResource(request)  # type: ignore[no-untyped-call]
        if urn in self._urns:
            raise DuplicateUrnError(f"registered twice: {urn}")
        self._urns.add(urn)
        response = super().RegisterResource(request)  # type: ignore[no-untyped-call]
        inputs = rpc.deserialize_properties(request.object)
        timeouts = request.customTimeouts
        self.recording.resources[urn] = Resource(
            urn=urn,
            type=request.type,
            name=request.name,
            parent=request.parent,
            custom=request.custom,
            inputs=to_plain(inputs),
            secret_inputs=frozenset(key for key, value in inputs.items() if has_secret(value)),
            depends_on=frozenset(request.dependencies),
            ignore_changes=tuple(request.ignoreChanges),
            replacement_trigger=replacement_trigger(request),
            delete_before_replace=request.deleteBeforeReplace,
            retain_on_delete=request.retainOnDelete,
            protect=request.protect,
            replace_with=frozenset(request.replace_with),
            timeouts={"create": timeouts.create, "update": timeouts.update, "delete": timeouts.delete},
            error_hooks=tuple(request.hooks.on_error),
        )
        return response

    def RegisterResourceOutputs(self, request: Any) -> Any:  # noqa: N802
        self.recording.component_outputs[request.urn] = rpc.deserialize_properties(request.outputs)
        return super().RegisterResourceOutputs(request)  # type: ignore[no-untyped-call]


def replacement_trigger(request: Any) -> Any:
    """The option of a registration; None without one."""
    if not request.HasField("replacement_trigger"):
        return None
    holder = type(request.object)(
        fields={"trigger": request.replacement_trigger}
    )  # the SDK reads values in Structs alone
    return to_plain(rpc.deserialize_properties(holder).get("trigger"))
