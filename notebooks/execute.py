"""Execute the notebook from top to bottom: `make notebook`.

    python notebooks/execute.py [--update | --output FILE] [--timeout SECONDS]

It works in a copy of the project with ports of its own, so that the model and the stack that are there stay as they
are; copy and stack are removed at the end. The executed notebook is written to .build/notebook/deploy.ipynb, and with
--update to notebooks/deploy.ipynb. A cell that fails ends the run with its error, exit status 1; the outputs up to
there are written to the file in .build. nbconvert runs notebooks with the same library, but prints nothing as a cell
starts and writes nothing when one fails.
"""

import argparse
import os
import re
import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import nbformat
from jupyter_client.manager import AsyncKernelManager
from nbclient import NotebookClient
from nbclient.exceptions import CellExecutionError, CellTimeoutError

PROJECT_DIR = Path(__file__).resolve().parent.parent
sys.path.insert(0, str(PROJECT_DIR))

from deploy.local_stack.down import remove_notebook_copy  # noqa: E402 - after the project is on the path
from local.emulated_aws import port_taken  # noqa: E402
from local.errors import LocalError  # noqa: E402
from local.lock import exclusive  # noqa: E402
from local.settings import DEFAULT_PORTS, NOTEBOOK_FOLDER, STATE_DIR  # noqa: E402

NOTEBOOK = PROJECT_DIR / "notebooks" / "deploy.ipynb"
OUTPUT = PROJECT_DIR / ".build" / "notebook" / NOTEBOOK.name
_PROGRESS = re.compile(r"\d+%\||\[\d\d:\d\d, ")  # of tqdm's bars, which are a stream of their own
_ESCAPE = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]")
_NOT_COPIED = shutil.ignore_patterns(".*", "__pycache__", "artifact")


def execute(
    notebook: Path,
    output: Path,
    *,
    cell_seconds: int,
    folder: Path = PROJECT_DIR,
    environment: dict[str, str] | None = None,
) -> str | None:
    """Run every cell in `folder`, each at most `cell_seconds`, and write `output`; returns the error of a cell, if any.

    environment: the kernel's; None: this process's.
    """
    document = nbformat.read(notebook, as_version=4)  # type: ignore[no-untyped-call]
    print("Executing the notebook: two trainings and three deployments, several minutes", flush=True)
    with tempfile.TemporaryDirectory(prefix="kernel-") as scratch:
        connection = str(Path(scratch) / "kernel.json")  # beside the sockets, where only this user may read
        client = NotebookClient(
            document,
            km=AsyncKernelManager(kernel_name="python3", transport="ipc", connection_file=connection),
            timeout=cell_seconds,
            record_timing=False,
            coalesce_streams=True,  # a progress bar arrives in many pieces
            resources={"metadata": {"path": str(folder)}},
            on_cell_start=lambda cell, cell_index: _announce(cell, cell_index, len(document.cells)),
        )
        try:
            client.execute(cleanup_kc=True, env=environment or dict(os.environ))
        except (CellExecutionError, CellTimeoutError) as error:
            return _ESCAPE.sub("", str(error))
        finally:
            make_readable(document, folder)
            output.parent.mkdir(parents=True, exist_ok=True)
            nbformat.write(document, output)  # type: ignore[no-untyped-call]
    return None


def make_readable(document: nbformat.NotebookNode, folder: Path) -> None:
    """Remove from the outputs what a reader elsewhere cannot use: progress bars, colours, folders, kernel's version."""
    document.metadata.language_info = {"name": "python"}
    for cell in document.cells:
        if "outputs" in cell:
            cell.outputs = [output for output in cell.outputs if not _PROGRESS.search(output.get("text", ""))]
        for output in cell.get("outputs", []):
            for holder in (output, output.get("data", {})):
                for key in ("text", "text/plain", "text/html"):
                    if isinstance(holder.get(key), str):
                        holder[key] = _readable(holder[key], folder)
            if output.output_type == "error":
                output.traceback = [_readable(line, folder) for line in output.traceback]


def _readable(text: str, folder: Path) -> str:
    text = _ESCAPE.sub("", text).replace(f"{folder}/", "").replace(str(folder), ".")
    return text.replace(str(Path.home()), "~") if Path.home() != Path("/") else text


@contextmanager
def project_copy(source: Path = PROJECT_DIR, state_dir: Path = STATE_DIR) -> Iterator[Path]:
    """A copy of the project without its model and state; at the end its stack is taken down and the copy removed.

    Raises `LocalError` when its stack, or that of an interrupted run, cannot be taken down.
    """
    copy = state_dir / NOTEBOOK_FOLDER
    remove_notebook_copy(state_dir)
    shutil.copytree(source, copy, ignore=_NOT_COPIED)
    shutil.copy2(source / "model_service" / ".dockerignore", copy / "model_service")
    try:
        yield copy
    finally:
        remove_notebook_copy(state_dir)


def free_ports() -> dict[str, str]:
    """The ports of the environment, or the usual ones, or the next ones that are free."""
    return {
        key: os.environ.get(key) or str(next(port for port in range(usual, 65536) if not port_taken(port)))
        for key, usual in DEFAULT_PORTS.items()
    }


def _announce(cell: nbformat.NotebookNode, index: int, count: int) -> None:
    if cell.cell_type == "code":
        first = cell.source.partition("\n")[0]
        print(f"• {index + 1}/{count}: {first}", flush=True)


def main(arguments: Any = None) -> int:
    """Run as the command line says; 0 when every cell ran, 1 when one failed, 130 after Ctrl-C."""
    parser = argparse.ArgumentParser(description="Execute the notebook in a copy of the project.")
    where = parser.add_mutually_exclusive_group()
    where.add_argument(
        "--output", type=Path, default=OUTPUT, metavar="FILE", help="default: .build/notebook/deploy.ipynb"
    )
    where.add_argument("--update", action="store_true", help="replace notebooks/deploy.ipynb when every cell ran")
    parser.add_argument("--timeout", type=int, default=1200, metavar="SECONDS", help="for each cell")
    options = parser.parse_args(arguments)
    try:
        with exclusive(STATE_DIR, "`make notebook`"), project_copy() as copy:
            problem = execute(
                NOTEBOOK,
                options.output,
                cell_seconds=options.timeout,
                folder=copy,
                environment={**os.environ, **free_ports()},
            )
    except KeyboardInterrupt:
        print("\nInterrupted. `make notebook` starts again.", file=sys.stderr)
        return 130
    except LocalError as error:
        print(f"\nerror: {error}", file=sys.stderr)
        return 1
    if problem:
        print(f"error: a cell failed; {options.output} has the outputs.\n{problem}", file=sys.stderr)
        return 1
    if options.update:
        shutil.copyfile(options.output, NOTEBOOK)
    print(f"✓ every cell ran; see {NOTEBOOK if options.update else options.output}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
