"""A project folder with a trained model in it, and the providers' modules loaded before warnings count."""

import hashlib
import shutil
import warnings
from pathlib import Path

import pulumi_aws
import pulumi_awsx
import pytest

from model_service.metadata import Metadata
from tests.infra.recorder import ROOT

with warnings.catch_warnings():
    # Both deprecate parts of themselves that nobody here uses, by a warning when a module is first looked into.
    warnings.simplefilter("ignore", DeprecationWarning)
    LOADED = (pulumi_aws.ec2.Vpc, pulumi_aws.s3.Bucket, pulumi_awsx.ec2.Vpc)


FILMS = 40


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
    return tmp_path


def write_artifact(folder: Path, weights: bytes) -> None:
    """An artifact whose version is a function of the weights."""
    folder.mkdir(exist_ok=True)
    (folder / "model.safetensors").write_bytes(weights)
    files = {"model.safetensors": hashlib.sha256(weights).hexdigest()}
    metadata = Metadata(files=files, data={"items": FILMS}, hyperparameters={}, metrics={}, libraries={})
    (folder / "metadata.json").write_bytes(metadata.to_bytes())
