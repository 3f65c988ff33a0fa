"""The default model, which the documents show answers of, trained once."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from model_service.serving.settings import Settings
from model_service.training.__main__ import main
from tests.model_service.client import Client, serving


@pytest.fixture(scope="session")
def default_model(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The artifact of `make train` without arguments."""
    folder = tmp_path_factory.mktemp("default") / "artifact"
    assert main(["--out", str(folder)]) == 0
    return folder


@pytest.fixture
def default_service(default_model: Path) -> Iterator[Client]:
    """The service with that model, in this process."""
    with serving(Settings(artifact_dir=default_model)) as client:
        yield client
