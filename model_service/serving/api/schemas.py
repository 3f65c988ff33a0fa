"""The JSON bodies of POST requests, as pydantic checks and OpenAPI describes them."""

from typing import Annotated, Any, Final, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from model_service.serving.errors import RequestError, shown
from model_service.serving.query import DEFAULT_N, MAX_EXCLUDED, MAX_N

MAX_RATINGS: Final = 500
MAX_PAIRS: Final = 1000

Id = Annotated[int, Field(ge=-(2**63), lt=2**63)]
Title = Annotated[str, Field(min_length=1, max_length=300)]
N = Annotated[int, Field(ge=1, le=MAX_N, description="How many films.")]
Genre = Annotated[str, Field(min_length=1, max_length=100, description="Only films of this genre, whatever its case.")]
_Body = TypeVar("_Body", bound="Body")


class Body(BaseModel):
    """A JSON object with these fields and no others."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Rating(Body):
    """A film, by id or by title, and the stars it was given."""

    id: Id | None = None
    title: Title | None = None
    stars: float = Field(description="Within the scale of the model's data, as GET /model tells it.")


class RecommendBody(Body):
    """Whom to recommend what: `uid` for a user of the data, or `ratings` for someone new."""

    uid: Id | None = None
    ratings: Annotated[tuple[Rating, ...], Field(min_length=1, max_length=MAX_RATINGS)] | None = None
    n: N = DEFAULT_N
    genre: Genre | None = None
    exclude: Annotated[tuple[Id | Title, ...], Field(max_length=MAX_EXCLUDED)] = Field(
        default=(), description="Films to leave out, by id or title."
    )


class Pair(Body):
    """A user of the data and a film of the data, both by id."""

    uid: Id
    id: Id


class Pairs(Body):
    """Pairs whose rating is to be predicted."""

    pairs: Annotated[tuple[Pair, ...], Field(min_length=1, max_length=MAX_PAIRS)]


def parse(kind: type[_Body], body: bytes, *, example: str) -> _Body:
    """`body` as a `kind`; raises RequestError 400 for what is no JSON and 422 with the first field that is wrong."""
    try:
        return kind.model_validate_json(body)
    except ValidationError as problem:
        first = problem.errors(include_url=False)[0]
        if first["type"] == "json_invalid":
            raise RequestError(400, f"the body is no JSON; send for example {example}") from None
        where = ".".join(str(part) for part in first["loc"] if not str(part).startswith("constrained-")) or "the body"
        got = "" if first["type"] == "missing" else f"; it is {shown(first['input'])}"
        raise RequestError(
            422, f"{where[:80]}: {first['msg'].lower()[:100]}{got}; send for example {example}"
        ) from None


def schema(kind: type[Body], example: dict[str, Any]) -> dict[str, Any]:
    """The requestBody of an OpenAPI operation, its definitions written out where they are used."""
    described = kind.model_json_schema()
    definitions = described.pop("$defs", {})
    content = {"schema": _inlined(described, definitions), "example": example}
    return {"requestBody": {"required": True, "content": {"application/json": content}}}


def _inlined(node: Any, definitions: dict[str, Any]) -> Any:
    if isinstance(node, dict):
        if "$ref" in node:
            return _inlined(definitions[node["$ref"].rsplit("/", 1)[1]], definitions)
        return {key: _inlined(value, definitions) for key, value in node.items()}
    return [_inlined(one, definitions) for one in node] if isinstance(node, list) else node
