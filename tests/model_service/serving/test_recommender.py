"""Top n against brute force."""

import numpy as np
import pytest
import torch

from model_service.artifact import Artifact
from model_service.data.ratings import Ratings
from model_service.serving.recommender import POPULAR_ITEMS, Recommender, RecommendRequest
from model_service.training.config import TrainConfig
from model_service.training.model import MatrixFactorization
from tests.model_service.conftest import Trained


@pytest.fixture(scope="module")
def recommender(artifact: Artifact) -> Recommender:
    return Recommender(artifact)


def _torch_scores(artifact: Artifact) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    """(U, I) from the torch model with the artifact's arrays."""
    weights = artifact.weights
    users, items = len(weights.user_ids), len(weights.item_ids)
    config = TrainConfig(factors=weights.item_factors.shape[1])
    model = MatrixFactorization(config, users=users, items=items, global_mean=0.0, generator=torch.Generator())
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
    popular = sorted(range(150), key=lambda row: (-weights.item_counts[row], row))[:POPULAR_ITEMS]
    base = weights.global_mean[0] + weights.item_bias
    best = sorted(popular, key=lambda row: (-base[row], row))[:10]
    assert [title for title, _ in found.ranked] == [artifact.items[row].title for row in best]
    assert [score for _, score in found.ranked] == sorted((score for _, score in found.ranked), reverse=True)


def test_a_batch_answers_as_one_by_one(trained: Trained, recommender: Recommender) -> None:
    uids = [*trained.ratings.user_ids[:40].tolist(), 10**6]
    together = recommender.recommend_many([RecommendRequest(uid, n) for n, uid in enumerate(uids)])
    assert together == [recommender.recommend(uid, n) for n, uid in enumerate(uids)]


def test_excluded_films_and_those_of_other_genres_never_appear(
    trained: Trained, artifact: Artifact, recommender: Recommender
) -> None:
    uid, unknown = int(trained.ratings.user_ids[3]), 10**6
    genre = artifact.items[0].genres[0]
    of_genre = np.array([genre in item.genres for item in artifact.items])
    assert 0 < of_genre.sum() < len(of_genre)
    for user in (uid, unknown):
        everything = recommender.recommend_many([RecommendRequest(user, 150)])[0]
        exclude = everything.rows[:7][::-1]
        found = recommender.recommend_many([RecommendRequest(user, 150, genre, exclude)])[0]
        left = {row for row in everything.rows if of_genre[row] and row not in exclude}
        assert left <= set(found.rows)
        assert all(of_genre[row] for row in found.rows)
        assert not set(found.rows) & set(exclude)
    assert set(recommender.recommend_many([RecommendRequest(uid, 150, genre)])[0].rows) == {
        row for row in recommender.recommend(uid, 150).rows if of_genre[row]
    }
    everything_excluded = RecommendRequest(unknown, 5, None, tuple(range(150)))
    assert recommender.recommend_many([everything_excluded])[0].ranked == ()


def test_a_pair_is_scored_as_in_the_list(trained: Trained, recommender: Recommender) -> None:
    uid = int(trained.ratings.user_ids[5])
    person = recommender.user(uid)
    assert person is not None
    found = recommender.recommend(uid, 20)
    assert recommender.predict([person] * 20, found.rows) == [score for _, score in found.ranked]


def test_someone_folded_in_minimises_the_loss_of_the_training(artifact: Artifact, recommender: Recommender) -> None:
    rows, stars = np.array([90, 3, 17, 54, 120]), np.array([5.0, 1.0, 4.0, 3.0, 4.5])
    person = recommender.fold_in(rows.tolist(), stars.tolist())
    weights, given = artifact.weights, artifact.metadata.hyperparameters
    mean = float(weights.global_mean[0])

    def loss(shift: np.ndarray[tuple[int], np.dtype[np.float64]]) -> float:
        vector, bias = person.vector + shift[:-1], float(person.bias) + shift[-1]
        predicted = mean + bias + weights.item_bias[rows] + weights.item_factors[rows] @ vector
        penalty = given["c_vector"] * (vector @ vector) + given["c_bias"] * bias**2
        return float(((stars - predicted) ** 2).sum() + (len(rows) + given["shrinkage"]) * penalty)

    steps = np.eye(len(person.vector) + 1) * 1e-2
    assert all(loss(sign * step) > loss(steps[0] * 0) for step in steps for sign in (1, -1))
    assert person.seen.tolist() == sorted(rows.tolist())
    assert not set(recommender.recommend_many([RecommendRequest(person, 150)])[0].rows) & set(rows.tolist())


@pytest.mark.parametrize(
    ("rows", "stars", "message"),
    [([], [], "no ratings"), ([3, 3], [1.0, 2.0], "rated twice"), ([3], [float("nan")], "finite number")],
)
def test_ratings_that_cannot_be_folded_in_are_told(
    rows: list[int], stars: list[float], message: str, recommender: Recommender
) -> None:
    with pytest.raises(ValueError, match=message):
        recommender.fold_in(rows, stars)


def test_similar_films_are_those_with_the_greatest_cosine(artifact: Artifact, recommender: Recommender) -> None:
    factors = artifact.weights.item_factors.astype(np.float64)
    lengths = np.linalg.norm(factors, axis=1)
    for row in range(0, len(factors), 7):
        cosines = factors @ factors[row] / (lengths * lengths[row])
        best = sorted((other for other in range(len(factors)) if other != row), key=lambda other: -cosines[other])[:10]
        found = recommender.similar(row, 10)
        assert list(found.rows) == best
        np.testing.assert_allclose([score for _, score in found.ranked], cosines[best], atol=1e-6)
    with pytest.raises(IndexError, match="row 150 of 150"):
        recommender.similar(150, 10)
