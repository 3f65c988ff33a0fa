"""What a client asks for, out of a query string and a JSON body, without a web framework."""

import json
import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import parse_qsl

from model_service.serving.errors import RequestError, shown

DEFAULT_N = 10
MOST_N = 100
_WHOLE_NUMBER = re.compile(r"-?[0-9]{1,19}")
_ID_LIMIT = 2**63  # ids are 64-bit integers in the artifact


@dataclass(frozen=True, kw_only=True)
class Query:
    """The `n` best films for user `uid`, an id as in the data."""

    uid: int
    n: int = DEFAULT_N


def parse_query(query_string: bytes, body: bytes) -> Query:
    """The request's query; a name in the query string goes before the same name in the body.

    Raises RequestError: 400 for a body that is no JSON, 422 for a value that cannot be used.
    """
    fields = {**_from_body(body), **_from_query_string(query_string)}
    if "uid" not in fields:
        raise RequestError(422, 'uid is missing: ask for /?uid=20 or send the JSON body {"uid": 20}')
    uid = _whole(fields["uid"])
    if uid is None or not -_ID_LIMIT <= uid < _ID_LIMIT:
        wanted = "uid has to be a whole number of at most 64 bits, as in /?uid=20"
        raise RequestError(422, f"{wanted}; it is {shown(fields['uid'])}")
    n = _whole(fields.get("n", DEFAULT_N))
    if n is None or not 1 <= n <= MOST_N:
        raise RequestError(422, f"n has to be a whole number from 1 to {MOST_N}; it is {shown(fields['n'])}")
    return Query(uid=uid, n=n)


def _from_query_string(query_string: bytes) -> Mapping[str, object]:
    fields: dict[str, object] = {}
    pairs = parse_qsl(query_string.decode("latin-1"), keep_blank_values=True, max_num_fields=None)
    for name, value in pairs:
        if name in ("uid", "n"):
            if name in fields:
                raise RequestError(422, f"{name} is given more than once")
            fields[name] = value
    return fields


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
