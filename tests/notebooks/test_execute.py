"""Claims about the execution of a notebook, with a real kernel."""

import json
import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import nbformat
import pytest
from nbformat.v4 import new_code_cell, new_notebook

from notebooks.execute import free_ports, project_copy

PROJECT = Path(__file__).resolve().parents[2]
PROGRESS = "import sys\nfor part in ('  0%', ' 50%', '100%'):\n    print('\\r' + part, end='', flush=True)\nprint()"


EXECUTE = """
import json, sys
from pathlib import Path
from notebooks.execute import execute
folder = Path(sys.argv[1])
error = execute(folder / "in.ipynb", folder / "out.ipynb", cell_seconds=60, folder=folder)
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


def test_outputs_hold_neither_escape_codes_nor_this_machine_s_folders(tmp_path: Path) -> None:
    source = (
        "import os, sys\n"
        "print('\\x1b[32mgreen\\x1b[0m', os.getcwd() + '/data', os.path.expanduser('~/x'))\n"
        "sys.stderr.write('\\x1b[1mbold\\x1b[0m')\n"
        f"raise ValueError({str(PROJECT)!r})"
    )
    outcome = run(tmp_path, source)
    (cell,) = outcome.cells
    assert [output.get("text") for output in cell.outputs[:2]] == ["green data ~/x\n", "bold"]
    told = json.dumps(cell.outputs)
    assert "\\u001b" not in told
    assert "ValueError" in told


def test_a_copy_has_neither_model_nor_state_and_goes_whatever_happens(tmp_path: Path) -> None:
    source, state = tmp_path / "project", tmp_path / "project" / ".local"
    for name in ("deploy/a.py", "model_service/artifact/weights", "model_service/.dockerignore", ".venv/x", ".local/y"):
        (source / name).parent.mkdir(parents=True, exist_ok=True)
        (source / name).touch()
    found: set[str] = set()

    def fail_in_a_copy() -> None:
        with project_copy(source, state) as copy:
            found.update(str(path.relative_to(copy)) for path in copy.rglob("*") if path.is_file())
            raise ValueError("a cell failed")

    with pytest.raises(ValueError, match="a cell failed"):
        fail_in_a_copy()
    assert found == {"deploy/a.py", "model_service/.dockerignore"}
    assert [path.name for path in state.iterdir()] == ["y"]


def test_a_port_that_is_taken_is_left_to_who_has_it(monkeypatch: pytest.MonkeyPatch) -> None:
    for key in ("AWS_PORT", "ENDPOINT_PORT"):
        monkeypatch.delenv(key, raising=False)
    monkeypatch.setattr("notebooks.execute.port_taken", lambda port: port in (8080, 8081))
    assert free_ports() == {"AWS_PORT": "4566", "ENDPOINT_PORT": "8082"}
    monkeypatch.setenv("AWS_PORT", "4573")
    assert free_ports() == {"AWS_PORT": "4573", "ENDPOINT_PORT": "8082"}


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
