"""Training methods: a module among the trainers is one."""

import sys
from pathlib import Path

import pytest

from model_service.artifact import load_artifact
from model_service.training import trainers
from model_service.training.__main__ import main
from model_service.training.config import TrainConfig
from tests.model_service.conftest import Trained

MEANS = '''
"""The mean rating of each item, for every user."""

import numpy as np
import torch

from model_service.training.early_stopping import EarlyStopping
from model_service.training.epochs import run_epochs
from model_service.training.model import MatrixFactorization

DESCRIPTION = "item means"
SETTINGS = ("learning_rate",)
MIN_REG = 0.01


def fit(ratings, *, train, validation, config, label):
    generator = torch.Generator().manual_seed(config.seed)
    model = MatrixFactorization.initialise(ratings, train=train, config=config, generator=generator)

    def epoch():
        rows, residuals = ratings.item_rows[train], ratings.values[train] - model.global_mean.item()
        counts = np.bincount(rows, minlength=len(ratings.item_ids))
        means = np.bincount(rows, residuals, len(counts)) / np.maximum(counts, 1)
        with torch.no_grad():
            model.item_bias.copy_(torch.from_numpy(means))
            model.user_factors.zero_()
        yield len(train)

    stopping = EarlyStopping(model, ratings, train=train, validation=validation, patience=config.patience)
    return run_epochs(epoch, stopping, train=train, config=config, label=label, single_thread=True)
'''

METHODS = trainers.methods()


@pytest.fixture(autouse=True)
def small_data(monkeypatch: pytest.MonkeyPatch, trained: Trained) -> None:
    monkeypatch.setattr("model_service.training.__main__.generate_ratings", lambda seed: trained.ratings)


@pytest.fixture
def means(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "means.py").write_text(MEANS)
    monkeypatch.setattr(trainers, "__path__", [*trainers.__path__, str(tmp_path)])
    monkeypatch.delitem(sys.modules, f"{trainers.__name__}.means", raising=False)


@pytest.mark.usefixtures("means")
def test_a_module_among_the_trainers_trains_through_the_command(tmp_path: Path) -> None:
    out = tmp_path / "artifact"
    assert main(["--method", "means", "--epochs", "9", "--patience", "2", "--no-gate", "--out", str(out)]) == 0
    artifact = load_artifact(out)
    assert artifact.metadata.hyperparameters["method"] == "means"
    assert "learning_rate" in artifact.metadata.hyperparameters
    assert "batch_size" not in artifact.metadata.hyperparameters
    assert artifact.metadata.metrics["best_epoch"] == 1
    assert len(artifact.metadata.metrics["validation_rmse"]) == 3
    assert artifact.weights.star_user_factors is not None
    assert artifact.weights.star_item_bias is not None
    assert not artifact.weights.star_user_factors.any()
    assert artifact.weights.star_item_bias.std() > 0.1
    assert "trained by item means" in (out / "MODEL_CARD.md").read_text()


@pytest.mark.usefixtures("means")
def test_the_command_line_and_the_limits_follow_from_the_module(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    known = sorted({*METHODS, "means"})
    assert f"{{{','.join(known)}}}" in capsys.readouterr().out
    with pytest.raises(ValueError, match=r"method means needs at least 0\.01 for each\. .* --method als or .*sgd"):
        TrainConfig(method="means", reg_bias=0.005)


def test_an_unknown_method_is_refused_with_the_known_ones() -> None:
    assert {"als", "sgd"} <= set(METHODS)
    with pytest.raises(ValueError, match=f"method is 'lasso'; allowed: {', '.join(METHODS)}"):
        TrainConfig(method="lasso")


@pytest.mark.parametrize("method", ["als", "sgd"])
def test_the_tutorials_names_are_aliases_and_the_keys_of_the_metadata(method: str, tmp_path: Path) -> None:
    out = tmp_path / "artifact"
    arguments = ["--c-vector", "0.25", "--c-bias", "0.5", "--factors", "2", "--epochs", "1", "--method", method]
    assert main([*arguments, "--no-gate", "--out", str(out)]) == 0
    stored = load_artifact(out).metadata.hyperparameters
    assert (stored["c_vector"], stored["c_bias"]) == (0.25, 0.5)
    names = {"factors", "c_vector", "c_bias", "shrinkage", "method", "epochs", "patience", "seed", "ranking"}
    assert set(stored) == names | ({"batch_size", "learning_rate"} if method == "sgd" else set())
