"""What `metadata.json` has to hold: names, types and bounds of all that is read later; standard library only."""

import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

FORMAT: Final = 3
WEIGHTS_FILE: Final = "model.safetensors"
ITEMS_FILE: Final = "items.jsonl"
MAX_NUMBER: Final = 1e15
"""Of weights and settings, whose products then stay within float32."""
_MAX_SHOWN: Final = 60


@dataclass(frozen=True, kw_only=True)
class Field:
    """What a field has to be, in words and as a test; an optional one may be absent."""

    expected: str
    allows: Callable[[Any], bool]
    optional: bool = True


def is_number(value: Any) -> bool:
    """Whether `value` is a number, not true or false, that settings may have."""
    return type(value) in (int, float) and abs(value) <= MAX_NUMBER


def _is_whole(value: object) -> bool:
    return type(value) is int and value >= 0


def _is_scale(value: Any) -> bool:
    return value is None or (
        type(value) is list and len(value) == 2 and all(map(is_number, value)) and value[0] < value[1]
    )


def _is_files(value: Any) -> bool:
    return (
        type(value) is dict
        and value.keys() == {WEIGHTS_FILE, ITEMS_FILE}
        and all(type(digest) is str and re.fullmatch("[0-9a-f]{64}", digest) for digest in value.values())
    )


def _is_texts(value: Any) -> bool:
    return type(value) is dict and all(type(text) is str for text in value.values())


_OBJECT: Final = Field(expected="an object", allows=lambda value: type(value) is dict, optional=False)
TEXT: Final = Field(expected="a text", allows=lambda value: type(value) is str)
_TRUTH: Final = Field(expected="true or false", allows=lambda value: type(value) is bool)
WHOLE: Final = Field(expected="a whole number of at least 0", allows=_is_whole)
COUNT: Final = Field(expected="a whole number of at least 1", allows=lambda v: _is_whole(v) and v > 0, optional=False)
_NUMBER: Final = Field(expected=f"a number of at most {MAX_NUMBER:g}", allows=is_number)
_NOT_NEGATIVE: Final = Field(
    expected=f"a number from 0 to {MAX_NUMBER:g}", allows=lambda value: is_number(value) and value >= 0
)
_NUMBER_OR_NULL: Final = Field(
    expected=f"a number of at most {MAX_NUMBER:g}, or null", allows=lambda value: value is None or is_number(value)
)
_ABSENT: Final = object()
_SCHEMA: Final[Mapping[tuple[str, ...], Field]] = {
    ("files",): Field(expected=f"the SHA-256 of {WEIGHTS_FILE} and of {ITEMS_FILE}", allows=_is_files, optional=False),
    ("libraries",): Field(expected="an object of texts", allows=_is_texts, optional=False),
    ("metrics",): _OBJECT,
    ("data",): _OBJECT,
    ("data", "users"): COUNT,
    ("data", "items"): COUNT,
    ("data", "ratings"): Field(expected=WHOLE.expected, allows=_is_whole, optional=False),
    ("data", "unrated"): WHOLE,
    ("data", "seen_not_rated"): WHOLE,
    ("data", "scale"): Field(
        expected=f"two numbers of at most {MAX_NUMBER:g}, the lower one first, or null for counts",
        allows=_is_scale,
        optional=False,
    ),
    ("data", "source"): TEXT,
    ("data", "fingerprint"): TEXT,
    ("data", "times"): _TRUTH,
    ("hyperparameters",): _OBJECT,
    ("hyperparameters", "c_vector"): _NOT_NEGATIVE,
    ("hyperparameters", "c_bias"): _NOT_NEGATIVE,
    ("hyperparameters", "shrinkage"): _NOT_NEGATIVE,
    ("hyperparameters", "ranking"): Field(expected=_OBJECT.expected, allows=_OBJECT.allows),
    ("hyperparameters", "ranking", "ranker"): TEXT,
    ("hyperparameters", "ranking", "fold_in_ridge"): _NOT_NEGATIVE,
    ("hyperparameters", "ranking", "fold_in_shift"): _NOT_NEGATIVE,
    ("hyperparameters", "ranking", "lowest_rating"): _NUMBER_OR_NULL,
    ("hyperparameters", "ranking", "highest_rating"): _NUMBER_OR_NULL,
    ("hyperparameters", "ranking", "log_mean"): Field(
        expected="a number above 0, at most 100", allows=lambda value: is_number(value) and 1e-15 <= value <= 100
    ),
    ("hyperparameters", "ranking", "typical_value"): Field(
        expected="a number within float32", allows=lambda value: type(value) in (int, float) and abs(value) < 3.5e38
    ),
}
"""What is read of the metadata later; other names in its objects are allowed, and are told by GET /model as they are.

A parent stands before its fields.
"""


def problems(fields: Mapping[str, Any]) -> Iterator[str]:
    """What is wrong with `fields`, those of `Metadata`, each the end of a sentence; nothing is read after the first."""
    other = fields.keys() - {"files", "data", "hyperparameters", "metrics", "libraries"}
    if other:
        yield f"has other fields than format {FORMAT}: {shown(sorted(other))}"
    for path, field in _SCHEMA.items():
        parent: Mapping[str, Any] = fields
        for name in path[:-1]:
            parent = parent.get(name, {})
        value = parent.get(path[-1], _ABSENT)
        if value is _ABSENT:
            if not field.optional:
                yield f"lacks {'.'.join(path)}, {field.expected}"
        elif not field.allows(value):
            yield f"has {'.'.join(path)} {shown(value)}, expected {field.expected}"
    scale, ranking = fields["data"]["scale"], fields["hyperparameters"].get("ranking", {})
    for name, end in (("lowest_rating", 0), ("highest_rating", 1)):
        told = ranking.get(name)
        if told is not None and (scale is None or told != scale[end]):
            yield f"has hyperparameters.ranking.{name} {shown(told)}, but data.scale {shown(scale)}"


def shown(value: object) -> str:
    """`value` in one short line."""
    text = ascii(value)
    return text if len(text) <= _MAX_SHOWN else f"{text[:_MAX_SHOWN]}…"
