"""Claims about the choice of a trainer."""

import sys
from pathlib import Path

import pytest

from model_service.metadata import read_metadata
from model_service.training import __main__ as command
from model_service.training import trainers
from model_service.training.config import FitConfig, methods

CONSTANT = '''
"""Predicts the mean."""

import torch

from model_service.training.early_stopping import Fit
from model_service.training.model import MatrixFactorization

DESCRIPTION = "the mean of all ratings"
SETTINGS = ("learning_rate",)


def fit(ratings, *, train, validation, model_config, config, label):
    mean = float(ratings.values[train].mean())
    model = MatrixFactorization(model_config, global_mean=mean, generator=torch.Generator())
    return Fit(model=model, epochs=1, validation_rmse=(1.0,), train_rmse=(1.0,))
'''


def test_a_module_among_the_trainers_is_a_method(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "constant.py").write_text(CONSTANT)
    monkeypatch.setattr(trainers, "__path__", [*trainers.__path__, str(tmp_path)])
    monkeypatch.delitem(sys.modules, f"{trainers.__name__}.constant", raising=False)
    out = tmp_path / "artifact"
    assert command.main(["--method", "constant", "--factors", "2", "--out", str(out)]) == 0
    hyperparameters = read_metadata(out).hyperparameters
    assert hyperparameters["method"] == "constant"
    assert "learning_rate" in hyperparameters
    assert "batch_size" not in hyperparameters
    assert "trained by the mean of all ratings" in (out / "MODEL_CARD.md").read_text()


def test_an_unknown_method_is_refused_with_those_there_are() -> None:
    assert methods() == ["als", "sgd"]
    with pytest.raises(ValueError, match="method is 'lasso'; it has to be one of als, sgd"):
        FitConfig(method="lasso")


def test_the_tutorials_names_are_aliases() -> None:
    parse = command._parser().parse_args
    assert parse(["--c-vector", "0.3", "--c-bias", "0.2"]) == parse(["--reg-factors", "0.3", "--reg-bias", "0.2"])
