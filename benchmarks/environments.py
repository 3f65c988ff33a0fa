"""A virtual environment for each contender that is not ours, so that their requirements cannot meet."""

import hashlib
import shutil
import subprocess
import sys
from pathlib import Path

from benchmarks.errors import BenchmarkError
from benchmarks.paths import ENVIRONMENTS, HERE

REQUIREMENTS = HERE / "requirements"
_INSTALL_SECONDS = 600


def python_of(name: str) -> Path:
    """The interpreter of the environment `name`."""
    return ENVIRONMENTS / name / "bin" / "python"


def requirements_of(name: str) -> Path:
    """The pinned requirements of the environment `name`."""
    return REQUIREMENTS / f"{name}.txt"


def ensure_environment(name: str) -> None:
    """Make the environment `name` as its requirements say, unless that was done; raises BenchmarkError."""
    folder, requirements = ENVIRONMENTS / name, requirements_of(name)
    mark = folder / ".installed"
    expected = hashlib.sha256(requirements.read_bytes() + sys.version.encode()).hexdigest()
    if mark.is_file() and mark.read_text() == expected and python_of(name).exists():
        return
    shutil.rmtree(folder, ignore_errors=True)
    folder.parent.mkdir(parents=True, exist_ok=True)
    pip = [str(python_of(name)), "-m", "pip", "--disable-pip-version-check", "install", "-q", "--only-binary", ":all:"]
    _do([sys.executable, "-m", "venv", str(folder)], name)
    _do([*pip, "-r", str(requirements)], name)
    mark.write_text(expected)


def _do(command: list[str], name: str) -> None:
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=_INSTALL_SECONDS, check=False)
    except subprocess.TimeoutExpired:
        raise BenchmarkError(f"its environment {name} was not installed within {_INSTALL_SECONDS} s") from None
    if done.returncode:
        errors = [line for line in done.stderr.splitlines() if line.startswith("ERROR")] or done.stderr.splitlines()
        raise BenchmarkError(f"its environment {name} cannot be installed: {' '.join(errors)[:200]}")
