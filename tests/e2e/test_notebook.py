"""The notebook runs from its first cell to its last, as `make notebook` runs it, on a copy of its own."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import nbformat
import pytest

from tests.e2e.conftest import Project, copy_project

pytestmark = pytest.mark.e2e

NOTEBOOK_SECONDS = 1_800
PICTURES = 4
"""Ratings, training curves, latencies, which model answered."""


@pytest.fixture
def copy(tmp_path: Path) -> Iterator[Project]:
    """Not the copy of the other tests: the notebook ends by taking its stack down."""
    made = copy_project(tmp_path / "recommender")
    try:
        yield made
    finally:
        made.run("deploy.local_stack", "down", check=False)


def test_every_cell_runs_and_leaves_its_outputs_and_pictures_and_the_stack_is_gone(copy: Project) -> None:
    source = copy.folder / "notebooks" / "deploy.ipynb"
    before, outcome = source.read_bytes(), copy.folder / "executed.ipynb"
    copy.python("notebooks/execute.py", "--output", str(outcome), seconds=NOTEBOOK_SECONDS)
    assert source.read_bytes() == before
    cells = [cell for cell in nbformat.read(outcome, as_version=4).cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell.outputs]
    assert [output for output in outputs if output.output_type == "error"] == []
    pictures = [output for output in outputs if "image/png" in output.get("data", {})]
    assert len(pictures) == PICTURES
    assert copy.task_containers() == []
