"""Run a Pulumi program against mocks, and write down all that it registers."""

import asyncio
import runpy
import warnings
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from unittest.mock import patch

import pulumi
import pulumi_aws
import pulumi_awsx
from pulumi.runtime import mocks, rpc

from local.engine import program as engine_program
from tests.infra import answers

with warnings.catch_warnings():
    # Both deprecate parts of themselves that nobody here uses, by a warning when a module is first looked into.
    warnings.simplefilter("ignore", DeprecationWarning)
    LOADED = (pulumi_aws.ec2.Vpc, pulumi_aws.s3.Bucket, pulumi_awsx.ec2.Vpc)

ROOT = Path(__file__).resolve().parents[2]
PROJECT = "recommender"


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
    retain_on_delete: bool
    timeouts: Mapping[str, str]
    error_hooks: tuple[str, ...]


@dataclass(kw_only=True)
class Recording:
    """What a program registered, called and exported."""

    resources: dict[str, Resource] = field(default_factory=dict)
    component_outputs: dict[str, Mapping[str, Any]] = field(default_factory=dict)
    calls: list[tuple[str, Mapping[str, Any]]] = field(default_factory=list)
    exports: dict[str, Any] = field(default_factory=dict)
    unknown_exports: set[str] = field(default_factory=set)

    def __iter__(self) -> Iterator[Resource]:
        return iter(self.resources.values())

    def all(self, type_: str) -> list[Resource]:
        """Every resource of a type token."""
        return [resource for resource in self if resource.type == type_]

    def one(self, type_: str, ending: str = "") -> Resource:
        """The only resource of a type token, or the only one whose name has this ending."""
        found = [resource for resource in self.all(type_) if resource.name.endswith(ending)]
        if len(found) != 1:
            raise LookupError(f"{len(found)} resources of type {type_} with a name ending in '{ending}'")
        return found[0]

    def census(self) -> Counter[str]:
        """How many resources of each type, components included."""
        return Counter(resource.type for resource in self)


class Recorder(mocks.MockMonitor):
    """A mock monitor that keeps registrations and refuses a second one under the same URN."""

    def __init__(self, recorded: Recording, answering: mocks.Mocks) -> None:
        super().__init__(answering)
        self.recorded = recorded

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802 (the name that gRPC gives it)
        response = super().RegisterResource(request)  # type: ignore[no-untyped-call]
        if request.type == "pulumi:pulumi:Stack":
            return response
        if response.urn in self.recorded.resources:
            raise AssertionError(f"registered twice: {response.urn}")
        inputs = rpc.deserialize_properties(request.object)
        self.recorded.resources[response.urn] = Resource(
            urn=response.urn,
            type=request.type,
            name=request.name,
            parent=request.parent,
            custom=request.custom,
            inputs={key: answers.plain(value) for key, value in inputs.items()},
            secret_inputs=frozenset(key for key, value in inputs.items() if answers.has_secret(value)),
            depends_on=frozenset(request.dependencies),
            ignore_changes=tuple(request.ignoreChanges),
            retain_on_delete=request.retainOnDelete,
            timeouts={
                "create": request.customTimeouts.create,
                "update": request.customTimeouts.update,
                "delete": request.customTimeouts.delete,
            },
            error_hooks=tuple(request.hooks.on_error),
        )
        return response

    def RegisterResourceOutputs(self, request: Any) -> Any:  # noqa: N802
        outputs = rpc.deserialize_properties(request.outputs)
        self.recorded.component_outputs[request.urn] = outputs
        return super().RegisterResourceOutputs(request)  # type: ignore[no-untyped-call]


def run(
    program: Callable[[], object],
    *,
    config: Mapping[str, str] | None = None,
    secret_keys: list[str] | None = None,
    stack: str = "test",
    preview: bool = False,
    aws: answers.Aws | None = None,
) -> Recording:
    """Run a program to its end, every Output resolved, and return what it registered; its errors are raised."""
    recorded = Recording()
    forget_stack: Any = pulumi.runtime.settings.set_root_resource
    forget_stack(None)  # or this run has the transformations and exports of the one before
    pulumi.runtime.set_all_config(dict(config or {}), secret_keys or [])
    answering = answers.Answers(aws or answers.Aws(), recorded.calls, preview=preview)

    async def outputs() -> None:
        stack_resource: Any = pulumi.runtime.get_root_resource()
        for key, value in stack_resource.outputs.items():
            output = pulumi.Output.from_input(value)
            if await output.is_known():
                recorded.exports[key] = await output.future()
            else:
                recorded.unknown_exports.add(key)

    @pulumi.runtime.test  # type: ignore[untyped-decorator]
    def whole() -> pulumi.Output[None]:
        program()
        return pulumi.Output.from_input(outputs())

    with closing_event_loops():
        pulumi.runtime.set_mocks(
            answering, project=PROJECT, stack=stack, preview=preview, monitor=Recorder(recorded, answering)
        )
        whole()
    return recorded


@contextmanager
def closing_event_loops() -> Iterator[None]:
    """Close the loops that Pulumi makes, one a thread, and never closes: an open one is a warning, thus an error."""
    made: list[asyncio.AbstractEventLoop] = []
    make = asyncio.new_event_loop

    def make_and_note() -> asyncio.AbstractEventLoop:
        loop = make()
        # The first failure is raised; what fails in its wake would be logged when garbage is collected.
        loop.set_exception_handler(lambda loop, context: None)
        made.append(loop)
        return loop

    with patch.object(asyncio, "new_event_loop", make_and_note):
        own = asyncio.new_event_loop()
        asyncio.set_event_loop(own)
        try:
            yield
        finally:
            own.run_until_complete(own.shutdown_default_executor())  # after a failure others are still at work
            asyncio.set_event_loop(None)
            for loop in made:
                loop.close()


def run_main(
    stack: str, *, config: Mapping[str, object] | None = None, preview: bool = False, aws: answers.Aws | None = None
) -> Recording:
    """Run the whole `__main__.py` with the configuration of a stack file, in the current folder."""
    return run(
        lambda: runpy.run_path(str(ROOT / "__main__.py"), run_name="__main__"),
        config=stack_config(stack, config),
        stack=stack,
        preview=preview,
        aws=aws,
    )


def stack_config(stack: str, overrides: Mapping[str, object] | None = None) -> dict[str, str]:
    """What Pulumi would hand a program: defaults, the stack's file, then overrides."""
    return engine_program.stack_config(ROOT, stack, dict(overrides or {}))[1]
