"""What a client asks for, out of a query string and a JSON body, without a web framework."""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final
from urllib.parse import parse_qsl

from model_service.serving.errors import RequestError, shown

DEFAULT_N: Final = 10
MAX_N: Final = 100
MAX_EXCLUDED: Final = 1000
_NAMES: Final = frozenset(("uid", "n", "genre", "exclude"))
_WHOLE_NUMBER: Final = re.compile(r"-?[0-9]{1,19}")
_ID_LIMIT: Final = 2**63  # ids are 64-bit integers in the artifact


@dataclass(frozen=True, kw_only=True)
class Query:
    """The `n` best films for user `uid`, an id as in the data, of a genre, without the films in `exclude` (ids)."""

    uid: int
    n: int = DEFAULT_N
    genre: str | None = None
    exclude: tuple[int, ...] = ()


def parse_query(query_string: bytes, body: bytes) -> Query:
    """The request's query; a name in the query string goes before the same name in the body.

    Raises RequestError: 400 for a body that is no JSON, 422 for a value that cannot be used.
    """
    fields = {**_from_body(body), **parameters(query_string, _NAMES)}
    if "uid" not in fields:
        raise RequestError(422, 'uid is missing: ask for /?uid=20 or send the JSON body {"uid": 20}')
    return Query(
        uid=read_id(fields["uid"], "uid", example="/?uid=20"),
        n=read_n(fields),
        genre=read_text(fields, "genre"),
        exclude=_excluded(fields.get("exclude", ())),
    )


def parameters(query_string: bytes, names: frozenset[str]) -> Mapping[str, object]:
    """Those parameters of a query string that have one of `names`; raises RequestError 422 for one given twice."""
    fields: dict[str, object] = {}
    for name, value in parse_qsl(query_string.decode("latin-1"), keep_blank_values=True, max_num_fields=None):
        if name in names:
            if name in fields:
                raise RequestError(422, f"{name} is given more than once")
            fields[name] = value
    return fields


def read_id(value: object, name: str, *, example: str) -> int:
    """`value` as an id; raises RequestError 422 when it is none."""
    number = _whole(value)
    if number is None or not -_ID_LIMIT <= number < _ID_LIMIT:
        wanted = f"{name} has to be a whole number of at most 64 bits, as in {example}"
        raise RequestError(422, f"{wanted}; it is {shown(value)}")
    return number


def read_n(fields: Mapping[str, object]) -> int:
    """The field `n`, 1 to MAX_N, DEFAULT_N when it is absent; raises RequestError 422."""
    n = _whole(fields.get("n", DEFAULT_N))
    if n is None or not 1 <= n <= MAX_N:
        raise RequestError(422, f"n has to be a whole number from 1 to {MAX_N}; it is {shown(fields['n'])}")
    return n


def read_text(fields: Mapping[str, object], name: str, *, most: int = 100) -> str | None:
    """The text field `name`, None when it is absent; raises RequestError 422 when it is empty or too long."""
    value = fields.get(name)
    if name not in fields:
        return None
    if not isinstance(value, str) or not 1 <= len(value.strip()) <= most:
        raise RequestError(422, f"{name} has to be a text of 1 to {most} characters; it is {shown(value)}")
    return value.strip()


def _excluded(value: object) -> tuple[int, ...]:
    ids: Sequence[object]
    if isinstance(value, str):
        ids = value.split(",")
    elif isinstance(value, list | tuple):
        ids = value
    else:
        raise RequestError(422, f"exclude has to be a list of film ids, as in exclude=3,14; it is {shown(value)}")
    if len(ids) > MAX_EXCLUDED:
        raise RequestError(422, f"exclude has {len(ids)} films; at most {MAX_EXCLUDED} are allowed")
    return tuple(sorted({read_id(one, "exclude", example="exclude=3,14") for one in ids}))


def _from_body(body: bytes) -> Mapping[str, object]:
    if not body.strip():
        return {}
    try:
        value = json.loads(body)
    except (ValueError, RecursionError):
        raise RequestError(400, 'the body is no JSON; send for example {"uid": 20, "n": 10}') from None
    if not isinstance(value, dict):
        raise RequestError(422, 'the body has to be a JSON object, for example {"uid": 20, "n": 10}')
    return value


def _whole(value: object) -> int | None:
    """`value` as a whole number, or None when it is none; JSON's 20.0 is one, true is not."""
    if isinstance(value, str):
        return int(value) if _WHOLE_NUMBER.fullmatch(value) else None
    if isinstance(value, float):
        return int(value) if value.is_integer() else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None
