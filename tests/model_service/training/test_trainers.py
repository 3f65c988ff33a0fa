"""The registry of training methods: a method is one module and one entry."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from model_service.artifact import load_artifact
from model_service.data.ratings import Ratings
from model_service.training.__main__ import main
from model_service.training.config import TrainConfig
from model_service.training.early_stopping import EarlyStopping, FitResult
from model_service.training.epochs import run_epochs
from model_service.training.model import MatrixFactorization
from model_service.training.model_card import model_card
from model_service.training.trainers import TRAINERS, Trainer
from tests.model_service.conftest import Trained


def fit_means(
    ratings: Ratings,
    *,
    train: NDArray[np.int64],
    validation: NDArray[np.int64] | None,
    config: TrainConfig,
    label: str,
) -> FitResult:
    """An item's mean rating for every user: a minimal trainer."""
    generator = torch.Generator().manual_seed(config.seed)
    model = MatrixFactorization.initialise(ratings, train=train, config=config, generator=generator)

    def epoch() -> Iterator[int]:
        rows, residuals = ratings.item_rows[train], ratings.values[train] - model.global_mean.item()
        counts = np.bincount(rows, minlength=len(ratings.item_ids))
        means = np.bincount(rows, residuals, len(ratings.item_ids)) / np.maximum(counts, 1)
        with torch.no_grad():
            model.item_bias.copy_(torch.from_numpy(means))
            model.user_factors.zero_()
        yield len(train)

    stopping = EarlyStopping(model, ratings, train=train, validation=validation, patience=config.patience)
    return run_epochs(epoch, stopping, train=train, config=config, label=label, single_thread=True)


@pytest.fixture(autouse=True)
def small_data(monkeypatch: pytest.MonkeyPatch, trained: Trained) -> None:
    monkeypatch.setattr("model_service.training.__main__.generate_ratings", lambda seed: trained.ratings)


@pytest.fixture
def registered(monkeypatch: pytest.MonkeyPatch) -> None:
    trainer = Trainer(fit=f"{__name__}:fit_means", description="item means", options=("patience",), min_reg=0.01)
    monkeypatch.setitem(TRAINERS, "means", trainer)


@pytest.mark.usefixtures("registered")
def test_a_third_trainer_trains_through_the_command_once_it_is_registered(tmp_path: Path) -> None:
    out = tmp_path / "artifact"
    assert main(["--method", "means", "--epochs", "9", "--patience", "2", "--out", str(out)]) == 0
    artifact = load_artifact(out)
    assert artifact.metadata.hyperparameters["method"] == "means"
    assert artifact.metadata.metrics["best_epoch"] == 1
    assert len(artifact.metadata.metrics["validation_rmse"]) == 3
    assert not artifact.weights.user_factors.any()
    assert artifact.weights.item_bias.std() > 0.1
    assert "trained by item means" in model_card(artifact.metadata)


@pytest.mark.usefixtures("registered")
def test_the_help_the_limits_and_the_metadata_follow_from_the_entry(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    shown = " ".join(capsys.readouterr().out.split())
    assert "{als,sgd,means}" in shown
    assert "means: item means" in shown
    with pytest.raises(ValueError, match=r"method means needs at least 0\.01 for each\. .* --method als or sgd"):
        TrainConfig(method="means", reg_bias=0.005)
    assert "patience" in TrainConfig(method="means").to_metadata()
    assert not {"patience", "batch_size"} & TrainConfig().to_metadata().keys()


@pytest.mark.parametrize("method", TRAINERS)
def test_the_tutorials_names_are_aliases_and_the_keys_of_the_metadata(method: str, tmp_path: Path) -> None:
    out = tmp_path / "artifact"
    arguments = ["--c-vector", "0.25", "--c-bias", "0.5", "--factors", "2", "--epochs", "1", "--method", method]
    assert main([*arguments, "--out", str(out)]) == 0
    stored = load_artifact(out).metadata.hyperparameters
    assert (stored["c_vector"], stored["c_bias"]) == (0.25, 0.5)
    names = {"factors", "c_vector", "c_bias", "shrinkage", "method", "epochs", "patience", "seed"}
    assert set(stored) == names | ({"batch_size", "learning_rate"} if method == "sgd" else set())
