"""A project folder with a trained model in it."""

import shutil
from pathlib import Path
from typing import Any

import pytest

from model_service.metadata import ARTIFACT_FILES, Metadata, sha256_file
from tests.infra.answers import DIGEST
from tests.infra.recorder import ROOT

FILMS = 40


@pytest.fixture(autouse=True)
def cli(monkeypatch: pytest.MonkeyPatch) -> None:
    """The Pulumi CLI is on the PATH, whether or not this machine has one: a message tells its commands."""
    which = shutil.which
    monkeypatch.setattr("shutil.which", lambda name: "/usr/bin/pulumi" if name == "pulumi" else which(name))


@pytest.fixture
def project(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder, made the current one, with the service's Dockerfile, some code and an artifact that verifies."""
    service = tmp_path / "model_service"
    (service / "serving").mkdir(parents=True)
    for name in ("Dockerfile", ".dockerignore"):
        shutil.copyfile(ROOT / "model_service" / name, service / name)
    (service / "serving" / "app.py").write_text("print('serving')\n", encoding="utf-8")
    write_artifact(service / "artifact", b"weights")
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("infra.image.cloud_build.provider_client", lambda _service: EveryImage())
    return tmp_path


class EveryImage:
    """A client of an ECR whose repositories have every image, so that CodeBuild has nothing to build."""

    def describe_images(self, **_asked: Any) -> Any:
        return {"imageDetails": [{"imageDigest": DIGEST}]}


def write_artifact(folder: Path, weights: bytes) -> None:
    """An artifact whose version is a function of the weights."""
    folder.mkdir(exist_ok=True)
    (folder / "model.safetensors").write_bytes(weights)
    (folder / "items.jsonl").write_bytes(b"")
    files = {name: sha256_file(folder / name) for name in ARTIFACT_FILES}
    data = {"users": 1, "items": FILMS, "ratings": 0, "scale": None}
    metadata = Metadata(files=files, data=data, hyperparameters={}, metrics={}, libraries={})
    (folder / "metadata.json").write_bytes(metadata.to_bytes())
