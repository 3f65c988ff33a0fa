"""Base class of the handlers, each of which creates, updates, finds and deletes one resource type."""

from abc import ABC, abstractmethod
from collections.abc import Callable
from typing import Any, ClassVar, TypeVar

from local.engine.aws import Aws

Inputs = dict[str, Any]
Outputs = dict[str, Any]


class Handler(ABC):
    """One resource type of the emulated AWS. `create` adopts a resource that an interrupted run left."""

    replace_on: ClassVar[frozenset[str]] = frozenset()
    """Inputs that AWS cannot change in place: a change creates a replacement, and the old one is deleted at the end."""
    delete_before_replace: ClassVar[bool] = False
    """Whether the old one is deleted first, since both would be the same thing."""

    @abstractmethod
    def create(self, aws: Aws, name: str, inputs: Inputs) -> tuple[str, Outputs]:
        """Create the resource, named `name` unless the inputs name it; returns its id and outputs."""

    def update(self, aws: Aws, id_: str, old: Inputs, new: Inputs, outputs: Outputs) -> Outputs:
        """Change the resource in place and return its outputs; by default with `create`, for APIs that put."""
        return self.create(aws, id_, new)[1]

    @abstractmethod
    def exists(self, aws: Aws, id_: str, outputs: Outputs) -> bool:
        """Whether the resource is still there."""

    @abstractmethod
    def delete(self, aws: Aws, id_: str, outputs: Outputs) -> None:
        """Delete the resource; a missing one is no error."""


HANDLERS: dict[str, Handler] = {}
"""The handler of each type token."""

_HandlerClass = TypeVar("_HandlerClass", bound=type[Handler])


def handles(*tokens: str) -> Callable[[_HandlerClass], _HandlerClass]:
    """Register a handler class for resource types, by their tokens."""

    def register(handler: _HandlerClass) -> _HandlerClass:
        HANDLERS.update({token: handler() for token in tokens})
        return handler

    return register


@handles("pulumi:providers:aws", "pulumi:providers:docker", "pulumi:providers:docker-build")
class NoopHandler(Handler):
    """A type without a resource on the emulated AWS, such as a provider."""

    def create(self, aws: Aws, name: str, inputs: Inputs) -> tuple[str, Outputs]:
        return name, inputs

    def exists(self, aws: Aws, id_: str, outputs: Outputs) -> bool:
        return True

    def delete(self, aws: Aws, id_: str, outputs: Outputs) -> None:
        return None
