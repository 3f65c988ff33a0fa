"""The virtual environment's set-up, and the commands that do without one; a stand-in takes Python's place."""

from __future__ import annotations

import os
import shutil
import signal
import subprocess
import time
from pathlib import Path

import pytest

from local.settings import PROJECT_DIR

PYTHON = """#!/bin/sh
case "$*" in
"-m venv "*) mkdir -p .venv/bin && cp "$0" .venv/bin/python ;;
"-m pip install "*)
    echo "$TMPDIR" >>pip-was-here
    mkdir "$TMPDIR/pip-unpack-x" || exit 1
    [ ! -e hang ] || exec sleep 60 ;;
"-m deploy.local_stack "*) echo "ran: $*" ;;
esac
"""


@pytest.fixture
def project(tmp_path: Path) -> Path:
    """A folder with the Makefile, the script, requirements, and a Python that installs nothing."""
    (tmp_path / "local").mkdir()
    for name in ("Makefile", "local/bootstrap.sh"):
        shutil.copy(PROJECT_DIR / name, tmp_path / name)
    for name in ("requirements.txt", "requirements-dev.txt", "constraints.txt"):
        (tmp_path / name).touch()
    python = tmp_path / "python"
    python.write_text(PYTHON)
    python.chmod(0o755)
    return tmp_path


def _environment(project: Path) -> dict[str, str]:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("MAKE")}
    return {**kept, "PYTHON": str(project / "python")}


def _make(project: Path, target: str) -> str:
    done = subprocess.run(
        ["make", target], cwd=project, env=_environment(project), capture_output=True, text=True, check=True, timeout=60
    )
    return done.stdout


@pytest.mark.parametrize(
    ("target", "told"), [("down", "Nothing of the local stack is here"), ("status", "The local stack is down")]
)
def test_a_fresh_clone_is_told_that_nothing_runs_without_installing_anything(
    project: Path, target: str, told: str
) -> None:
    assert told in _make(project, target)
    assert not (project / ".venv").exists()
    assert not (project / "pip-was-here").exists()


@pytest.mark.parametrize("target", ["down", "status"])
def test_where_something_was_started_the_command_runs_in_its_environment(project: Path, target: str) -> None:
    (project / ".local").mkdir()
    assert f"ran: -m deploy.local_stack {target}" in _make(project, target)
    assert (project / ".venv" / ".installed").exists()


def test_what_pip_unpacks_lies_in_the_project_and_goes_with_the_run(project: Path) -> None:
    _make(project, "up")
    scratch = project / ".venv" / "tmp"
    assert (project / "pip-was-here").read_text().strip() == str(scratch)
    assert not scratch.exists()


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_what_a_killed_install_left_goes_at_the_latest_with_the_next_run(project: Path, number: signal.Signals) -> None:
    (project / "hang").touch()
    install = subprocess.Popen(
        ["local/bootstrap.sh"],
        cwd=project,
        env=_environment(project),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # ignored where tests run behind &
    )
    scratch = project / ".venv" / "tmp"
    deadline = time.monotonic() + 20
    while not (scratch / "pip-unpack-x").exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert (scratch / "pip-unpack-x").exists()
    os.killpg(install.pid, number)
    assert install.wait(20) != 0
    if number is not signal.SIGKILL:
        assert not scratch.exists()
    (project / "hang").unlink()
    subprocess.run(["local/bootstrap.sh"], cwd=project, env=_environment(project), capture_output=True, check=True)
    assert not scratch.exists()
    assert (project / ".venv" / ".installed").exists()
