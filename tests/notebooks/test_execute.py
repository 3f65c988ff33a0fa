"""Claims about the execution of a notebook, with a real kernel."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_notebook

PROJECT = Path(__file__).resolve().parents[2]
PROGRESS = "import sys\nfor part in ('  0%', ' 50%', '100%'):\n    print('\\r' + part, end='', flush=True)\nprint()"


EXECUTE = """
import json, sys
from pathlib import Path
from notebooks.execute import execute
folder = Path(sys.argv[1])
error = execute(folder / "in.ipynb", folder / "out.ipynb", cell_seconds=60)
(folder / "error").write_text(json.dumps(error))
"""


@dataclass(frozen=True)
class Outcome:
    """The error, the cells with their outputs, and what was printed."""

    error: str | None
    cells: list[nbformat.NotebookNode]
    printed: str


def run(folder: Path, *sources: str) -> Outcome:
    """Execute a notebook of these cells in a process of its own, which is started in `folder`."""
    notebook = new_notebook(cells=[new_code_cell(source) for source in sources])
    nbformat.write(notebook, folder / "in.ipynb")  # type: ignore[no-untyped-call]
    done = subprocess.run(
        [sys.executable, "-c", EXECUTE, str(folder)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": str(PROJECT)},
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    cells = nbformat.read(folder / "out.ipynb", as_version=4).cells  # type: ignore[no-untyped-call]
    return Outcome(json.loads((folder / "error").read_text()), cells, done.stdout)


def test_a_progress_bar_is_one_line_with_its_last_state(tmp_path: Path) -> None:
    outcome = run(tmp_path, PROGRESS, "print('done')")
    assert outcome.error is None
    assert [cell.outputs[0].text for cell in outcome.cells] == ["100%\n", "done\n"]
    assert "• 2/2: print('done')" in outcome.printed


def test_nothing_but_the_output_is_left_of_a_run(tmp_path: Path) -> None:
    before = set(PROJECT.iterdir())
    run(tmp_path, "print('done')")
    assert {path.name for path in tmp_path.iterdir()} == {"in.ipynb", "out.ipynb", "error"}
    assert {path for path in set(PROJECT.iterdir()) - before if "kernel" in path.name} == set()


def test_a_failing_cell_ends_the_run_and_the_outputs_until_there_are_written(tmp_path: Path) -> None:
    outcome = run(tmp_path, "print('first')", "raise ValueError('no model')", "print('third')")
    first, second, third = outcome.cells
    assert outcome.error is not None
    assert "ValueError: no model" in outcome.error
    assert "\x1b" not in outcome.error
    assert first.outputs[0].text == "first\n"
    assert second.outputs[0].output_type == "error"
    assert third.outputs == []
