"""The model's equation and loss against hand-computed values, the training loop, the command line."""

import re
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from model_service.data.ratings import DataError, Ratings
from model_service.data.synthetic import Shape, generate_ratings
from model_service.metadata import read_metadata
from model_service.training.__main__ import main
from model_service.training.config import TrainConfig
from model_service.training.factors import Factors
from model_service.training.metrics import mae, rmse
from model_service.training.model import MatrixFactorization
from model_service.training.split import split_ratings
from model_service.training.train import train
from model_service.training.trainers import fit
from tests.model_service.conftest import CONFIG, OPTIONS, Trained


def _random_model(reg_factors: float = 0.3, reg_bias: float = 0.7) -> MatrixFactorization:
    config = TrainConfig(factors=3, reg_factors=reg_factors, reg_bias=reg_bias)
    generator = torch.Generator().manual_seed(1)
    model = MatrixFactorization(config, users=5, items=6, global_mean=3.5, generator=generator)
    with torch.no_grad():
        for parameter in model.parameters():
            parameter.normal_(generator=torch.Generator().manual_seed(parameter.numel()))
    return model


def test_prediction_and_loss_are_those_of_the_equation() -> None:
    model = _random_model()
    users, items, values = np.array([0, 4, 4]), np.array([5, 5, 1]), np.array([1.0, 3.0, 5.0], dtype=np.float32)
    arrays = {name: value.detach().numpy().astype(np.float64) for name, value in model.state_dict().items()}
    expected, terms = [], []
    for user, item, value in zip(users, items, values, strict=True):
        p, q = arrays["user_factors"][user], arrays["item_factors"][item]
        b_u, b_i = arrays["user_bias"][user], arrays["item_bias"][item]
        prediction = 3.5 + b_u + b_i + sum(p[f] * q[f] for f in range(3))
        expected.append(prediction)
        penalty = 0.3 * (sum(p**2) + sum(q**2)) + 0.7 * (b_u**2 + b_i**2)
        terms.append((value - prediction) ** 2 + penalty)
    tensors = torch.from_numpy(users), torch.from_numpy(items)
    np.testing.assert_allclose(model(*tensors).detach().numpy(), expected, rtol=1e-5)
    loss = model.loss(*tensors, torch.from_numpy(values)).item()
    assert loss == pytest.approx(np.mean(terms), rel=1e-5)


def test_the_global_mean_is_not_learned() -> None:
    assert {name for name, _ in _random_model().named_parameters()} == {
        "user_factors",
        "item_factors",
        "user_bias",
        "item_bias",
    }


def test_errors_are_in_stars() -> None:
    predicted, actual = np.array([1.0, 2.0, 5.0]), np.array([1.0, 4.0, 4.0])
    assert rmse(predicted, actual) == pytest.approx(np.sqrt(5 / 3))
    assert mae(predicted, actual) == pytest.approx(1.0)
    with pytest.raises(ValueError, match="predictions for"):
        rmse(predicted, actual[:2])


def test_the_split_is_a_partition_that_the_seed_decides() -> None:
    ratings = generate_ratings(shape=Shape(users=40, items=50, ratings=1000))
    split = split_ratings(ratings, seed=4)
    parts = [split.train, split.validation, split.test]
    assert [len(part) for part in parts] == [810, 90, 100]
    assert sorted(np.concatenate(parts).tolist()) == list(range(1000))
    assert split.test.tolist() == split_ratings(ratings, seed=4).test.tolist()
    assert split.test.tolist() != split_ratings(ratings, seed=5).test.tolist()
    first = np.arange(19)
    few = replace(
        ratings, users=ratings.users.take(first), items=ratings.items.take(first), values=ratings.values[first]
    )
    with pytest.raises(DataError, match="too few to split"):
        split_ratings(few, seed=0)
    with pytest.raises(DataError, match="the split 'last' needs times"):
        split_ratings(ratings, name="last")


def _timed() -> Ratings:
    ratings = generate_ratings(shape=Shape(users=40, items=50, ratings=1000))
    return replace(ratings, times=np.random.default_rng(1).permutation(1000).astype(np.int64))


def test_the_split_by_users_tests_the_last_tenth_of_each() -> None:
    ratings = _timed()
    split = split_ratings(ratings, name="last")
    assert ratings.times is not None
    for user in range(40):
        own = np.flatnonzero(ratings.user_rows == user)
        ordered = own[np.argsort(ratings.times[own])].tolist()
        count = max(1, round(len(own) / 10))
        assert sorted(split.test[ratings.user_rows[split.test] == user].tolist()) == sorted(ordered[-count:])
        validated = split.validation[ratings.user_rows[split.validation] == user]
        learned = split.train[ratings.user_rows[split.train] == user]
        assert ratings.times[learned].max() < ratings.times[validated].min()


def test_the_split_by_the_clock_learns_nothing_of_the_future() -> None:
    ratings = _timed()
    split = split_ratings(ratings, name="cutoff")
    assert ratings.times is not None
    parts = [ratings.times[part] for part in (split.train, split.validation, split.test)]
    assert parts[0].max() < parts[1].min() <= parts[1].max() < parts[2].min()
    assert [len(part) for part in parts] == [810, 90, 100]


def test_further_folds_of_a_random_split_never_touch_the_test_ratings() -> None:
    split = split_ratings(generate_ratings(shape=Shape(users=40, items=50, ratings=1000)), seed=4)
    folds = split.folds(4)
    assert len(folds) == 4
    assert len({tuple(validation.tolist()) for _, validation in folds}) == 4
    for learned, validation in folds:
        assert sorted([*learned.tolist(), *validation.tolist()]) == sorted(split.train_and_validation.tolist())
    assert len(split_ratings(_timed(), name="last").folds(4)) == 1


def test_the_same_seed_trains_the_same_model(trained: Trained, tmp_path: Path) -> None:
    again = train(trained.ratings, config=CONFIG, out=tmp_path / "again", options=OPTIONS)
    assert again.model_version == trained.metadata.model_version
    assert again.to_bytes() == trained.metadata.to_bytes()
    names = {path.name for path in trained.folder.iterdir()}
    assert names == {path.name for path in (tmp_path / "again").iterdir()}
    for name in names:
        assert (tmp_path / "again" / name).read_bytes() == (trained.folder / name).read_bytes(), name


def test_the_model_is_better_than_biases_and_surprise_at_its_defaults(tmp_path: Path) -> None:
    ratings = generate_ratings(seed=2)
    split = split_ratings(ratings, seed=2)
    assert main(["--seed", "2", "--out", str(tmp_path / "artifact")]) == 0
    metrics = read_metadata(tmp_path / "artifact").metrics
    assert metrics["test_ratings"] == len(split.test)
    test, baselines = metrics["test"]["rmse"], metrics["baselines"]
    assert test < baselines["surprise_svd_tuned"]["rmse"] < baselines["surprise_svd"]["rmse"]
    assert test < baselines["biases_only"]["rmse"]
    assert 0.87 < test < 0.95
    assert 0.90 < baselines["biases_only"]["rmse"] < 0.97
    results = metrics["order"]["splits"][0]["results"]
    ndcg = {name: result["ndcg"][0] for name, result in results.items()}
    assert ndcg["oracle"] > ndcg["this_model"] > ndcg["ease"] > ndcg["popularity"] > ndcg["random"]
    assert ndcg["this_model"] >= max(0.22, 2 * ndcg["popularity"])
    assert results["this_model"]["coverage"] >= 0.15
    for point in metrics["order"]["new_users"]["curve"]:
        assert point["ndcg"][0] > point["popularity"][0]


def test_training_stops_early_and_returns_the_best_epoch(trained: Trained) -> None:
    ratings = trained.ratings
    split = split_ratings(ratings, seed=0)
    config = TrainConfig(
        factors=16,
        reg_factors=0.0,
        reg_bias=0.0,
        shrinkage=0.0,
        method="sgd",
        epochs=200,
        patience=2,
        batch_size=128,
        learning_rate=0.05,
    )
    found = fit(
        ratings,
        train=split.train,
        validation=split.validation,
        config=config,
        label="overfitting",
    )
    curve = found.validation_rmse
    assert len(curve) == found.epochs + 2 < 200
    assert curve[found.epochs - 1] == min(curve)
    restored = rmse(Factors.of(found.model).predict(ratings, split.validation), ratings.values[split.validation])
    assert restored == pytest.approx(min(curve), abs=1e-6)


def test_predictions_stay_on_the_scale(trained: Trained) -> None:
    model = _random_model()
    with torch.no_grad():
        model.user_bias.fill_(100.0)
    few = np.flatnonzero((trained.ratings.user_rows < 5) & (trained.ratings.item_rows < 6))
    assert set(Factors.of(model).predict(trained.ratings, few).tolist()) == {5.0}


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--factors", "0"], "'0' is not a whole number of at least 1"),
        (["--factors", "ten"], "'ten' is not a whole number of at least 1"),
        (["--c-vector", "-1"], "'-1' is not a number of at least 0"),
        (["--c-bias", "nan"], "'nan' is not a number of at least 0"),
        (["--seed", "1.5"], "'1.5' is not a whole number of at least 0"),
        (["--shrinkage", "-1"], "'-1' is not a number of at least 0"),
        (["--method", "bayes"], "invalid choice: 'bayes'"),
        (["--epochs", "0"], "'0' is not a whole number of at least 1"),
    ],
)
def test_a_bad_option_ends_with_status_2_and_what_is_allowed(
    arguments: list[str], message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert message in capsys.readouterr().err


def test_regularisation_too_small_for_the_method_ends_with_status_2(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["--c-vector", "0", "--out", str(tmp_path / "out")]) == 2
    assert re.search(r"To fix it: raise them, or use --method (.+ or )?sgd", capsys.readouterr().err)
    assert not (tmp_path / "out").exists()


def test_unusable_data_ends_with_status_2(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--data", str(tmp_path), "--out", str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err == f"error: {tmp_path} is empty; give --data a folder or a file of ratings\n"
    assert not (tmp_path / "out").exists()


def test_options_of_reading_without_data_are_refused(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["--scale", "1..5", "--out", str(tmp_path / "out")]) == 2
    assert capsys.readouterr().err == "error: --scale tells how to read files, and there are none: give --data PATH\n"
    assert not (tmp_path / "out").exists()


def test_a_folder_that_is_no_artifact_is_never_replaced(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    assert main(["--out", str(tmp_path)]) == 2
    assert "contains files but no artifact" in capsys.readouterr().err
    assert (tmp_path / "thesis.txt").read_text() == "years of work"


def test_ctrl_c_leaves_the_old_artifact_unchanged(
    artifact_copy: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    before = (artifact_copy / "metadata.json").read_bytes()

    def interrupt(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("model_service.training.train.choose_ranker", interrupt)
    assert main(["--out", str(artifact_copy)]) == 130
    assert "is unchanged" in capsys.readouterr().err
    assert (artifact_copy / "metadata.json").read_bytes() == before
