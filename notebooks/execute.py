"""Execute a notebook from top to bottom and keep its outputs and pictures: `make notebook`.

    python notebooks/execute.py [--output FILE] [--timeout SECONDS]

Without --output the notebook itself is replaced. A cell that fails ends the run with its error, exit status 1; what
ran until then is kept all the same.
"""

import argparse
import re
import sys
from pathlib import Path

import nbformat
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError

NOTEBOOK = Path(__file__).with_name("deploy.ipynb")
PROJECT_DIR = NOTEBOOK.parent.parent
_COLOUR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


def execute(notebook: Path, output: Path, *, cell_seconds: int) -> str | None:
    """Run every cell, each at most `cell_seconds`, and write `output`; returns what went wrong, None when nothing."""
    document = nbformat.read(notebook, as_version=4)  # type: ignore[no-untyped-call]
    client = NotebookClient(
        document,
        km=AsyncKernelManager(kernel_name="python3", transport="ipc"),  # over files that only this user may read
        timeout=cell_seconds,
        record_timing=False,
        resources={"metadata": {"path": str(PROJECT_DIR)}},
        on_cell_start=lambda cell, cell_index: _announce(cell, cell_index, len(document.cells)),
    )
    problem: str | None = None
    try:
        client.execute()
    except (CellExecutionError, CellTimeoutError) as error:
        problem = _COLOUR.sub("", str(error))
    finally:
        for cell in document.cells:
            if cell.cell_type == "code":
                cell.outputs = settled_outputs(cell.outputs)
        nbformat.write(document, output)  # type: ignore[no-untyped-call]
    return problem


def settled_outputs(outputs: list[nbformat.NotebookNode]) -> list[nbformat.NotebookNode]:
    """The outputs with neighbouring pieces of a stream joined and settled: a progress bar comes in many."""
    kept: list[nbformat.NotebookNode] = []
    for shown in outputs:
        if kept and shown.output_type == "stream" == kept[-1].output_type and shown.name == kept[-1].name:
            kept[-1].text += shown.text
        else:
            kept.append(shown)
    for shown in kept:
        if shown.output_type == "stream":
            shown.text = settled(shown.text)
    return kept


def settled(text: str) -> str:
    """What a terminal would still show of a stream: of a line that was drawn again and again, the last state."""
    lines = [line.rstrip("\r").rpartition("\r")[2] for line in _COLOUR.sub("", text).split("\n")]
    return "\n".join(lines)


def _announce(cell: nbformat.NotebookNode, index: int, count: int) -> None:
    if cell.cell_type == "code":
        first = cell.source.partition("\n")[0]
        print(f"• {index + 1}/{count}: {first}", flush=True)


def main() -> int:
    """Run as the command line says; 0 when every cell ran, 1 when one failed, 130 after Ctrl-C."""
    parser = argparse.ArgumentParser(description="Execute the notebook and keep its outputs.")
    parser.add_argument("--output", type=Path, default=NOTEBOOK, metavar="FILE", help="where to write the outcome")
    parser.add_argument("--timeout", type=int, default=1200, metavar="SECONDS", help="for each cell")
    options = parser.parse_args()
    try:
        problem = execute(NOTEBOOK, options.output, cell_seconds=options.timeout)
    except KeyboardInterrupt:
        print("interrupted; `make notebook` starts again, `make down` removes what runs", file=sys.stderr)
        return 130
    if problem:
        print(f"error: a cell failed; `make down` removes what runs.\n{problem}", file=sys.stderr)
        return 1
    print(f"✓ every cell ran; see {options.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
