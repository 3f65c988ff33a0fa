"""Ratings of any kind: films that were watched and not rated, scales of any ends, equal ratings, clicks."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from model_service.artifact import load_artifact
from model_service.catalogue import Item
from model_service.data.id_column import IdColumn
from model_service.data.ratings import DataError, Ratings
from model_service.data.synthetic import Shape, generate_ratings
from model_service.metadata import Metadata
from model_service.serving.ranking.fold_in import history_weights
from model_service.serving.ranking.stars import star_width
from model_service.serving.recommender import Recommender, RecommendRequest
from model_service.serving.settings import Settings
from model_service.training.__main__ import _describe
from model_service.training.baseline import train_baselines
from model_service.training.compare import compare
from model_service.training.config import TrainConfig
from model_service.training.evaluation import evaluate_stars
from model_service.training.factors import Factors
from model_service.training.interactions import Interactions, is_liked, liked_from, typical_value
from model_service.training.model_card import model_card
from model_service.training.report import failed_gates, terminal_tables, verdicts
from model_service.training.split import Split, split_ratings
from model_service.training.stars import TUNED
from model_service.training.to_weights import to_weights
from model_service.training.train import TrainOptions, train
from model_service.training.trainers import fit
from tests.model_service.client import serving

_CONFIG = TrainConfig(factors=4, epochs=4)
_OPTIONS = TrainOptions(given=TUNED, ranker="ease", gate=False)


@pytest.fixture(scope="module")
def rated() -> Ratings:
    return replace(generate_ratings(seed=3, shape=Shape(users=100, items=150, ratings=3500)), oracle=None)


@pytest.fixture(scope="module")
def bare(rated: Ratings) -> Ratings:
    """A third of the films that were watched have no rating; every user and film has one."""
    values = rated.values.copy()
    values[np.random.default_rng(0).random(len(values)) < 1 / 3] = np.nan
    for rows in (rated.user_rows, rated.item_rows):
        first = np.unique(rows, return_index=True)[1]
        values[first] = rated.values[first]
    return replace(rated, values=values)


@pytest.fixture(scope="module")
def trained_bare(bare: Ratings, tmp_path_factory: pytest.TempPathFactory) -> tuple[Metadata, Path]:
    folder = tmp_path_factory.mktemp("bare") / "artifact"
    return train(bare, config=_CONFIG, out=folder, options=_OPTIONS), folder


def _everything(ratings: Ratings) -> NDArray[np.int64]:
    return np.arange(len(ratings))


def test_a_missing_rating_is_allowed_on_a_scale_and_nothing_infinite_is(rated: Ratings) -> None:
    values = rated.values.copy()
    values[7] = np.nan
    assert replace(rated, values=values).is_rated.sum() == len(rated) - 1
    with pytest.raises(DataError, match="rating 8 is nan; allowed are counts of at least 0"):
        replace(rated, values=values, scale=None)
    values[8] = np.inf
    with pytest.raises(DataError, match="rating 9 is inf; allowed are 1 to 5"):
        replace(rated, values=values)
    with pytest.raises(DataError, match="rating 9 is inf; allowed are counts"):
        replace(rated, values=np.where(np.isnan(values), 1, values).astype(np.float32), scale=None)


@pytest.mark.parametrize("scale", [(5.0, 1.0), (1.0, 1.0), (0.0, float("inf")), (float("nan"), 5.0)])
def test_a_scale_that_is_no_range_of_finite_numbers_is_refused(scale: tuple[float, float], rated: Ratings) -> None:
    with pytest.raises(DataError, match="allowed are two finite numbers"):
        replace(rated, scale=scale)


def test_the_stars_are_those_of_the_data_without_what_was_not_rated(bare: Ratings) -> None:
    split = split_ratings(bare).rated(bare)
    assert split is not None
    kept = bare.is_rated
    at = np.flatnonzero(kept)
    removed = replace(bare, users=bare.users.take(at), items=bare.items.take(at), values=bare.values[at])
    place = np.cumsum(kept) - 1
    same = Split(name="random", **{part: place[getattr(split, part)] for part in ("train", "validation", "test")})
    measured = []
    for ratings, part in ((bare, split), (removed, same)):
        found = fit(ratings, train=part.train, validation=part.validation, config=_CONFIG, label="")
        stars = evaluate_stars(Factors.of(found.model), train_baselines(ratings, part, seed=0), ratings, part)
        measured.append((found.validation_rmse, stars))
    assert measured[0] == measured[1]
    assert measured[0][1]["test_ratings"] == kept[split_ratings(bare).test].sum() < len(split_ratings(bare).test)


def test_without_missing_ratings_a_split_is_its_own_rated_part(rated: Ratings) -> None:
    split = split_ratings(rated)
    assert split.rated(rated) is split


def test_what_was_not_rated_weighs_as_a_typical_rating_and_is_not_liked(bare: Ratings) -> None:
    typical = replace(bare, values=np.where(bare.is_rated, bare.values, np.float32(typical_value(bare))))
    found, expected = (Interactions.of(ratings, _everything(bare)).matrix for ratings in (bare, typical))
    np.testing.assert_allclose(found.toarray(), expected.toarray(), rtol=1e-6)
    assert typical_value(bare) == pytest.approx(bare.values[bare.is_rated].mean())
    liked = is_liked(bare, _everything(bare))
    assert liked.tolist() == [value >= 4 for value in bare.values.tolist()]
    popularity = Interactions.of(bare, _everything(bare)).popularity()
    assert popularity.tolist() == np.bincount(bare.item_rows[liked], minlength=150).tolist()


def test_what_was_watched_and_not_rated_is_never_recommended_and_told_without_a_number(
    bare: Ratings, trained_bare: tuple[Metadata, Path]
) -> None:
    metadata, folder = trained_bare
    recommender = Recommender(load_artifact(folder))
    for user, uid in enumerate(recommender._weights.users):
        own = bare.user_rows == user
        watched, values = bare.item_rows[own].tolist(), bare.values[own]
        assert set(recommender.recommend(uid, 150).rows) == set(range(150)) - set(watched)
        told = [one.value for one in recommender.rated(uid, 150)]
        count = int((~np.isnan(values)).sum())
        assert told == [*sorted(values[~np.isnan(values)].tolist(), reverse=True), *[None] * (len(watched) - count)]
        for reasons in recommender.reasons(recommender.history(uid), recommender.recommend(uid, 3).rows, 2):
            assert all(0 < share <= 1 for _, share in reasons)
    assert metadata.data["seen_not_rated"] == (~bare.is_rated).sum()


def test_the_api_and_the_page_tell_null_for_what_was_not_rated(trained_bare: tuple[Metadata, Path]) -> None:
    with serving(Settings(artifact_dir=trained_bare[1])) as client:
        told = client.get("/users/20?n=100").json()
        assert told["rated"][-1]["value"] is None
        assert told["count"] == len(told["rated"])
        schema = client.get("/openapi.json").json()["components"]["schemas"]["RatedItem"]["properties"]["value"]
        assert [option["type"] for option in schema["anyOf"]] == ["number", "null"]
        page = client.get("/ui/users/20").json()
        assert page["scale"] == [1, 5]
        assert page["rated"] == told["count"]


def test_the_card_and_the_command_say_how_much_was_not_rated(
    bare: Ratings, rated: Ratings, trained_bare: tuple[Metadata, Path]
) -> None:
    count = f"{(~bare.is_rated).sum():,}"
    assert f"{count} of them without a number" in model_card(trained_bare[0])
    assert f"{count} of them watched and not rated" in _describe(bare)
    assert "not rated" not in _describe(rated)


def test_a_film_that_nobody_rated_gets_stars_by_its_genres_and_year(rated: Ratings) -> None:
    values = np.where(rated.item_rows < 5, np.float32("nan"), rated.values)
    ratings = replace(rated, values=values)
    trained = fit(ratings, train=np.flatnonzero(ratings.is_rated), validation=None, config=_CONFIG, label="")
    stars = Factors.of(trained.model)
    assert not stars.items[:5].any()
    ranking = _ranking(ratings)
    weights, _ = to_weights(ratings, ranking, ranking.new_users(1.0), stars, popularity=np.ones(150))
    assert weights.star_item_factors is not None
    assert weights.star_item_factors[:5].any(axis=1).all()
    np.testing.assert_array_equal(weights.star_item_factors[5:], stars.items[5:])
    np.testing.assert_array_equal(weights.item_factors, ranking.item_factors)


def _ranking(ratings: Ratings) -> Any:
    from model_service.training.ranker_search import Candidate, fit_ranker

    settings = {"factors": 8, "alpha": 0.3, "reg": 8.0, "prior": 3.0, "sweeps": 2}
    return fit_ranker(
        Candidate(ranker="ials", settings=settings, ndcg=0), Interactions.of(ratings, _everything(ratings)), seed=0
    )


@pytest.mark.parametrize("method", ["als", "sgd"])
def test_users_and_films_without_a_rating_have_no_stars_of_their_own(method: str, rated: Ratings) -> None:
    part = np.flatnonzero((rated.user_rows > 2) & (rated.item_rows > 3))
    found = Factors.of(fit(rated, train=part, validation=None, config=replace(_CONFIG, method=method), label="").model)
    assert not found.users[:3].any()
    assert not found.items[:4].any()
    assert found.users[3:].any(axis=1).all()


@pytest.mark.parametrize("kept", [0, 4])
def test_without_ratings_to_learn_from_everything_that_was_watched_is_liked(
    kept: int, rated: Ratings, tmp_path: Path
) -> None:
    values = np.full(len(rated), np.nan, np.float32)
    values[:kept] = np.arange(1, kept + 1)
    ratings = replace(rated, values=values)
    metadata = train(ratings, config=_CONFIG, out=tmp_path / "a", options=_OPTIONS)
    (reason,) = metadata.metrics["nothing_to_learn"]
    expected = "no film was rated, only watched" if not kept else "4 films that were rated are too few"
    assert reason.startswith(expected)
    assert metadata.metrics["order"]["splits"][0]["users"] > 80
    weights = load_artifact(tmp_path / "a").weights
    assert not weights.has_stars
    np.testing.assert_array_equal(weights.popularity, np.bincount(ratings.item_rows))
    told = verdicts(metadata.metrics)
    assert any("every film that was watched counts as liked" in line for line in told)
    assert "No stars: the data has none to predict." in told


@pytest.mark.parametrize(
    ("scale", "value", "share"),
    [
        ((1.0, 5.0), 4.0, 0.8),
        ((0.5, 5.0), 2.5, 0.5),
        ((0.0, 1.0), 1.0, 1.0),
        ((0.0, 1.0), 0.0, 0.05),
        ((-10.0, 10.0), -10.0, 0.05),
        ((-10.0, 10.0), 0.0, 0.5),
        ((-10.0, 10.0), 10.0, 1.0),
        ((-10.0, -2.0), -2.0, 1.0),
        ((-5.0, 0.0), -1.0, 0.8),
    ],
)
def test_a_weight_is_the_way_from_zero_or_the_lowest_rating_to_the_highest(
    scale: tuple[float, float], value: float, share: float
) -> None:
    weights = history_weights(np.array([value, np.nan], np.float32), scale=scale, log_mean=1.0, typical=value)
    np.testing.assert_allclose(weights, share)


def test_weights_of_scales_from_zero_up_are_the_plain_share_of_the_highest() -> None:
    values = np.random.default_rng(0).uniform(0.5, 5, 1000).astype(np.float32)
    weights = history_weights(values, scale=(0.5, 5.0), log_mean=1.0, typical=3.0)
    assert weights.tolist() == (values.astype(np.float64) / 5.0).tolist()


@pytest.mark.parametrize(
    ("scale", "width"),
    [((1.0, 5.0), 1), ((0.5, 5.0), 1), ((0.5, 4.0), 1), (None, 1), ((0.0, 1.0), 0.25), ((-10.0, 10.0), 5)],
)
def test_a_star_is_a_quarter_of_the_scale_unless_it_has_five(scale: tuple[float, float] | None, width: float) -> None:
    assert star_width(scale) == width


def _stretched(ratings: Ratings, factor: float, shift: float) -> Ratings:
    low, high = ratings.scale or (0.0, 0.0)
    values = (ratings.values * np.float32(factor) + np.float32(shift)).astype(np.float32)
    return replace(ratings, values=values, scale=(low * factor + shift, high * factor + shift))


@pytest.mark.parametrize(("factor", "shift"), [(25.0, -25.0), (0.25, -0.25), (5.0, -15.0)])
def test_the_errors_of_the_stars_grow_with_the_scale_and_with_nothing_else(
    factor: float, shift: float, rated: Ratings
) -> None:
    split = split_ratings(rated)
    config = replace(_CONFIG, epochs=30)
    found = []
    for ratings in (rated, _stretched(rated, factor, shift)):
        model = Factors.of(fit(ratings, train=split.train, validation=split.validation, config=config, label="").model)
        found.append(evaluate_stars(model, train_baselines(ratings, split, seed=0), ratings, split))
    own, stretched = found
    assert stretched["test"]["rmse"] == pytest.approx(factor * own["test"]["rmse"], rel=0.002)
    for name, baseline in own["baselines"].items():
        assert stretched["baselines"][name]["rmse"] == pytest.approx(factor * baseline["rmse"], rel=0.002), name


def test_ratings_from_minus_ten_to_ten_train_and_are_served(rated: Ratings, tmp_path: Path) -> None:
    jester = _stretched(rated, 5.0, -15.0)
    assert jester.scale == (-10.0, 10.0)
    metadata = train(jester, config=_CONFIG, out=tmp_path / "a", options=TrainOptions(given=TUNED, ranker="ials"))
    order = metadata.metrics["order"]
    assert order["liked_from"] == 5
    assert order["splits"][0]["results"]["this_model"]["ndcg"][0] > order["splits"][0]["results"]["random"]["ndcg"][0]
    assert metadata.hyperparameters["ranking"]["lowest_rating"] == -10
    assert "ratings from -10 to 10" in model_card(metadata)
    recommender = Recommender(load_artifact(tmp_path / "a"))
    liked, disliked = [3, 17, 40], [90, 54, 120]

    def lists(good: list[int], bad: list[int]) -> set[int]:
        person = recommender.fold_in([*good, *bad], [10.0] * len(good) + [-10.0] * len(bad))
        return set(recommender.recommend_many([RecommendRequest(person, 20)])[0].rows)

    both, only_liked, only_disliked = lists(liked, disliked), lists(liked, []), lists(disliked, [])
    assert len(both & only_liked) > len(both & only_disliked)
    glad, sad = (recommender.fold_in(liked, [value] * 3) for value in (10.0, -10.0))
    assert recommender.predict([glad], [60]) > recommender.predict([sad], [60])
    with serving(Settings(artifact_dir=tmp_path / "a")) as client:
        assert client.get("/model").json()["scale"] == [-10, 10]
        answer = client.post("/recommendations", json={"ratings": [{"id": 1, "stars": -3.5}, {"id": 2}]}).json()
        assert all(-10 <= stars <= 10 for _, stars in answer["response"])
        refused = client.post("/recommendations", json={"ratings": [{"id": 1, "stars": -10.5}]})
        assert (refused.status_code, "from -10 to 10" in refused.json()["error"]) == (422, True)


def test_thumbs_train_and_a_thumb_up_is_liked(rated: Ratings, tmp_path: Path) -> None:
    thumbs = replace(rated, values=(rated.values >= 4).astype(np.float32), scale=(0.0, 1.0))
    metadata = train(thumbs, config=_CONFIG, out=tmp_path / "a", options=_OPTIONS)
    assert metadata.metrics["order"]["liked_from"] == 0.75
    assert 0 < metadata.metrics["test"]["rmse"] < 0.6
    assert not failed_gates(metadata.metrics)
    assert "hits are the test films rated at least 0.75" in model_card(metadata)


def test_ratings_of_which_none_is_high_train_with_all_that_was_watched_as_liked(rated: Ratings, tmp_path: Path) -> None:
    low = replace(rated, values=np.minimum(rated.values, 3))
    metadata = train(low, config=_CONFIG, out=tmp_path / "a", options=_OPTIONS)
    assert liked_from(low) is None
    assert metadata.metrics["order"]["liked_from"] is None
    assert metadata.metrics["test"]["held_out_ndcg"] is None
    assert "None of the ratings reach 4: every film that was watched counts as liked." in verdicts(metadata.metrics)
    assert "every test film is a hit" in model_card(metadata)
    assert "nan" not in terminal_tables(metadata.metrics)


def test_equal_ratings_below_what_is_liked_are_no_hindrance_to_the_order(rated: Ratings, tmp_path: Path) -> None:
    equal = replace(rated, values=np.ones(len(rated), np.float32))
    metadata = train(equal, config=_CONFIG, out=tmp_path / "a", options=replace(_OPTIONS, gate=True))
    told = verdicts(metadata.metrics)
    assert "Nothing to learn: all ratings are 1, so there are no stars to predict." in told
    assert not any("Surprise" in line or "Too few users" in line for line in told)
    assert metadata.hyperparameters["ranking"]["typical_value"] == 1
    np.testing.assert_array_equal(load_artifact(tmp_path / "a").weights.popularity, np.bincount(rated.item_rows))


@pytest.mark.parametrize("kind", ["clicks", "zeros", "fractions"])
def test_counts_of_any_size_train(kind: str, rated: Ratings, tmp_path: Path) -> None:
    generator = np.random.default_rng(0)
    values = {
        "clicks": np.ones(len(rated)),
        "zeros": np.zeros(len(rated)),
        "fractions": 0.37 * generator.integers(0, 4, len(rated)),
    }
    counts = replace(rated, values=values[kind].astype(np.float32), scale=None)
    metadata = train(counts, config=_CONFIG, out=tmp_path / "a", options=replace(_OPTIONS, ranker="ials"))
    results = metadata.metrics["order"]["splits"][0]["results"]
    assert results["this_model"]["ndcg"][0] > 2 * results["random"]["ndcg"][0]
    recommender = Recommender(load_artifact(tmp_path / "a"))
    person = recommender.fold_in([3, 17], [None, 2.5])
    assert np.isfinite(person.vector).all()
    assert not set(recommender.recommend_many([RecommendRequest(person, 150)])[0].rows) & {3, 17}


def test_the_comparison_of_methods_is_of_rated_films_only(bare: Ratings) -> None:
    table = compare(bare, runs=1, seed=0)
    assert "nan" not in table
    none = replace(bare, values=np.full(len(bare), np.nan, np.float32))
    with pytest.raises(DataError, match="0 ratings are too few to train and test the stars"):
        compare(none, runs=1, seed=0)


def test_few_high_ratings_are_enough_in_a_small_data_set_and_not_in_a_large_one() -> None:
    def one_of(count: int) -> Ratings:
        values = np.full(count, 2, np.float32)
        values[0] = 5
        return Ratings(
            users=IdColumn.of(np.arange(count)),
            items=IdColumn.of(np.zeros(count, np.int64)),
            values=values,
            catalogue=(Item(id="0", title="Film"),),
            scale=(1.0, 5.0),
            source="by hand",
        )

    assert liked_from(one_of(100)) == 4
    assert liked_from(one_of(101)) is None
