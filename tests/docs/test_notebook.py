"""What can be known of the notebook without running it; tests/e2e/test_notebook.py runs it."""

from __future__ import annotations

import ast
import importlib
import inspect
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import nbformat
import pytest

import deploy

PROJECT = Path(__file__).resolve().parents[2]
PATH = PROJECT / "notebooks" / "deploy.ipynb"
PICTURES = 4
"""Ratings, training curves, latencies, which model answered."""
MAX_LINE = 140
MAX_LINES = 80
MAX_BYTES = 500_000
OURS = ("deploy", "local", "model_service")


def cells() -> list[Any]:
    return list(nbformat.read(PATH, as_version=4).cells)  # type: ignore[no-untyped-call]


def code() -> ast.Module:
    return ast.parse("\n".join(cell.source for cell in cells() if cell.cell_type == "code"))


def imported() -> dict[str, Any]:
    """Every name that the notebook takes from this project, and what it is; what is not there raises."""
    found: dict[str, Any] = {}
    for node in ast.walk(code()):
        if isinstance(node, ast.ImportFrom) and str(node.module).split(".")[0] in OURS:
            module = importlib.import_module(str(node.module))
            found |= {alias.asname or alias.name: getattr(module, alias.name) for alias in node.names}
    return found


def calls() -> Iterator[ast.Call]:
    yield from (node for node in ast.walk(code()) if isinstance(node, ast.Call))


def test_text_stands_before_every_cell_of_code() -> None:
    kinds = [cell.cell_type for cell in cells()]
    assert kinds[0] == "markdown"
    assert [index for index, kind in enumerate(kinds) if kind == "code" and kinds[index - 1] != "markdown"] == []
    assert all(cell.source.strip() for cell in cells())


def test_it_is_kept_without_outputs_or_as_it_ran_from_the_first_cell_to_the_last() -> None:
    nbformat.validate(nbformat.read(PATH, as_version=4))  # type: ignore[no-untyped-call]
    run = [cell for cell in cells() if cell.cell_type == "code"]
    outputs = [output for cell in run for output in cell.outputs]
    pictures = [output for output in outputs if "image/png" in output.get("data", {})]
    assert [output for output in outputs if output.output_type == "error"] == []
    if outputs:
        assert [cell.execution_count for cell in run] == list(range(1, len(run) + 1))
        assert len(pictures) == PICTURES
    else:
        assert [cell.execution_count for cell in run] == [None] * len(run)


def test_its_outputs_can_be_read_where_the_repository_is_shown() -> None:
    """Without colours, progress bars, folders of a machine, warnings, lines that scroll and lists that never end."""
    outputs = [output for cell in cells() if cell.cell_type == "code" for output in cell.outputs]
    assert [output for output in outputs if output.get("name") == "stderr"] == []
    texts = [output.text for output in outputs if output.output_type == "stream"]
    texts += [text for output in outputs for kind, text in output.get("data", {}).items() if kind.startswith("text/")]
    assert [text for text in texts if re.search(r"\x1b|\r|\x08|/(home|root|work|tmp|Users)/|\d+%\|", text)] == []
    lines = [line for output in outputs for line in output.get("text", "").splitlines()]
    assert [line for line in lines if len(line) > MAX_LINE] == []
    assert [text for text in texts if len(text.splitlines()) > MAX_LINES and "<table" not in text] == []
    assert PATH.stat().st_size < MAX_BYTES


def test_no_cell_uses_a_name_that_no_cell_before_it_makes() -> None:
    check = [
        sys.executable,
        "-m",
        "ruff",
        "check",
        "--isolated",
        "--select",
        "F",
        "--output-format",
        "concise",
        str(PATH),
    ]
    done = subprocess.run(check, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_what_it_takes_from_this_project_is_there() -> None:
    assert {"prepare", "train", "generate_ratings", "Recommender", "down"} <= set(imported())


def test_it_calls_deploy_by_names_that_it_offers() -> None:
    used = {
        node.attr
        for node in ast.walk(code())
        if isinstance(node, ast.Attribute) and isinstance(node.value, ast.Name) and node.value.id == "deploy"
    }
    assert {"preview", "up"} <= used <= set(deploy.__all__)


@pytest.mark.parametrize("prefix", ["", "deploy."])
def test_it_calls_this_projects_functions_with_arguments_that_they_take(prefix: str) -> None:
    known = {f"deploy.{name}": getattr(deploy, name) for name in deploy.__all__} if prefix else imported()
    checked = 0
    for call in calls():
        called = known.get(ast.unparse(call.func))
        if called is not None:
            inspect.signature(called).bind(*call.args, **{str(word.arg): word.value for word in call.keywords})
            checked += 1
    assert checked >= 3
