"""What several routes need: answers as JSON, films as JSON, films found by what a client calls them."""

from typing import Any

import orjson
from starlette.responses import Response

from model_service.catalogue import Item
from model_service.serving.errors import RequestError, shown
from model_service.serving.state import Model, ServiceState


def json_response(content: dict[str, Any], status: int = 200, headers: dict[str, str] | None = None) -> Response:
    """`content` as compact JSON in UTF-8."""
    return Response(orjson.dumps(content), status, headers, "application/json")


def film(item: Item) -> dict[str, Any]:
    """A film as clients see it."""
    return {"id": item.id, "title": item.title, "genres": list(item.genres), "year": item.year}


def films(model: Model, rows: list[int]) -> list[dict[str, Any]]:
    """The films in these rows, as clients see them, with the number of their ratings."""
    counts = model.artifact.weights.item_counts
    return [{**film(model.recommender.items[row]), "ratings": int(counts[row])} for row in rows]


def row_of(model: Model, called: int | str, *, status: int = 422) -> int:
    """The row of the film with this id or title; raises RequestError `status` when there is none."""
    row = model.recommender.item_row(called) if isinstance(called, int) else model.titles.row(called)
    if row is None:
        kind = "the id" if isinstance(called, int) else "the title"
        raise RequestError(status, f"no film has {kind} {shown(called)}; GET /items?q= finds films by title")
    return row


async def check_genre(state: ServiceState, model: Model, genre: str | None) -> str | None:
    """`genre`, once it is known that there are films of it; raises RequestError 422 with what there is."""
    if genre is None:
        return None
    known = await state.aside.run(model.titles.genres)
    if genre.casefold() not in {one.casefold() for one in known}:
        raise RequestError(422, f"no film is of the genre {shown(genre)}; there are {', '.join(known)[:200]}")
    return genre.casefold()
