"""Top n against brute force."""

import numpy as np
import pytest
import torch

from model_service.artifact import Artifact
from model_service.data.ratings import Ratings
from model_service.serving.ranking.similar import SUPPORT
from model_service.serving.recommender import Recommender, RecommendRequest
from model_service.training.config import TrainConfig
from model_service.training.model import MatrixFactorization
from tests.model_service.conftest import Trained


@pytest.fixture(scope="module")
def recommender(artifact: Artifact) -> Recommender:
    return Recommender(artifact)


def _torch_scores(artifact: Artifact) -> np.ndarray[tuple[int, int], np.dtype[np.float32]]:
    """(U, I) from the torch model with the artifact's arrays."""
    weights = artifact.weights
    users, items = len(weights.users), len(weights.items)
    assert weights.star_item_factors is not None
    config = TrainConfig(factors=weights.star_item_factors.shape[1])
    model = MatrixFactorization(config, users=users, items=items, global_mean=0.0, generator=torch.Generator())
    arrays = weights.arrays()
    names = {name: name if name == "global_mean" else f"star_{name}" for name in model.state_dict()}
    model.load_state_dict({name: torch.from_numpy(arrays[stored].copy()) for name, stored in names.items()})
    rows = torch.arange(users).repeat_interleave(items), torch.arange(items).repeat(users)
    with torch.no_grad():
        return np.asarray(model(*rows).reshape(users, items))


def _seen(ratings: Ratings, user: int) -> set[int]:
    return set(ratings.item_rows[ratings.user_rows == user].tolist())


def test_every_user_gets_what_brute_force_over_both_models_finds(
    trained: Trained, artifact: Artifact, recommender: Recommender
) -> None:
    stars, weights = _torch_scores(artifact), artifact.weights
    assert weights.user_factors is not None
    scores = weights.user_factors.astype(np.float64) @ weights.item_factors.T.astype(np.float64) + weights.item_bias
    for user, uid in enumerate(trained.ratings.user_ids):
        seen = _seen(trained.ratings, user)
        unseen = [row for row in range(scores.shape[1]) if row not in seen]
        best = sorted(unseen, key=lambda row: (-scores[user, row], row))[:10]
        found = recommender.recommend(uid, 10)
        assert not found.cold_start
        assert [title for title, _ in found.ranked] == [artifact.items[row].title for row in best]
        expected = np.clip(stars[user, best], 1, 5)
        np.testing.assert_allclose([score for _, score in found.ranked], expected, atol=1e-5)


def test_the_order_by_stars_sorts_the_same_films(trained: Trained, recommender: Recommender) -> None:
    uids = trained.ratings.user_ids[:20]
    sorted_lists = recommender.recommend_many([RecommendRequest(uid, 10, order="stars") for uid in uids])
    descending = 0
    for uid, found in zip(uids, sorted_lists, strict=True):
        ranked = recommender.recommend(uid, 10)
        assert set(found.ranked) == set(ranked.ranked)
        stars = [number for _, number in found.ranked if number is not None]
        assert stars == sorted(stars, reverse=True)
        assert [recommender.items[row].title for row in found.rows] == [title for title, _ in found.ranked]
        descending += ranked.ranked == found.ranked
    assert descending < len(uids) / 2  # the two orders are different ones


def test_a_longer_list_begins_with_the_shorter_one_and_ends_where_unseen_films_do(
    trained: Trained, recommender: Recommender
) -> None:
    uid = trained.ratings.user_ids[7]
    everything = recommender.recommend(uid, 150).ranked
    assert len(everything) == 150 - len(_seen(trained.ratings, 7))
    for n in (1, 2, 10, 99):
        assert recommender.recommend(uid, n).ranked == everything[:n]


def test_a_user_who_saw_everything_gets_an_empty_list(artifact: Artifact) -> None:
    films = len(artifact.items)
    arrays = artifact.weights.arrays()
    arrays["seen_indptr"] = np.minimum(np.arange(len(artifact.weights.user_ids) + 1) * films, films)
    arrays["seen_indices"] = np.arange(films, dtype=np.int32)
    arrays["seen_values"] = np.ones(films, np.float32)
    all_seen = Artifact(weights=type(artifact.weights)(**arrays), items=artifact.items, metadata=artifact.metadata)
    assert Recommender(all_seen).recommend(str(arrays["user_ids"][0]), 10).ranked == ()


@pytest.mark.parametrize("uid", [0, -1, 10**6, 2**63 - 1, -(2**63)])
def test_an_unknown_user_gets_the_films_that_were_liked_most_often(
    uid: int, trained: Trained, artifact: Artifact, recommender: Recommender
) -> None:
    found = recommender.recommend(str(uid), 10)
    assert found.cold_start
    weights = artifact.weights
    ratings = trained.ratings
    liked = np.bincount(ratings.item_rows[ratings.values >= 4], minlength=150)
    assert weights.popularity.tolist() == liked.tolist()
    best = sorted(range(150), key=lambda row: (-liked[row], row))[:10]
    assert [title for title, _ in found.ranked] == [artifact.items[row].title for row in best]
    assert weights.global_mean is not None
    assert weights.star_item_bias is not None
    base = np.clip(weights.global_mean[0] + weights.star_item_bias[best], 1, 5)
    np.testing.assert_allclose([stars for _, stars in found.ranked], base, atol=1e-5)


def test_a_batch_answers_as_one_by_one(trained: Trained, recommender: Recommender) -> None:
    uids = [*trained.ratings.user_ids[:40], str(10**6)]
    together = recommender.recommend_many([RecommendRequest(uid, n) for n, uid in enumerate(uids)])
    assert together == [recommender.recommend(uid, n) for n, uid in enumerate(uids)]


def test_excluded_films_and_those_of_other_genres_never_appear(
    trained: Trained, artifact: Artifact, recommender: Recommender
) -> None:
    uid, unknown = trained.ratings.user_ids[3], str(10**6)
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
    uid = trained.ratings.user_ids[5]
    person = recommender.user(uid)
    assert person is not None
    found = recommender.recommend(uid, 20)
    assert recommender.predict([person] * 20, found.rows) == [score for _, score in found.ranked]


def test_someone_folded_in_minimises_the_loss_of_the_training(artifact: Artifact, recommender: Recommender) -> None:
    rows, stars = np.array([90, 3, 17, 54, 120]), np.array([5.0, 1.0, 4.0, 3.0, 4.5])
    person = recommender.fold_in(rows.tolist(), stars.tolist())
    weights, given = artifact.weights, artifact.metadata.hyperparameters
    assert weights.global_mean is not None
    assert weights.star_item_bias is not None
    assert weights.star_item_factors is not None
    assert person.star_vector is not None
    mean, item_bias, item_factors = float(weights.global_mean[0]), weights.star_item_bias, weights.star_item_factors

    def loss(shift: np.ndarray[tuple[int], np.dtype[np.float64]]) -> float:
        vector, bias = person.star_vector + shift[:-1], person.star_bias + shift[-1]
        predicted = mean + bias + item_bias[rows] + item_factors[rows] @ vector
        penalty = given["c_vector"] * (vector @ vector) + given["c_bias"] * bias**2
        return float(((stars - predicted) ** 2).sum() + (len(rows) + given["shrinkage"]) * penalty)

    steps = np.eye(len(person.star_vector) + 1) * 1e-2
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


def test_similar_films_are_those_with_the_greatest_cosine_shrunk_by_support(
    artifact: Artifact, recommender: Recommender
) -> None:
    factors = artifact.weights.item_factors.astype(np.float64)
    lengths = np.linalg.norm(factors, axis=1)
    for row in range(0, len(factors), 7):
        counts = artifact.weights.item_counts
        cosines = factors @ factors[row] / (lengths * lengths[row]) * counts / (counts + SUPPORT)
        best = sorted((other for other in range(len(factors)) if other != row), key=lambda other: -cosines[other])[:10]
        found = recommender.similar(row, 10)
        assert list(found.rows) == best
        np.testing.assert_allclose([score for _, score in found.ranked], cosines[best], atol=1e-6)
    with pytest.raises(IndexError, match="row 150 of 150"):
        recommender.similar(150, 10)


def test_the_reasons_are_the_films_without_which_the_score_would_fall_most(
    trained: Trained, recommender: Recommender
) -> None:
    uid = trained.ratings.user_ids[8]
    history, listed = recommender.history(uid), recommender.recommend(uid, 5)
    assert history is not None
    for row, reasons in zip(listed.rows, recommender.reasons(history, listed.rows, 3), strict=True):
        shares = [share for _, share in reasons]
        assert len(reasons) == 3
        assert shares == sorted(shares, reverse=True)
        assert 0 < sum(shares) <= 1
        assert {reason for reason, _ in reasons} <= set(history.rows.tolist())
        assert row not in history.rows
    assert recommender.reasons(None, [3], 3) == [[]]


def test_what_a_user_rated_comes_with_the_ratings_that_were_given(trained: Trained, recommender: Recommender) -> None:
    ratings = trained.ratings
    given = ratings.values[ratings.user_rows == 4]
    found = recommender.rated(ratings.user_ids[4], 150)
    by_row = dict(zip(ratings.item_rows[ratings.user_rows == 4].tolist(), given.tolist(), strict=True))
    assert [one.value for one in found] == sorted(given.tolist(), reverse=True)
    assert {one.row: one.value for one in found} == by_row
    assert any(one.stars != one.value for one in found)


def test_a_film_without_a_number_counts_as_watched(recommender: Recommender) -> None:
    numbered, bare = recommender.fold_in([3, 17], [5.0, None]), recommender.fold_in([3, 17], [None, None])
    assert bare.star_vector is None
    assert numbered.star_vector is not None
    assert not np.array_equal(numbered.vector, bare.vector)
    assert not set(recommender.recommend_many([RecommendRequest(bare, 150)])[0].rows) & {3, 17}
