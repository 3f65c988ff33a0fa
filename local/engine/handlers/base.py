"""What a handler is: how one resource type is made, changed, found and removed."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Any, ClassVar

from local.engine.aws import Aws

Inputs = dict[str, Any]
Outputs = dict[str, Any]


class Handler(ABC):
    """One resource type of the emulated AWS. `create` also takes over a resource that an interrupted run left."""

    replace_on: ClassVar[frozenset[str]] = frozenset()
    """Inputs that AWS cannot change in place: a change makes a new resource, and the old one goes at the end."""

    @abstractmethod
    def create(self, aws: Aws, name: str, inputs: Inputs) -> tuple[str, Outputs]:
        """Make the resource under the physical name `name` unless the inputs name it; return its id and outputs."""

    @abstractmethod
    def update(self, aws: Aws, id_: str, old: Inputs, new: Inputs, outputs: Outputs) -> Outputs:
        """Change the resource in place and return its outputs."""

    @abstractmethod
    def exists(self, aws: Aws, id_: str, outputs: Outputs) -> bool:
        """Whether the resource is still there."""

    @abstractmethod
    def delete(self, aws: Aws, id_: str, outputs: Outputs) -> None:
        """Remove the resource; one that is gone is no error."""


class Recorded(Handler):
    """A type with nothing behind it on the emulated AWS, such as a provider: it is only recorded."""

    def create(self, aws: Aws, name: str, inputs: Inputs) -> tuple[str, Outputs]:
        return name, inputs

    def update(self, aws: Aws, id_: str, old: Inputs, new: Inputs, outputs: Outputs) -> Outputs:
        return new

    def exists(self, aws: Aws, id_: str, outputs: Outputs) -> bool:
        return True

    def delete(self, aws: Aws, id_: str, outputs: Outputs) -> None:
        return None
