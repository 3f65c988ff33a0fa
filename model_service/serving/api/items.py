"""Items: search by words of the title and by genre, one by id, and similar items."""

from collections.abc import Sequence
from typing import Annotated, Final

from fastapi import APIRouter, Path, Query

from model_service.serving.api.params import ApiRoute, Id, IdFormName, Model, N, OptionalText, Service
from model_service.serving.api.schemas import (
    CountedItem,
    ItemResponse,
    ItemSchema,
    ItemsResponse,
    SimilarItemsResponse,
    error_responses,
)
from model_service.serving.recommender import DEFAULT_N, IdForm
from model_service.serving.service import LoadedModel

ItemId = Annotated[
    Id, Path(alias="id", description="The item's id in the data, percent-encoded: `/` as `%2F`.", examples=[1])
]
_SEARCH: Final = (
    "Words of the title, or parts of words, in any order; case, accents and punctuation are ignored. First titles of "
    "these words only, then those that begin with the text, then those with words that begin with its words; of these "
    "the most rated first. Of more than 8 words the 8 longest count. Absent: the most rated items."
)
Genre = Annotated[OptionalText, Query(description="Only items of this genre, ignoring case.")]

router = APIRouter(route_class=ApiRoute, prefix="/items", responses=error_responses(422, 503))


@router.get("", summary="Items by words of their title, the best matches first")
async def search_items(
    service: Service,
    model: Model,
    q: Annotated[OptionalText, Query(description=_SEARCH, examples=["orchard silent"])] = None,
    genre: Genre = None,
    n: N = DEFAULT_N,
    ids: IdFormName = "data",
) -> ItemsResponse:
    catalogue = model.recommender.catalogue
    folded = await service.check_genre(model, genre)
    mask = None if folded is None else catalogue.genre_mask(folded)
    rows = await service.executor.run(lambda: catalogue.search(q, n, mask=mask))
    return ItemsResponse(items=_counted_items(model, rows, ids))


@router.get("/{id}", summary="One item", responses=error_responses(404))
async def get_item(item_id: ItemId, model: Model, ids: IdFormName = "data") -> ItemResponse:
    row = model.item_row(model.check_item(item_id), status=404)
    return ItemResponse(item=_counted_items(model, [row], ids)[0])


@router.get("/{id}/similar", summary="The most similar items", responses=error_responses(404))
async def similar_items(
    item_id: ItemId, service: Service, model: Model, genre: Genre = None, n: N = DEFAULT_N, ids: IdFormName = "data"
) -> SimilarItemsResponse:
    recommender = model.recommender
    row = model.item_row(model.check_item(item_id, example="/items/1/similar"), status=404)
    folded = await service.check_genre(model, genre)
    mask = None if folded is None else recommender.catalogue.genre_mask(folded)
    similar = await service.executor.run(lambda: recommender.similar(row, n, mask=mask))
    return SimilarItemsResponse(
        item=ItemSchema.of(recommender.items[row], recommender.item_id(row, ids)),
        response=list(similar.ranked),
        ids=[recommender.item_id(similar_row, ids) for similar_row in similar.rows],
    )


def _counted_items(model: LoadedModel, rows: Sequence[int], ids: IdForm) -> list[CountedItem]:
    counts = model.artifact.weights.item_counts
    recommender = model.recommender
    return [
        CountedItem.of(recommender.items[row], recommender.item_id(row, ids), ratings=int(counts[row])) for row in rows
    ]
