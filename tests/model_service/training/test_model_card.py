"""The model card and its plots: content, reproducibility, and that they are not part of the model version."""

from pathlib import Path

import numpy as np
import pytest

from model_service.artifact import Artifact, load_artifact
from model_service.metadata import read_model_version
from model_service.serving.recommender import Recommender
from model_service.training.__main__ import _parser
from model_service.training.model_card import command, model_card
from tests.model_service.conftest import CONFIG, Trained

PLOTS = ("order.png", "new_users.png", "curves.png", "calibration.png", "long_tail.png")


def test_the_card_and_its_plots_are_in_the_artifact_folder(trained: Trained) -> None:
    text = (trained.folder / "MODEL_CARD.md").read_text()
    assert text == model_card(trained.metadata)
    for name in PLOTS:
        assert f"]({name})" in text
        assert (trained.folder / name).read_bytes().startswith(b"\x89PNG\r\n")


def test_the_card_has_the_metrics(trained: Trained) -> None:
    text, metrics = model_card(trained.metadata), trained.metadata.metrics
    errors = {"this model": metrics["test"], "Surprise SVD, defaults": metrics["baselines"]["surprise_svd"]}
    for name, error in errors.items():
        row = next(line for line in text.splitlines() if line.startswith(f"| {name} | {error['rmse']:.4f}"))
        assert f"{error['mae']:.4f}" in row.split(" | ")
    for part in ("popularity", "## Intended use", "## Limitations", "invented", trained.metadata.model_version):
        assert part in text
    assert all(f"- {name} {version}" in text for name, version in trained.metadata.libraries.items())


def test_the_command_on_the_card_has_the_hyperparameters_of_the_run(trained: Trained) -> None:
    options = _parser().parse_args(command(trained.metadata).split()[3:])
    names = ("factors", "method", "reg_factors", "reg_bias", "shrinkage", "epochs")
    parsed = tuple(getattr(options, name) for name in names)
    assert parsed == tuple(getattr(CONFIG, name) for name in names)


@pytest.mark.parametrize("name", ["MODEL_CARD.md", *PLOTS])
def test_documentation_is_not_part_of_the_model_version(name: str, artifact_copy: Path, trained: Trained) -> None:
    (artifact_copy / name).write_bytes(b"annotated by hand")
    assert read_model_version(artifact_copy) == trained.metadata.short_version
    (artifact_copy / name).unlink()
    assert load_artifact(artifact_copy).metadata == trained.metadata


def test_the_image_excludes_documentation(trained: Trained) -> None:
    ignored = (Path(__file__).parents[3] / "model_service" / ".dockerignore").read_text().splitlines()
    assert ignored.index("artifact/*.png") > ignored.index("!artifact")
    assert ignored.index("artifact/MODEL_CARD.md") > ignored.index("!artifact")
    read = {path.name for path in trained.folder.iterdir() if path.suffix == ".png" or path.name == "MODEL_CARD.md"}
    assert {path.name for path in trained.folder.iterdir()} - read == {*trained.metadata.files, "metadata.json"}


def test_the_reference_scores_for_drift_are_those_of_the_lists(trained: Trained, artifact: Artifact) -> None:
    recommender, stars_of_lists = Recommender(artifact), []
    for uid in artifact.weights.users:
        stars_of_lists += [stars for _, stars in recommender.recommend(uid, 10).ranked]
    served = trained.metadata.metrics["served_scores"]
    assert (served["users"], served["length"]) == (len(artifact.weights.users), 10)
    assert served["mean"] == pytest.approx(np.mean(stars_of_lists), abs=1e-4)
    assert served["std"] == pytest.approx(np.std(stars_of_lists), abs=1e-4)
