"""The resource monitor of the SDK: creates, updates, replaces or leaves each resource."""

import dataclasses
import threading
import time
from collections.abc import Iterable
from typing import Any

from pulumi.runtime import mocks

from local.engine.aws import Aws, auto_name
from local.engine.events import Events
from local.engine.handlers import HANDLERS
from local.engine.handlers.base import Handler
from local.engine.invokes import INVOKES
from local.engine.state import Record, State
from local.engine.unsupported import UnsupportedError
from mock_runtime.recorder import Recorder, Recording, replacement_trigger
from mock_runtime.values import to_plain, without_none


class ResourceFailedError(Exception):
    """A resource could not be created or changed; its error was written as an event."""


class Engine(mocks.Mocks):
    """Creates or updates resources on the emulated AWS; with `dry_run` it only reports the operations."""

    def __init__(self, *, aws: Aws, state: State, events: Events, dry_run: bool) -> None:
        self._aws = aws
        self._state = state
        self._events = events
        self._dry_run = dry_run
        self._current = threading.local()
        self._unsupported: set[str] = set()
        self.registered: set[str] = set()
        self._replaced: set[str] = set()
        self.failed = False

    def set_current(
        self, urn: str, *, remote: bool = False, trigger: Any = None, replace_with: Iterable[str] = ()
    ) -> None:
        """Set the resource of this thread's next `new_resource` call, which gets no URN and no options.

        remote: a component that a provider creates, with its children. trigger, replace_with: the resource's options.
        """
        self._current.urn, self._current.remote = urn, remote
        self._current.trigger, self._current.replace_with = trigger, set(replace_with)

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str | None, dict[Any, Any]]:
        """Reconcile one resource with its inputs; returns its id and outputs."""
        inputs = _inputs(args.inputs)
        urn = self._current.urn
        if not args.custom and not self._current.remote:
            return None, inputs
        self.registered.add(urn)
        try:
            record, operation, seconds = self._reconcile(urn, args.typ, args.name, inputs)
        except Exception as error:
            self._fail(error, f"{args.typ} {args.name}")
            raise ResourceFailedError(f"{args.typ} {args.name}: {_format_error(error)}") from error
        self._events.resource(operation, type_=args.typ, name=args.name, seconds=seconds)
        return record.id, record.outputs

    def call(self, args: mocks.MockCallArgs) -> tuple[dict[Any, Any], list[tuple[str, str]] | None]:
        """Call a provider function."""
        try:
            if args.token not in INVOKES:
                raise UnsupportedError("function", args.token)
            return INVOKES[args.token](self._aws, _inputs(args.args)), []
        except Exception as error:
            self._fail(error, args.token)
            raise

    def _fail(self, error: Exception, where: str) -> None:
        """Write why the run fails; for each unsupported setting only once."""
        self.failed = True
        if isinstance(error, UnsupportedError):
            if error.setting not in self._unsupported:
                self._events.error(str(error))
            self._unsupported.add(error.setting)
        else:
            self._events.error(_format_error(error), resource=where)

    def _reconcile(self, urn: str, type_: str, name: str, inputs: dict[str, Any]) -> tuple[Record, str, float]:
        handler = HANDLERS.get(type_)
        if handler is None:
            raise UnsupportedError("resource type", type_)
        prior = self._state.records.get(urn)
        if prior is not None and not handler.exists(self._aws, prior.id, prior.outputs):
            prior = None
        trigger = self._current.trigger
        replaced = prior is not None and (
            prior.replacement_trigger not in (None, trigger) or bool(self._replaced & self._current.replace_with)
        )
        if prior is not None and prior.inputs == inputs and prior.replacement_trigger == trigger and not replaced:
            return prior, "same", 0.0
        operation = "replace" if replaced else _operation(handler, prior, inputs)
        if operation == "replace":
            self._replaced.add(urn)
        if self._dry_run:
            stays = prior if operation == "update" else None
            known = {**(stays.outputs if stays else {}), **inputs}
            id_ = stays.id if stays else ""
            return Record(urn=urn, type=type_, name=name, id=id_, inputs=inputs, outputs=known), operation, 0.0
        started = time.monotonic()
        if operation != "same":
            self._events.resource(f"{operation}…", type_=type_, name=name)
        if prior is not None and operation == "replace" and handler.delete_before_replace:
            handler.delete(self._aws, prior.id, prior.outputs)
            self._state.drop(prior)
            prior = None
        made = self._make(handler, operation, prior, urn=urn, type_=type_, name=name, inputs=inputs)
        record = dataclasses.replace(made, replacement_trigger=trigger)
        self._state.put(record, replaces=prior if operation == "replace" else None)
        return record, operation, time.monotonic() - started

    def _make(
        self,
        handler: Handler,
        operation: str,
        prior: Record | None,
        *,
        urn: str,
        type_: str,
        name: str,
        inputs: dict[str, Any],
    ) -> Record:
        generation = prior.generation if prior else 0
        if prior is not None and operation == "update":
            id_, outputs = prior.id, handler.update(self._aws, prior.id, prior.inputs, inputs, prior.outputs)
        else:
            generation += operation == "replace"
            id_, outputs = handler.create(self._aws, auto_name(name, generation=generation), inputs)
        return Record(urn=urn, type=type_, name=name, id=id_, inputs=inputs, outputs=outputs, generation=generation)


class Monitor(Recorder):
    """Passes the engine the URN of the resource that is being registered."""

    def __init__(self, engine: Engine, recording: Recording) -> None:
        super().__init__(engine, recording)
        self._engine = engine

    def RegisterResource(self, request: Any) -> Any:  # noqa: N802 - the name of the RPC
        self._engine.set_current(
            self.make_urn(request.parent, request.type, request.name),
            remote=request.remote,
            trigger=replacement_trigger(request),
            replace_with=request.replace_with,
        )
        return super().RegisterResource(request)


def delete_records(records: list[Record], *, aws: Aws, state: State, events: Events) -> None:
    """Delete resources in reverse order of creation, and drop each record."""
    for record in reversed(records):
        started = time.monotonic()
        try:
            HANDLERS[record.type].delete(aws, record.id, record.outputs)
        except Exception as error:
            events.error(_format_error(error), resource=f"{record.type} {record.name}")
            raise ResourceFailedError(f"{record.type} {record.name}: {_format_error(error)}") from error
        state.drop(record)
        events.resource("delete", type_=record.type, name=record.name, seconds=time.monotonic() - started)


def _inputs(value: Any) -> Any:
    return without_none(to_plain(value))


def _operation(handler: Handler, prior: Record | None, inputs: dict[str, Any]) -> str:
    if prior is None:
        return "create"
    changed = {key for key in {*inputs, *prior.inputs} if inputs.get(key) != prior.inputs.get(key)}
    return "replace" if changed & handler.replace_on else "update"


def _format_error(error: BaseException) -> str:
    """The text of an error, with its type where the text alone is unclear, as a KeyError's."""
    if isinstance(error, KeyError | IndexError | AttributeError | TypeError):
        return f"{type(error).__name__}: {error}"
    return str(error) or type(error).__name__
