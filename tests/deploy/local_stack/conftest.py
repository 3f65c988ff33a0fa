"""The local stack's own fixtures."""

from pathlib import Path

import pytest

from deploy.local_stack import example
from tests.infra.conftest import project
from tests.local.conftest import processes, settings

__all__ = ["processes", "project", "settings"]


@pytest.fixture(autouse=True)
def example_dir(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """The example's folder is a temporary one: `down` removes its state."""
    monkeypatch.setattr(example, "EXAMPLE_DIR", tmp_path / "any_container")
