"""Films: found by title and genre, one by its id, and those that are like it."""

from fastapi import FastAPI, Request, Response

from model_service.serving import description, responses
from model_service.serving.api.common import check_genre, film, films, json_response, row_of
from model_service.serving.query import parameters, read_id, read_n, read_text
from model_service.serving.state import ServiceState


def add(app: FastAPI, state: ServiceState) -> None:
    """GET /items, /items/{id} and /items/{id}/similar."""

    @app.get(
        "/items",
        summary="Films by a part of their title, most rated first",
        responses=responses.ITEMS_RESPONSES,
        openapi_extra={"parameters": [description.Q, description.GENRE, description.N]},
    )
    async def search(request: Request) -> Response:
        fields = parameters(request.scope["query_string"], frozenset(("q", "genre", "n")))
        n, text, wanted = read_n(fields), read_text(fields, "q"), read_text(fields, "genre")
        model = state.loaded()
        genre = await check_genre(state, model, wanted)
        only = None if genre is None else model.titles.mask(genre)
        rows = await state.aside.run(lambda: model.titles.search(text, n, only=only))
        return json_response({"success": True, "items": films(model, rows)})

    @app.get(
        "/items/{id}",
        summary="One film",
        responses=responses.ITEM_RESPONSES,
        openapi_extra={"parameters": [description.ITEM_ID]},
    )
    async def one(request: Request) -> Response:
        model = state.loaded()
        row = row_of(model, read_id(request.path_params["id"], "id", example="/items/1"), status=404)
        return json_response({"success": True, "item": films(model, [row])[0]})

    @app.get(
        "/items/{id}/similar",
        summary="The films most like one, by the cosine of their vectors",
        responses=responses.SIMILAR_RESPONSES,
        openapi_extra={"parameters": [description.ITEM_ID, description.GENRE, description.N]},
    )
    async def similar(request: Request) -> Response:
        fields = parameters(request.scope["query_string"], frozenset(("genre", "n")))
        n, wanted = read_n(fields), read_text(fields, "genre")
        model = state.loaded()
        row = row_of(model, read_id(request.path_params["id"], "id", example="/items/1/similar"), status=404)
        genre = await check_genre(state, model, wanted)
        only = None if genre is None else model.titles.mask(genre)
        found = await state.aside.run(lambda: model.recommender.similar(row, n, mask=only))
        items = model.recommender.items
        return json_response(
            {
                "success": True,
                "item": film(items[row]),
                "response": found.ranked,
                "ids": [items[one].id for one in found.rows],
            }
        )
