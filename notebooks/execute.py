"""Execute the notebook from top to bottom and store its outputs: `make notebook`.

    python notebooks/execute.py [--output FILE] [--timeout SECONDS]

Without --output the notebook itself is replaced. A cell that fails ends the run with its error, exit status 1; the
outputs up to there are written. nbconvert runs notebooks with the same library, but prints nothing as a cell starts
and writes nothing when one fails.
"""

import argparse
import re
import sys
import tempfile
from pathlib import Path

import nbformat
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError

NOTEBOOK = Path(__file__).with_name("deploy.ipynb")
PROJECT_DIR = NOTEBOOK.parent.parent
_COLOUR = re.compile(r"\x1b\[[0-9;]*[A-Za-z]")


def execute(notebook: Path, output: Path, *, cell_seconds: int) -> str | None:
    """Run every cell, each at most `cell_seconds`, and write `output`; returns the error of a cell, if any."""
    document = nbformat.read(notebook, as_version=4)  # type: ignore[no-untyped-call]
    with tempfile.TemporaryDirectory(prefix="kernel-") as folder:
        connection = str(Path(folder) / "kernel.json")  # beside the sockets, where only this user may read
        client = NotebookClient(
            document,
            km=AsyncKernelManager(kernel_name="python3", transport="ipc", connection_file=connection),
            timeout=cell_seconds,
            record_timing=False,
            coalesce_streams=True,  # a progress bar arrives in many pieces
            resources={"metadata": {"path": str(PROJECT_DIR)}},
            on_cell_start=lambda cell, cell_index: _announce(cell, cell_index, len(document.cells)),
        )
        try:
            client.execute()
        except (CellExecutionError, CellTimeoutError) as error:
            return _COLOUR.sub("", str(error))
        finally:
            nbformat.write(document, output)  # type: ignore[no-untyped-call]
    return None


def _announce(cell: nbformat.NotebookNode, index: int, count: int) -> None:
    if cell.cell_type == "code":
        first = cell.source.partition("\n")[0]
        print(f"• {index + 1}/{count}: {first}", flush=True)


def main() -> int:
    """Run as the command line says; 0 when every cell ran, 1 when one failed, 130 after Ctrl-C."""
    parser = argparse.ArgumentParser(description="Execute the notebook and store its outputs.")
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
