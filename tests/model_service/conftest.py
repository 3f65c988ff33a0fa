"""Session fixtures: one small trained model, and copies of its artifact for tests that modify it."""

import shutil
from dataclasses import dataclass
from pathlib import Path

import pytest

from model_service.artifact import Artifact, load_artifact
from model_service.data.ratings import Ratings
from model_service.data.synthetic import Shape, generate_ratings
from model_service.metadata import Metadata
from model_service.training.config import TrainConfig
from model_service.training.stars import TUNED
from model_service.training.train import TrainOptions, train

SHAPE = Shape(users=120, items=150, ratings=5000)
CONFIG = TrainConfig(factors=4, epochs=8, batch_size=256)
OPTIONS = TrainOptions(given=TUNED)


@dataclass(frozen=True, kw_only=True)
class Trained:
    """A finished training run."""

    ratings: Ratings
    folder: Path
    metadata: Metadata


@pytest.fixture(scope="session")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Trained:
    folder = tmp_path_factory.mktemp("trained") / "artifact"
    ratings = generate_ratings(seed=3, shape=SHAPE)
    return Trained(ratings=ratings, folder=folder, metadata=train(ratings, config=CONFIG, out=folder, options=OPTIONS))


@pytest.fixture(scope="session")
def artifact(trained: Trained) -> Artifact:
    return load_artifact(trained.folder)


@pytest.fixture
def artifact_copy(trained: Trained, tmp_path: Path) -> Path:
    return Path(shutil.copytree(trained.folder, tmp_path / "artifact"))
