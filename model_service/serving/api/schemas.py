"""Request and response bodies; OpenAPI is generated from them."""

from typing import Annotated, Any, Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, WithJsonSchema

from model_service.catalogue import Item
from model_service.serving.api.params import (
    MAX_EXCLUDED,
    Id,
    IdFormName,
    ItemReference,
    JsonIds,
    N,
    OptionalId,
    OptionalText,
    OrderName,
    SplitIds,
    Text,
)
from model_service.serving.recommender import DEFAULT_N

MAX_RATINGS: Final = 500
MAX_PAIRS: Final = 1000

_ERRORS: Final = {
    400: "The body is not JSON.",
    404: "Not found.",
    408: "The body is too slow.",
    413: "The body is too long.",
    422: "A value is missing or not allowed.",
    503: "No verified model, shutting down, or too many requests queued; see Retry-After.",
}
_GENRE: Final = "Only items of this genre, ignoring case."
_ORDER: Final = "Of the n best items: `rank`, or `stars`, the highest predicted rating first."
_IDS: Final = "Tells the items' ids beside their titles: as in the `data`, or as `text`, which browsers keep exactly."
_RATINGS_EXAMPLE: Final[dict[str, Any]] = {"ratings": [{"id": 1, "stars": 5}, {"id": 2, "stars": 1}], "n": 10}


class RecommendQuery(BaseModel):
    """A user and filters, as query parameters or as the JSON body of `/`; other names are ignored."""

    model_config = ConfigDict(frozen=True, json_schema_extra={"examples": [{"uid": 20, "n": 10}]})

    uid: Annotated[OptionalId, Field(description="The user's id in the data.", examples=[20])] = None
    n: N = DEFAULT_N
    genre: Annotated[OptionalText, Field(description=_GENRE)] = None
    exclude: Annotated[
        SplitIds,
        Field(
            description="Ids of items to leave out, separated by commas or by repeating the name; one that contains a "
            "comma can be given in a JSON body, as an element of a list.",
            examples=["3,14"],
        ),
    ] = ()
    order: Annotated[OrderName, Field(description=_ORDER, examples=["stars"])] = "rank"
    ids: Annotated[IdFormName | None, Field(description=_IDS)] = None


class RecommendJson(RecommendQuery):
    """The names of the query as a JSON body; the elements of a list are not split at commas."""

    exclude: Annotated[JsonIds, Field(description="Ids of items to leave out.", examples=[["3", "x,y"]])] = ()


class Body(BaseModel):
    """A JSON object with these fields and no others."""

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class Rating(Body):
    """An item, by id or by title, with its rating or count; without either it counts as watched."""

    id: Id | None = None
    title: Annotated[str, Field(min_length=1, max_length=300)] | None = None
    stars: Annotated[float | None, Field(description="Within the rating scale of the data, see GET /model.")] = None
    count: Annotated[float | None, Field(ge=0, description="Plays, clicks or hours, where the data has counts.")] = None


class RecommendBody(Body):
    """A known user by `uid`, or a new user by `ratings`."""

    model_config = ConfigDict(json_schema_extra={"examples": [_RATINGS_EXAMPLE]})

    uid: Id | None = None
    ratings: Annotated[tuple[Rating, ...], Field(min_length=1, max_length=MAX_RATINGS)] | None = None
    n: N = DEFAULT_N
    genre: Annotated[Text | None, Field(description=_GENRE)] = None
    exclude: Annotated[
        tuple[ItemReference, ...],
        Field(max_length=MAX_EXCLUDED, description="Items to leave out, by id or else title."),
    ] = ()
    order: Annotated[OrderName, Field(description=_ORDER)] = "rank"
    ids: IdFormName = "data"


class Pair(Body):
    """A user and an item, both by id."""

    uid: Id
    id: Id


class PredictBody(Body):
    """Pairs whose ratings are predicted."""

    model_config = ConfigDict(json_schema_extra={"examples": [{"pairs": [{"uid": 20, "id": 1}, {"uid": 20, "id": 2}]}]})

    pairs: Annotated[tuple[Pair, ...], Field(min_length=1, max_length=MAX_PAIRS)]
    ids: IdFormName = "data"


class Success(BaseModel):
    """A successful response."""

    success: Literal[True] = True


class ErrorResponse(BaseModel):
    """An error: what was wrong and what is allowed."""

    success: Literal[False] = False
    error: str = Field(examples=["n has to be a whole number from 1 to 100; it is '0'"])


_ScoredTitle = Annotated[
    tuple[str, float | None],
    WithJsonSchema({"type": "array", "items": {"type": ["string", "number", "null"]}, "minItems": 2, "maxItems": 2}),
]
"""Described without `prefixItems`, which generators of clients and tests do not all read."""
Ranked = Annotated[
    list[_ScoredTitle], Field(description="Title and predicted rating in stars, null without stars; best first.")
]
AnswerId = Annotated[int | str, WithJsonSchema({"type": ["integer", "string"]})]
ItemIds = Annotated[list[AnswerId], Field(description="The items' ids, in the same order.")]


def error_responses(*statuses: int) -> dict[int | str, dict[str, Any]]:
    """The OpenAPI responses of errors with these statuses."""
    return {status: {"model": ErrorResponse, "description": _ERRORS[status]} for status in statuses}


class RecommendResponse(Success):
    """Recommendations, best first; cold_start and reason only for a user who is not in the data."""

    response: Ranked = Field(examples=[[["The Silent Orchard (1987)", 4.81], ["Lantern of Bergen (1994)", 4.7]]])
    cold_start: Literal[True] | None = Field(default=None, description="Popular items: the user is not in the data.")
    ids: list[AnswerId] | None = Field(default=None, description="The items' ids, where `ids` asks for them.")
    reason: str | None = Field(default=None, examples=["user 5000 is not in the model's data: these are popular films"])


class RecommendWithIdsResponse(RecommendResponse):
    """Recommendations with item ids."""

    ids: ItemIds


class Prediction(BaseModel):
    """The predicted rating of a pair, in stars; cold_start only for a user who is not in the data."""

    uid: AnswerId
    id: AnswerId
    stars: float
    cold_start: Literal[True] | None = None


class PredictResponse(Success):
    """One prediction per pair, in order."""

    predictions: list[Prediction]


class ItemSchema(BaseModel):
    """An item of the catalogue."""

    id: AnswerId
    title: str
    genres: list[str]
    year: int | None

    @classmethod
    def of(cls, item: Item, id_: int | str, **fields: Any) -> Self:
        """`item` with its id in the form of the answer, and the further fields of a subclass."""
        return cls(id=id_, title=item.title, genres=list(item.genres), year=item.year, **fields)


class CountedItem(ItemSchema):
    """An item with the number of ratings in the data, those of users who watched it and gave none included."""

    ratings: int


class RatedItem(CountedItem):
    """An item that a user watched: `value` is the rating or the count, null without one; `stars` is the prediction."""

    value: float | None
    stars: float | None


class ItemResponse(Success):
    """One item."""

    item: CountedItem


class ItemsResponse(Success):
    """Items, the best matches first."""

    items: list[CountedItem]


class SimilarItemsResponse(Success):
    """Items by similarity, most similar first."""

    item: ItemSchema
    response: Annotated[list[_ScoredTitle], Field(description="Title and similarity, -1 to 1.")]
    ids: ItemIds


class UsersResponse(Success):
    """User ids, increasing, and the number of users in the data."""

    users: list[AnswerId]
    count: int


class UserResponse(Success):
    """The number of items that a user watched, and the n with the highest ratings or counts, those without one last."""

    uid: AnswerId
    count: int
    rated: list[RatedItem]


class ReadyResponse(Success):
    """The short version of the loaded model."""

    model_version: str


class IndexResponse(BaseModel):
    """The approximate index in use."""

    library: str
    recall_at_10: float
    measured_users: int
    lists: int
    probes: int


class ModelResponse(Success):
    """The model: version, size, rating scale, data, hyperparameters, metrics; `index` is "exact" without an index.

    ranker: what orders the items. stars: whether ratings are predicted. scale: null where the data has counts.
    """

    model_version: str
    users: int
    items: int
    factors: int
    ranker: str
    stars: bool
    scale: Annotated[
        tuple[float, float] | None,
        WithJsonSchema({"type": ["array", "null"], "items": {"type": "number"}, "minItems": 2, "maxItems": 2}),
    ]
    data: dict[str, Any]
    hyperparameters: dict[str, Any]
    metrics: dict[str, Any]
    libraries: dict[str, str]
    engine: str
    index: IndexResponse | Literal["exact"]
