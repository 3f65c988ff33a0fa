"""JSON objects of untrusted files: what is parsed can be written again, by any encoder; standard library only."""

import json
from math import isfinite
from typing import Any, Final, NoReturn

MAX_DEPTH: Final = 32
_MIN, _MAX = -(2**63), 2**63 - 1


def parse_object(raw: bytes) -> dict[str, Any]:
    """The JSON object in `raw`, UTF-8.

    Raises ValueError with the end of a sentence ("is no JSON") for anything else, and for a name that occurs twice,
    numbers that are not finite or beyond 64 bits, text that UTF-8 cannot write and more than MAX_DEPTH levels.
    """
    try:
        value = json.loads(raw.decode(), parse_constant=_refuse_constant, object_pairs_hook=_object)
    except _RefusedError:
        raise
    except RecursionError:
        raise ValueError(f"nests more than {MAX_DEPTH} levels deep") from None
    except ValueError:
        raise ValueError("is no JSON") from None
    if not isinstance(value, dict):
        raise ValueError("is no JSON object")
    _check_values(value)
    return value


class _RefusedError(ValueError):
    """JSON that a lenient reader would take."""


def _refuse_constant(name: str) -> NoReturn:
    raise _RefusedError(f"holds {name}, which is no JSON number")


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _RefusedError("holds a name twice in one object")
    return found


def _check_values(value: object) -> None:
    pending = [(value, 1)]
    while pending:
        value, depth = pending.pop()
        if isinstance(value, dict | list):
            if depth > MAX_DEPTH:
                raise ValueError(f"nests more than {MAX_DEPTH} levels deep")
            inner = [*value, *value.values()] if isinstance(value, dict) else value
            pending += [(one, depth + 1) for one in inner]
        elif isinstance(value, str) and not _is_text(value):
            raise ValueError("holds a text that UTF-8 cannot write (a lone surrogate)")
        elif isinstance(value, int) and not _MIN <= value <= _MAX:
            raise ValueError("holds a whole number of more than 64 bits")
        elif isinstance(value, float) and not isfinite(value):
            raise ValueError("holds a number that is too large")


def _is_text(value: str) -> bool:
    try:
        value.encode()
    except UnicodeEncodeError:
        return False
    return True
