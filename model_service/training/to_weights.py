"""The arrays of the artifact from the trained models."""

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model_service.artifact import Weights
from model_service.catalogue import Item
from model_service.data.ratings import Ratings
from model_service.ids import Ids
from model_service.serving.ranking.fold_in import FoldIn
from model_service.training.cold_items import predict_cold
from model_service.training.factors import Factors
from model_service.training.rankers import RankingModel
from model_service.training.sparse import user_item_matrix


def to_weights(
    ratings: Ratings,
    ranking: RankingModel,
    fold_in: FoldIn,
    stars: Factors | None,
    *,
    popularity: NDArray[np.float64],
) -> tuple[Weights, Sequence[Item]]:
    """The arrays, and the items in their order: rated and unrated ones, by id.

    The rows of unrated items are predicted from their genres and years. popularity (rated items,): of the cold start.
    """
    by_id = {item.id: item for item in (*ratings.catalogue, *ratings.unrated)}
    item_ids = Ids.of(by_id)
    items = [by_id[id_] for id_ in item_ids]
    row = {id_: row for row, id_ in enumerate(item_ids)}
    rated_rows = np.array([row[id_] for id_ in ratings.item_ids], np.int32)
    counts = np.bincount(ratings.item_rows, minlength=len(ratings.item_ids))

    def complete(array: NDArray[Any], *, predict: bool = True) -> NDArray[np.float32]:
        """`array` of the rated items with a row for each unrated one: predicted, or zeros."""
        whole = np.zeros((len(items), *array.shape[1:]), np.float32)
        whole[rated_rows] = array
        if predict and ratings.unrated and array.size:
            columns = array.reshape(len(array), -1)
            cold = predict_cold(columns, counts, ratings.catalogue, ratings.unrated)
            cold_rows = np.array([row[item.id] for item in ratings.unrated])
            whole[cold_rows] = cold.reshape(-1, *array.shape[1:])
        return whole

    seen = user_item_matrix(ratings)
    shape = (len(ratings.user_ids), len(items))
    seen = type(seen)((seen.data, rated_rows[seen.indices], seen.indptr), shape)
    seen.sort_indices()  # an unrated film whose id is no number reorders those whose ids are
    star_arrays = {}
    if stars is not None:
        star_arrays = {
            "star_user_factors": stars.users.astype(np.float32),
            "star_item_factors": complete(stars.items),
            "star_user_bias": stars.user_bias.astype(np.float32),
            "star_item_bias": complete(stars.item_bias),
            "global_mean": np.array([stars.mean], np.float32),
        }
    encoder = fold_in.encoder
    weights = Weights(
        item_factors=complete(ranking.item_factors),
        item_bias=complete(ranking.item_bias, predict=False),
        user_factors=ranking.user_factors,
        fold_in_rhs=fold_in.rhs,
        fold_in_base=fold_in.base,
        fold_in_encoder=None if encoder is None else complete(encoder, predict=False),
        user_ids=ratings.user_ids.values,
        user_id_offsets=ratings.user_ids.offsets,
        item_ids=item_ids.values,
        item_id_offsets=item_ids.offsets,
        seen_indptr=seen.indptr.astype(np.int64),
        seen_indices=seen.indices.astype(np.int32),
        seen_values=seen.data.astype(np.float32),
        item_counts=complete(counts, predict=False).astype(np.int32),
        popularity=complete(popularity, predict=False),
        **star_arrays,
    )
    return weights, items
