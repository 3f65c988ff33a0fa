"""Property values of the resource monitor's protocol as Python values."""

from typing import Any, TypeVar, cast

from pulumi.runtime import rpc

_Value = TypeVar("_Value")


def to_plain(value: Any) -> Any:
    """`value` without secret marks; whole floats, which is how integers arrive, as integers."""
    if rpc.is_rpc_secret(value):
        return to_plain(rpc.unwrap_rpc_secret(value))
    if isinstance(value, dict):
        return {key: to_plain(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [to_plain(item) for item in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def without_none(value: _Value) -> _Value:
    """`value` without entries that are None, at any depth, and without those that the SDK adds for itself."""
    result: Any = value
    if isinstance(value, dict):
        result = {key: without_none(item) for key, item in value.items() if item is not None and key != "__internal"}
    elif isinstance(value, list):
        result = [without_none(item) for item in value]
    return cast(_Value, result)


def has_secret(value: Any) -> bool:
    """Whether `value`, or anything in it, is marked as a secret."""
    if isinstance(value, dict):
        return bool(rpc.is_rpc_secret(value)) or any(has_secret(item) for item in value.values())
    return isinstance(value, list) and any(has_secret(item) for item in value)
