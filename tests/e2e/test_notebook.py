"""`make notebook` beside a stack that is up: every cell runs, and model and stack stay as they were."""

from __future__ import annotations

import contextlib
import shutil
from typing import Any

import nbformat
import pytest

from local import docker_engine
from local.settings import LocalSettings
from tests.e2e.conftest import Project
from tests.pulumi_cli.conftest import CliProject, cli_environment, cli_path

__all__ = ["cli_environment", "cli_path"]

pytestmark = pytest.mark.e2e

NOTEBOOK_SECONDS = 1_800
PICTURES = 4
"""Ratings, training curves, latencies, which model answered."""


def _as_it_is(project: Project) -> Any:
    """The tasks, the model and the files of the notebook and the state."""
    artifact = project.folder / "model_service" / "artifact"
    files = [project.folder / "notebooks" / "deploy.ipynb", *artifact.rglob("*")]
    return (
        {one.id for one in project.task_containers()},
        {file: file.read_bytes() for file in files if file.is_file()},
        sorted(path.name for path in (project.folder / ".local").iterdir()),
    )


def test_every_cell_runs_and_leaves_outputs_and_pictures_and_the_stack_that_is_up_as_it_was(
    project: Project, cli_environment: dict[str, str]
) -> None:
    """With the Pulumi CLI, where there is one."""
    project.run("deploy.local_stack", "up")  # a test before this one may have taken it down
    before = _as_it_is(project)
    assert before[0]
    with_cli = CliProject(
        folder=project.folder,
        aws_port=project.aws_port,
        endpoint_port=project.endpoint_port,
        variables=cli_environment,
    )
    runs = with_cli if shutil.which("pulumi") else project
    runs.python("notebooks/execute.py", seconds=NOTEBOOK_SECONDS, ports=False)
    assert _as_it_is(project) == before
    outcome = project.folder / ".build" / "notebook" / "deploy.ipynb"
    cells = [cell for cell in nbformat.read(outcome, as_version=4).cells if cell.cell_type == "code"]
    assert [cell.execution_count for cell in cells] == list(range(1, len(cells) + 1))
    outputs = [output for cell in cells for output in cell.outputs]
    assert [output for output in outputs if output.output_type == "error"] == []
    pictures = [output for output in outputs if "image/png" in output.get("data", {})]
    assert len(pictures) == PICTURES
    assert str(project.folder) not in outcome.read_text()
    assert ("Pulumi CLI: there already" in outcome.read_text()) is (shutil.which("pulumi") is not None)
    state_dir = project.folder / ".local" / "notebook" / ".local"
    clone = LocalSettings(aws_port=0, endpoint_port=0, state_dir=state_dir).clone
    with contextlib.closing(docker_engine.connect()) as engine:
        labels = [one.labels.get("ministack.instance", "") for one in engine.containers.list(all=True)]
    assert [label for label in labels if clone in label] == []
