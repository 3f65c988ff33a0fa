"""Changed copies of settings and arguments."""

from typing import Any, TypeVar

from pydantic import BaseModel

_Model = TypeVar("_Model", bound=BaseModel)


def replace(model: _Model, **changes: Any) -> _Model:
    """A copy with `changes`, validated like any other."""
    return type(model)(**{**dict(model), **changes})
