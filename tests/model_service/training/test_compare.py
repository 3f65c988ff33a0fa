"""Training times side by side."""

import re

import pytest

from model_service.training import compare
from model_service.training.trainers import methods
from tests.model_service.conftest import Trained


def test_every_method_has_a_row_with_its_times_and_errors(trained: Trained) -> None:
    table = compare.compare(trained.ratings, runs=1, seed=0).splitlines()
    rows = {line.split(" | ")[0].removeprefix("| "): line.rstrip(" |").split(" | ")[1:] for line in table[2:]}
    assert len(rows) == 3 + len(methods())
    for method in ("SVD, defaults", "SVD, tuned (n_factors", "(sgd)", "(als)", "biases only"):
        assert sum(method in name for name in rows) == 1
    for cells in rows.values():
        assert all(re.fullmatch(r"\d+\.\d{2}", cell) for cell in cells[:2])
        assert 0.3 < float(cells[3]) <= float(cells[2]) < 2
    trainings = [float(cells[2]) for name, cells in rows.items() if name.startswith("ours")]
    assert trainings[0] != trainings[1]


def test_too_many_ratings_to_tune_are_refused_with_the_limit(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(compare, "MAX_TUNED_RATINGS", 1000)
    assert compare.main([]) == 2
    assert "100000 ratings are too many to tune Surprise's SVD; at most 1000 can be" in capsys.readouterr().err
