"""Whole trainings on other data than stars: counts, equal ratings, unrated films, data where nothing can be learned."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from model_service.artifact import load_artifact
from model_service.catalogue import Item
from model_service.data.id_column import IdColumn
from model_service.data.options import ReadOptions
from model_service.data.ratings import DataError, Ratings
from model_service.data.reader import read_ratings
from model_service.data.synthetic import Shape, generate_ratings
from model_service.serving.settings import Settings
from model_service.training.__main__ import main
from model_service.training.cold_items import predict_cold
from model_service.training.config import TrainConfig
from model_service.training.stars import TUNED
from model_service.training.train import GateError, TrainOptions, train
from tests.model_service.client import serving

_CONFIG = TrainConfig(factors=4, epochs=4)


def _ratings(seed: int = 3) -> Ratings:
    return generate_ratings(seed=seed, shape=Shape(users=120, items=150, ratings=5000))


def _write_csv(folder: Path, values: "np.ndarray", times: "np.ndarray | None" = None) -> Path:
    """The pairs of generated ratings with other values, and with 30 films that nobody rated."""
    ratings = _ratings()
    times = np.zeros(len(ratings), np.int64) if times is None else times
    lines = zip(ratings.users, ratings.items, values.tolist(), times.tolist(), strict=True)
    text = "".join(f"{user},{item},{value:g},{time}\n" for user, item, value, time in lines)
    (folder / "ratings.csv").write_text("userId,movieId,rating,timestamp\n" + text)
    films = [f'{item.id},"{item.title}",{"|".join(item.genres)}\n' for item in ratings.catalogue]
    films += [f"{1000 + number},Never Rated {number} (1990),Drama\n" for number in range(30)]
    (folder / "movies.csv").write_text("movieId,title,genres\n" + "".join(films))
    return folder


def test_counts_are_ranked_and_the_service_says_no_stars(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    plays = np.random.default_rng(0).lognormal(mean=4, sigma=2, size=5000).round() + 1
    folder, out = _write_csv(tmp_path, plays), tmp_path / "artifact"
    assert main(["--data", str(folder), "--out", str(out)]) == 0
    said = capsys.readouterr().out
    assert "counts" in said
    assert "No stars: the data has none to predict." in said
    artifact = load_artifact(out)
    assert artifact.scale is None
    assert not artifact.weights.has_stars
    assert not (out / "curves.png").exists()
    assert "The data has no **stars** to predict." in (out / "MODEL_CARD.md").read_text()
    with serving(Settings(artifact_dir=out)) as client:
        answer = client.get("/?uid=20").json()["response"]
        assert len(answer) == 10
        assert {number for _, number in answer} == {None}
        assert client.get("/model").json()["scale"] is None
        refused = client.post("/predict", json={"pairs": [{"uid": 20, "id": 1}]})
        assert (refused.status_code, "predicts no stars" in refused.json()["error"]) == (422, True)
        new = {"ratings": [{"id": 1, "count": 900}, {"id": 2}]}
        assert len(client.post("/recommendations", json=new).json()["ids"]) == 10
        starred = client.post("/recommendations", json={"ratings": [{"id": 1, "stars": 4}]})
        assert (starred.status_code, "stars is not allowed" in starred.json()["error"]) == (422, True)
        assert client.get("/ui/users").json()["has_stars"] is False
        page = client.get("/ui/users/20").json()
        assert page["rated_items"][0]["value"] == max(one["value"] for one in page["rated_items"])
        metrics = client.get("/metrics").text
        assert "recommender_empty_responses_total 0" in metrics.replace("_total 0.0", "_total 0")


def test_counts_can_be_asked_for_and_a_scale_of_ten_is_found(tmp_path: Path) -> None:
    ratings = _ratings()
    assert read_ratings(_write_csv(tmp_path, ratings.values), ReadOptions(values="counts"))[0].scale is None
    assert read_ratings(_write_csv(tmp_path, ratings.values * 2))[0].scale == (2.0, 10.0)
    few = ratings.values.copy()
    few[7] = 55
    with pytest.raises(DataError, match=r"(?s)the value is outside 1 to 5.*line 9: 55"):
        read_ratings(_write_csv(tmp_path, few))


def test_unrated_films_are_in_the_model_and_placed_by_genre_and_year(tmp_path: Path) -> None:
    folder, out = _write_csv(tmp_path, _ratings().values), tmp_path / "artifact"
    assert main(["--data", str(folder), "--out", str(out), "--no-gate"]) == 0
    artifact = load_artifact(out)
    weights = artifact.weights
    cold = np.flatnonzero(weights.item_counts == 0)
    assert len(cold) == 30
    assert artifact.metadata.data["unrated"] == 30
    assert (artifact.metadata.data["items"], len(artifact.items)) == (150, 180)
    assert weights.item_factors[cold].any()
    assert np.ptp(weights.item_factors[cold], axis=0).max() < 1e-5  # the same genre and year
    with serving(Settings(artifact_dir=out)) as client:
        assert client.get("/items/1000").json()["item"]["ratings"] == 0
        assert len(client.get("/items/1000/similar").json()["ids"]) == 10
        near = client.get("/items/1/similar?n=50").json()["ids"]
        assert not {1000 + number for number in range(30)} & set(near)


def test_vectors_of_cold_films_are_closer_to_the_true_ones_than_the_mean() -> None:
    generator = np.random.default_rng(0)
    genres = np.array(["Drama", "War", "Comedy", "Horror"])
    items = [
        Item(
            id=str(number), title=str(number), genres=tuple(genres[generator.random(4) < 0.4]), year=1960 + number % 50
        )
        for number in range(300)
    ]
    marks = np.array([[genre in item.genres for genre in genres] for item in items], np.float64)
    truth = marks @ generator.normal(size=(4, 3)) + 0.02 * np.array([[item.year - 1985] for item in items])
    noisy = truth + 0.2 * generator.normal(size=truth.shape)
    counts = generator.integers(1, 200, size=200)
    found = predict_cold(noisy[:200], counts, items[:200], items[200:])
    error, of_mean = (np.square(guess - truth[200:]).mean() for guess in (found, noisy[:200].mean(axis=0)))
    assert error < 0.1 * of_mean
    unknown = predict_cold(noisy[:200], counts, items[:200], [Item(id="1", title="?")])
    weights = np.minimum(counts, 50)
    np.testing.assert_allclose(unknown[0], weights @ noisy[:200] / weights.sum())


def test_equal_ratings_are_told_and_only_the_order_is_learned(tmp_path: Path) -> None:
    ratings = _ratings()
    equal = replace(ratings, values=np.full(len(ratings), 4.0, np.float32))
    metadata = train(equal, config=_CONFIG, out=tmp_path / "a", options=TrainOptions(gate=False))
    assert metadata.metrics["nothing_to_learn"] == ["all ratings are 4, so there are no stars to predict"]
    assert not load_artifact(tmp_path / "a").weights.has_stars


@pytest.mark.parametrize("axis", ["items", "users"])
def test_one_film_or_one_user_is_told_and_still_gives_a_model(axis: str, tmp_path: Path) -> None:
    numbers, ones = np.arange(1, 41), np.ones(40, np.int64)
    found = Ratings(
        users=IdColumn.of(ones if axis == "users" else numbers),
        items=IdColumn.of(ones if axis == "items" else numbers),
        values=(numbers % 5 + 1).astype(np.float32),
        catalogue=tuple(Item(id=str(number), title=f"Film {number}") for number in range(1, 41)),
        scale=(1.0, 5.0),
        source=f"one of {axis}",
    )
    metadata = train(found, config=_CONFIG, out=tmp_path / "a", options=TrainOptions(given=TUNED))
    assert metadata.metrics["nothing_to_learn"][0].startswith("there is one")
    assert metadata.hyperparameters["ranking"]["ranker"] == "popularity"


def test_a_model_that_is_worse_than_a_simple_one_is_refused_and_nothing_is_overwritten(
    artifact_copy: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    before = (artifact_copy / "metadata.json").read_bytes()
    monkeypatch.setattr("model_service.training.__main__.generate_ratings", lambda seed: _ratings())
    bad = ["--factors", "40", "--reg-factors", "0.0001", "--reg-bias", "0.0001", "--shrinkage", "0"]
    assert main([*bad, "--out", str(artifact_copy)]) == 3
    streams = capsys.readouterr()
    assert "the stars (RMSE" in streams.err
    assert "worse than biases only" in streams.err
    assert "--no-gate writes the model all the same" in streams.err
    assert "WORSE than biases only" in streams.out
    assert (artifact_copy / "metadata.json").read_bytes() == before
    assert main([*bad, "--no-gate", "--out", str(artifact_copy)]) == 0
    assert (artifact_copy / "metadata.json").read_bytes() != before


def test_the_gate_holds_for_the_order_too(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("model_service.training.train.failed_gates", lambda metrics: ["the top ten are worse"])
    with pytest.raises(GateError, match="the top ten are worse"):
        train(_ratings(), config=_CONFIG, out=tmp_path / "a", options=TrainOptions(given=TUNED))
    assert not (tmp_path / "a").exists()


def test_with_times_the_last_ratings_decide_and_the_other_splits_are_measured_too(tmp_path: Path) -> None:
    ratings = _ratings()
    timed = replace(ratings, times=np.random.default_rng(0).integers(0, 10**7, size=len(ratings)))
    metadata = train(timed, config=_CONFIG, out=tmp_path / "a", options=TrainOptions(given=TUNED, gate=False))
    assert [split["split"] for split in metadata.metrics["order"]["splits"]] == ["last", "random", "cutoff"]
    assert metadata.data["times"] is True


def test_a_popular_list_is_served_with_neighbours_of_implicit_als(tmp_path: Path) -> None:
    options = TrainOptions(given=TUNED, ranker="popularity")
    train(_ratings(), config=_CONFIG, out=tmp_path / "a", options=options)
    with serving(Settings(artifact_dir=tmp_path / "a")) as client:
        popular = [title for title, _ in client.get("/?uid=99999&n=100").json()["response"]]
        own = [title for title, _ in client.get("/?uid=20&n=40").json()["response"]]
        assert own == [title for title in popular if title in own]
        similar = client.get("/items/3/similar").json()["response"]
        assert similar[0][1] > similar[-1][1] > 0


def test_ease_is_served_from_the_history_of_each_user(tmp_path: Path) -> None:
    train(_ratings(), config=_CONFIG, out=tmp_path / "a", options=TrainOptions(given=TUNED, ranker="ease"))
    weights = load_artifact(tmp_path / "a").weights
    assert weights.user_factors is None
    assert weights.fold_in_encoder is not None
    with serving(Settings(artifact_dir=tmp_path / "a")) as client:
        first, other = (client.get(f"/?uid={uid}").json()["response"] for uid in (20, 21))
        assert first != other
        page = client.get("/ui/users/20").json()
        assert any(film["because"] for film in page["recommended"])
        new = client.post("/recommendations", json={"ratings": [{"id": 1, "stars": 5}]}).json()
        assert len(new["ids"]) == 10
