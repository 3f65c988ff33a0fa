"""Top n against brute force."""

import numpy as np
import pytest
import torch

from model_service.artifact import Artifact
from model_service.data.ratings import Ratings
from model_service.serving.recommender import POPULAR_FILMS, Recommender
from model_service.training.config import ModelConfig
from model_service.training.model import MatrixFactorization
from tests.service.conftest import Trained


@pytest.fixture(scope="module")
def recommender(artifact: Artifact) -> Recommender:
    return Recommender(artifact)


def _torch_scores(artifact: Artifact) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    """(U, I) from the torch model with the artifact's arrays."""
    weights = artifact.weights
    users, items = len(weights.user_ids), len(weights.item_ids)
    config = ModelConfig(users=users, items=items, factors=weights.item_factors.shape[1])
    model = MatrixFactorization(config, global_mean=0.0, generator=torch.Generator())
    model.load_state_dict({name: torch.from_numpy(weights.arrays()[name].copy()) for name in model.state_dict()})
    rows = torch.arange(users).repeat_interleave(items), torch.arange(items).repeat(users)
    with torch.no_grad():
        return np.asarray(model(*rows).reshape(users, items))


def _seen(ratings: Ratings, user: int) -> set[int]:
    return set(ratings.item_rows[ratings.user_rows == user].tolist())


def test_every_user_gets_what_brute_force_over_the_torch_model_finds(
    trained: Trained, artifact: Artifact, recommender: Recommender
) -> None:
    scores = _torch_scores(artifact)
    for user, uid in enumerate(trained.ratings.user_ids.tolist()):
        seen = _seen(trained.ratings, user)
        unseen = [row for row in range(scores.shape[1]) if row not in seen]
        best = sorted(unseen, key=lambda row: (-scores[user, row], row))[:10]
        found = recommender.recommend(uid, 10)
        assert not found.cold_start
        assert [title for title, _ in found.ranked] == [artifact.items[row].title for row in best]
        expected = np.clip(scores[user, best], 1, 5)
        np.testing.assert_allclose([score for _, score in found.ranked], expected, atol=1e-5)


def test_a_longer_list_begins_with_the_shorter_one_and_ends_where_unseen_films_do(
    trained: Trained, recommender: Recommender
) -> None:
    uid = int(trained.ratings.user_ids[7])
    everything = recommender.recommend(uid, 150).ranked
    assert len(everything) == 150 - len(_seen(trained.ratings, 7))
    for n in (1, 2, 10, 99):
        assert recommender.recommend(uid, n).ranked == everything[:n]


def test_a_user_who_saw_everything_gets_an_empty_list(artifact: Artifact) -> None:
    films = len(artifact.items)
    arrays = artifact.weights.arrays()
    arrays["seen_indptr"] = np.minimum(np.arange(len(artifact.weights.user_ids) + 1) * films, films)
    arrays["seen_indices"] = np.arange(films, dtype=np.int32)
    all_seen = Artifact(weights=type(artifact.weights)(**arrays), items=artifact.items, metadata=artifact.metadata)
    assert Recommender(all_seen).recommend(int(arrays["user_ids"][0]), 10).ranked == ()


@pytest.mark.parametrize("uid", [0, -1, 10**6, 2**63 - 1, -(2**63)])
def test_an_unknown_user_gets_the_best_of_the_most_rated_films(
    uid: int, artifact: Artifact, recommender: Recommender
) -> None:
    found = recommender.recommend(uid, 10)
    assert found.cold_start
    weights = artifact.weights
    popular = sorted(range(150), key=lambda row: (-weights.item_counts[row], row))[:POPULAR_FILMS]
    base = weights.global_mean[0] + weights.item_bias
    best = sorted(popular, key=lambda row: (-base[row], row))[:10]
    assert [title for title, _ in found.ranked] == [artifact.items[row].title for row in best]
    assert [score for _, score in found.ranked] == sorted((score for _, score in found.ranked), reverse=True)
