"""Claims about the execution of a notebook, with a real kernel."""

from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from notebooks.execute import execute

PROGRESS = "import sys\nfor part in ('  0%', ' 50%', '100%'):\n    print('\\r' + part, end='', flush=True)\nprint()"


def run(folder: Path, *sources: str) -> tuple[str | None, list[nbformat.NotebookNode]]:
    """The error, and the cells with their outputs."""
    notebook, output = folder / "in.ipynb", folder / "out.ipynb"
    nbformat.write(new_notebook(cells=[new_code_cell(source) for source in sources]), notebook)  # type: ignore[no-untyped-call]
    error = execute(notebook, output, cell_seconds=60)
    return error, nbformat.read(output, as_version=4).cells  # type: ignore[no-untyped-call]


def test_a_progress_bar_is_one_line_with_its_last_state(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    error, cells = run(tmp_path, PROGRESS, "print('done')")
    assert error is None
    assert [cell.outputs[0].text for cell in cells] == ["100%\n", "done\n"]
    assert "• 2/2: print('done')" in capsys.readouterr().out


def test_a_failing_cell_ends_the_run_and_the_outputs_until_there_are_written(tmp_path: Path) -> None:
    error, cells = run(tmp_path, "print('first')", "raise ValueError('no model')", "print('third')")
    assert error is not None
    assert "ValueError: no model" in error
    assert "\x1b" not in error
    assert cells[0].outputs[0].text == "first\n"
    assert cells[1].outputs[0].output_type == "error"
    assert cells[2].outputs == []
