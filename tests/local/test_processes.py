"""Background processes are found, told from strangers, and stopped."""

import json
import subprocess
import sys
import time
from pathlib import Path

import psutil
import pytest

from local.processes import Daemon
from local.settings import PROJECT_DIR

SLEEP = [sys.executable, "-c", "import time; print('hello', flush=True); time.sleep(60)"]


@pytest.fixture
def daemon(tmp_path: Path) -> Daemon:
    return Daemon(name="sleeper", state_dir=tmp_path / "state")


def test_a_started_process_runs_until_it_is_stopped(daemon: Daemon) -> None:
    daemon.start(SLEEP)
    process = daemon.running()
    assert process is not None
    deadline = time.monotonic() + 30
    while not process.cmdline() and time.monotonic() < deadline:
        time.sleep(0.01)  # empty for a moment after the start
    assert process.cmdline() == SLEEP
    assert daemon.stop() is True
    assert daemon.running() is None
    assert daemon.stop() is False


def test_a_process_that_ended_by_itself_does_not_run(daemon: Daemon) -> None:
    daemon.start([sys.executable, "-c", "print('last words')"])
    deadline = time.monotonic() + 10
    while daemon.running() and time.monotonic() < deadline:
        time.sleep(0.02)
    assert daemon.running() is None
    assert daemon.last_lines() == "last words"
    assert daemon.stop() is False


def test_a_reused_process_id_is_not_taken_for_ours(daemon: Daemon) -> None:
    daemon.start(SLEEP)
    record_file = daemon.state_dir / "sleeper.json"
    record = json.loads(record_file.read_text())
    record_file.write_text(json.dumps({**record, "created": 1.0}))
    assert daemon.running() is None
    record_file.write_text(json.dumps(record))
    assert daemon.stop() is True


def test_a_clock_that_was_set_makes_no_stranger_of_a_process(daemon: Daemon, monkeypatch: pytest.MonkeyPatch) -> None:
    daemon.start(SLEEP)
    an_hour_later = psutil.boot_time() + 3600
    monkeypatch.setattr("psutil._psplatform.boot_time", lambda: an_hour_later)
    assert daemon.running() is not None
    assert daemon.stop() is True


def test_a_damaged_record_counts_as_not_running(daemon: Daemon) -> None:
    daemon.state_dir.mkdir()
    (daemon.state_dir / "sleeper.json").write_text('{"pid": ')
    assert daemon.running() is None


def test_a_process_whose_parent_never_reaps_it_is_stopped(daemon: Daemon) -> None:
    """As one that a notebook started, when another process takes the stack down."""
    code = (
        "import sys, pathlib\n"
        "from local.processes import Daemon\n"
        "Daemon(name='sleeper', state_dir=pathlib.Path(sys.argv[1])).start(sys.argv[2:])\n"
        "print('started', flush=True)\n"
        "sys.stdin.read()"
    )
    command = [sys.executable, "-c", code, str(daemon.state_dir), *SLEEP]
    parent = subprocess.Popen(command, cwd=PROJECT_DIR, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    assert parent.stdout is not None
    assert parent.stdout.readline() == "started\n"
    process = daemon.running()
    assert process is not None
    assert daemon.stop() is True
    assert process.status() == psutil.STATUS_ZOMBIE
    parent.communicate("")
