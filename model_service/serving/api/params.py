"""Request parameters: their types, the JSON body reader, and the messages of validation errors."""

import asyncio
import json
import re
from collections.abc import Callable, Coroutine, Iterator, Mapping
from functools import cached_property
from typing import Annotated, Any, Final, get_args
from urllib.parse import unquote

from fastapi import Depends, Request, Response
from fastapi.exceptions import RequestValidationError
from fastapi.routing import APIRoute
from pydantic import BaseModel, BeforeValidator, Field, WithJsonSchema
from pydantic.fields import FieldInfo
from pydantic_core import PydanticCustomError
from starlette.requests import ClientDisconnect
from starlette.routing import Match
from starlette.types import Receive, Scope

from model_service.serving.errors import RequestError, quoted
from model_service.serving.recommender import IdForm, Order
from model_service.serving.service import LoadedModel, RecommenderService

MAX_N: Final = 100
MAX_EXCLUDED: Final = 1000
MAX_TEXT: Final = 100
MAX_REFERENCE: Final = 300
MAX_BODY_BYTES: Final = 16 * 1024
MAX_BODY_SECONDS: Final = 10.0

MAX_ID: Final = 256
_QUALITY: Final = re.compile(r"(?:^|;)\s*q=([01](?:\.[0-9]{0,3})?)\s*(?:;|$)")
_MAX_EXACT: Final = 2**53  # from here on a float stands for several whole numbers
_WHOLE_NUMBER: Final = re.compile(r"-?[0-9]{1,19}")
_ID: Final = re.compile(rf"[^\x00-\x1f\x7f-\x9f\ud800-\udfff]{{1,{MAX_ID}}}")  # neither controls nor lone surrogates
_OWN_ERRORS: Final = frozenset(("whole_number", "id", "text", "ids", "item", "choice"))


def _parse_int(value: object) -> int | None:
    """`value` as an integer; None when it is none. JSON's 20.0 is one, true and "2_0" are not.

    A number with a fraction or an exponent is one below 2^53; from there on it may stand for another.
    """
    if isinstance(value, str):
        return int(value) if _WHOLE_NUMBER.fullmatch(value) else None
    if isinstance(value, float):
        return int(value) if value.is_integer() and abs(value) < _MAX_EXACT else None
    return value if isinstance(value, int) and not isinstance(value, bool) else None


def _to_text(value: object) -> str:
    """A text as it is, a whole number as its digits, so that JSON's 20, 20.0 and "20" are one; else an empty text."""
    if isinstance(value, str):
        return value
    number = _parse_int(value)
    return "" if number is None else str(number)


def _parse_id(value: object) -> str:
    text = _to_text(value)
    if not _ID.fullmatch(text):
        raise PydanticCustomError(
            "id",
            "has to be a whole number or a text of 1 to {high} characters, none of them a control character",
            {"high": MAX_ID},
        )
    return text


def _parse_n(value: object) -> int:
    n = _parse_int(value)
    if n is None or not 1 <= n <= MAX_N:
        raise PydanticCustomError("whole_number", "has to be a whole number from 1 to {high}", {"high": MAX_N})
    return n


def _parse_text(value: object) -> str:
    if not isinstance(value, str) or not 1 <= len(value.strip()) <= MAX_TEXT:
        raise PydanticCustomError("text", "has to be a text of 1 to {high} characters", {"high": MAX_TEXT})
    return value.strip()


def _parse_split_ids(value: object) -> tuple[str, ...]:
    """As `_parse_ids`, each text of the list split at its commas."""
    parts = value if isinstance(value, list | tuple) else [value]
    return _parse_ids([id_ for part in parts for id_ in (part.split(",") if isinstance(part, str) else (part,))])


def _parse_ids(value: object) -> tuple[str, ...]:
    """Ids from a list or from comma-separated text, sorted, without duplicates."""
    if not isinstance(value, str | list | tuple):
        raise PydanticCustomError("ids", "has to be a list of film ids, as in exclude=3,14")
    ids = value.split(",") if isinstance(value, str) else value
    if len(ids) > MAX_EXCLUDED:
        raise PydanticCustomError("ids", "has more than {high} films", {"high": MAX_EXCLUDED})
    return tuple(sorted({_parse_id(id_) for id_ in ids}))


def _parse_item(value: object) -> str:
    text = _to_text(value)
    if not 1 <= len(text) <= MAX_REFERENCE:
        raise PydanticCustomError("item", "has to be the id or the title of a film")
    return text


def _choice(*names: str) -> BeforeValidator:
    def parse(value: object) -> object:
        if value not in names:
            raise PydanticCustomError("choice", "has to be {names}", {"names": " or ".join(names)})
        return value

    return BeforeValidator(parse)


_ID_SCHEMA: Final[dict[str, Any]] = {"type": ["integer", "string"], "minLength": 1, "maxLength": MAX_ID}

Id = Annotated[str, BeforeValidator(_parse_id), Field(json_schema_extra=_ID_SCHEMA)]
N = Annotated[int, BeforeValidator(_parse_n), Field(ge=1, le=MAX_N, description="How many items.", examples=[10])]
Text = Annotated[str, BeforeValidator(_parse_text), Field(min_length=1, max_length=MAX_TEXT)]
SplitIds = Annotated[tuple[Id, ...], BeforeValidator(_parse_split_ids), Field(max_length=MAX_EXCLUDED)]
JsonIds = Annotated[tuple[Id, ...], BeforeValidator(_parse_ids), Field(max_length=MAX_EXCLUDED)]
OrderName = Annotated[Order, _choice(*get_args(Order))]
IdFormName = Annotated[
    IdForm,
    _choice(*get_args(IdForm)),
    Field(
        description="The form of the ids in the answer: `data`, numbers where all are whole numbers, or `text`, always "
        "texts, which browsers keep exactly (they round numbers beyond 2^53).",
        examples=["text"],
    ),
]
ItemReference = Annotated[
    str,
    BeforeValidator(_parse_item),
    WithJsonSchema({"type": ["integer", "string"], "minLength": 1, "maxLength": MAX_REFERENCE}),
]
# Validated when they are given: an explicit null is an error where the name may also be absent.
OptionalId = Annotated[Id | None, BeforeValidator(_parse_id)]
OptionalText = Annotated[Text | None, BeforeValidator(_parse_text)]


async def _get_service(request: Request) -> RecommenderService:
    service: RecommenderService = request.app.state.service
    return service


async def _get_model(request: Request) -> LoadedModel:
    return (await _get_service(request)).require_model()


Service = Annotated[RecommenderService, Depends(_get_service)]
Model = Annotated[LoadedModel, Depends(_get_model)]


class JsonRequest(Request):
    """A request whose body is read within a size and a time, and parsed as JSON whatever its content type."""

    def __init__(self, scope: Scope, receive: Receive, *, example: str) -> None:
        """example: a valid body, for error messages."""
        headers = [header for header in scope["headers"] if header[0] != b"content-type"]
        super().__init__({**scope, "headers": headers}, receive)
        self._example = example

    async def body(self) -> bytes:
        """The body, empty when there is none; raises RequestError 413 above MAX_BODY_BYTES, 408 when too slow."""
        if not hasattr(self, "_body"):
            self._body = await self._read_body()
        return self._body

    async def json(self) -> dict[str, Any]:
        """The body as a JSON object, in UTF-8, UTF-16 or UTF-32, with or without a byte order mark.

        Raises RequestError 400 for anything but JSON, 422 for other JSON values and for a name that is given twice.
        """
        try:
            body = await self.body()
            value = json.loads(body, object_pairs_hook=_json_object, parse_constant=_no_constant)
        except (ValueError, RecursionError):
            raise not_json(self._example) from None
        if not isinstance(value, dict):
            raise RequestError(422, f"the body has to be a JSON object; send for example {self._example}")
        return value

    async def _read_body(self) -> bytes:
        if "content-length" not in self.headers and "transfer-encoding" not in self.headers:
            return b""
        body = bytearray()
        try:
            async with asyncio.timeout(MAX_BODY_SECONDS):
                async for chunk in self.stream():
                    body += chunk
                    if len(body) > MAX_BODY_BYTES:
                        raise RequestError(413, f"the body is longer than {MAX_BODY_BYTES} bytes")
        except TimeoutError:
            raise RequestError(408, f"the body did not arrive within {MAX_BODY_SECONDS:g} s") from None
        except ClientDisconnect:
            raise RequestError(400, "the connection was closed within the body") from None
        return bytes(body) if body.strip() else b""


def _json_object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    content: dict[str, Any] = {}
    for name, value in pairs:
        if name in content:
            raise RequestError(422, f"the body gives {quoted(name)} more than once")
        content[name] = value
    return content


def _no_constant(name: str) -> None:
    raise RequestError(400, f"the body is no JSON, which has no {name}; leave the value out")


def prefers_html(accept: str) -> bool:
    """Whether a header Accept prefers HTML to JSON, as browsers do and other clients do not.

    Source: RFC 9110, "Accept".
    """
    qualities: dict[str, float] = {}
    for part in accept.lower().split(","):
        kind, _, parameters = part.partition(";")
        quality = _QUALITY.search(parameters)
        qualities[kind.strip()] = float(quality[1]) if quality else 1.0

    def quality_of(*kinds: str) -> float:
        return next((qualities[kind] for kind in kinds if kind in qualities), 0.0)

    return quality_of("text/html", "text/*", "*/*") > quality_of("application/json", "application/*", "*/*")


def not_json(example: str) -> RequestError:
    """The error for a body that is not JSON."""
    return RequestError(400, f"the body is no JSON; send for example {example}")


class ApiRoute(APIRoute):
    """A route that reads bodies as `JsonRequest` does and raises RequestError for every invalid parameter or body.

    A parameter in its path is one segment of the path as it was sent: `/items/a%2Fb` is the item `a/b`.
    """

    def matches(self, scope: Scope) -> tuple[Match, Scope]:
        """As the base class, which sees the decoded path only, where the path as it was sent is no match."""
        if self.param_convertors and scope.get("raw_path"):
            match, child_scope = super().matches({**scope, "path": scope["raw_path"].decode("utf-8", "replace")})
            if match != Match.NONE:
                sent = child_scope["path_params"]
                return match, {**child_scope, "path_params": {name: unquote(value) for name, value in sent.items()}}
        return super().matches(scope)

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()

        async def handle(request: Request) -> Response:
            for name in self._scalar_parameters:
                if len(request.query_params.getlist(name)) > 1:
                    raise RequestError(422, f"{name} is given more than once")
            try:
                return await handler(JsonRequest(request.scope, request.receive, example=self._body_example))
            except RequestValidationError as error:
                raise self._request_error(error.errors()[0]) from None

        return handle

    def _request_error(self, error: Mapping[str, Any]) -> RequestError:
        """The error of one invalid value: its name, what is allowed, what it is, and an example."""
        place, *path = error["loc"]
        if place == "body" and not path:
            return not_json(self._body_example)
        name = ".".join(str(part) for part in path)[:80]
        if error["type"] in _OWN_ERRORS:
            message = f"{name.partition('.')[0] if place == 'query' else name} {error['msg']}"
        else:
            message = f"{name}: {error['msg'].lower()[:100]}"
        if error["type"] == "id" and place != "body":
            message += f", as in {self._url_example(str(path[0]))}"
        if error["type"] != "missing":
            message += f"; it is {quoted(error['input'])}"
        return RequestError(422, f"{message}; send for example {self._body_example}" if place == "body" else message)

    @cached_property
    def _scalar_parameters(self) -> tuple[str, ...]:
        return tuple(name for name, field in self._fields("query") if get_args(field.annotation)[1:] != (...,))

    @cached_property
    def _body_example(self) -> str:
        if self.body_field is None:
            return "{}"
        annotation = self.body_field.field_info.annotation
        models = [type_ for type_ in (annotation, *get_args(annotation)) if hasattr(type_, "model_config")]
        return json.dumps(models[0].model_config["json_schema_extra"]["examples"][0])

    def _url_example(self, name: str) -> str:
        """A URL of this route with a valid value of parameter `name`."""
        path = self.path_format.format(**{key: _example(field) for key, field in self._fields("path")})
        values = [_example(field) for key, field in self._fields("query") if key == name]
        return f"{path}?{name}={values[0]}" if values else path

    def _fields(self, place: str) -> Iterator[tuple[str, FieldInfo]]:
        """The path or query parameters, those of a parameter model one by one."""
        for field in self.dependant.path_params if place == "path" else self.dependant.query_params:
            model = field.field_info.annotation
            if isinstance(model, type) and issubclass(model, BaseModel):
                yield from model.model_fields.items()
            else:
                yield field.alias, field.field_info


def _example(field: FieldInfo) -> object:
    return field.examples[0] if field.examples else "…"
