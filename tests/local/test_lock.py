"""One command at a time, whoever dies, and nothing left of the lock."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from local.errors import LocalError
from local.lock import LOCK_FILE, exclusive, find_holder, inheritable
from local.settings import PROJECT_DIR

HOLD = """
import sys, time
from pathlib import Path
from local.lock import exclusive
with exclusive(Path(sys.argv[1]), "`make up`"):
    print("held", flush=True)
    time.sleep(600)
"""
ENTER = """
import sys
from pathlib import Path
from local.lock import exclusive
folder = Path(sys.argv[1])
for _ in range(30):
    with exclusive(folder / "state", "count"):
        number = int((folder / "number").read_text())
        (folder / "state" / "other").touch()
        (folder / "number").write_text(str(number + 1))
        (folder / "state" / "other").unlink()
"""


def _hold(folder: Path) -> subprocess.Popen[str]:
    """A process that holds the lock."""
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(folder)], cwd=PROJECT_DIR, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    return process


def test_processes_that_come_and_go_at_once_never_overlap(tmp_path: Path) -> None:
    """Each removes the lock's folder as it goes, so the next one may have opened a file that is no longer there."""
    (tmp_path / "number").write_text("0")
    command = [sys.executable, "-c", ENTER, str(tmp_path)]
    processes = [subprocess.Popen(command, cwd=PROJECT_DIR, stdout=subprocess.DEVNULL) for _ in range(4)]
    assert [process.wait(timeout=120) for process in processes] == [0] * 4
    assert (tmp_path / "number").read_text() == "120"
    assert not (tmp_path / "state").exists()


def test_one_that_waits_says_for_whom_and_gives_up_with_a_sentence(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    process = _hold(tmp_path)
    try:
        since = json.loads((tmp_path / LOCK_FILE).read_text())["since"]
        holder = rf"`make up` \(process {process.pid}, since {since}\)"
        ended = f"{holder} works on the local stack, and did not end within 1 s"
        with pytest.raises(LocalError, match=ended), exclusive(tmp_path, "`make down`", wait_seconds=1):
            pytest.fail("entered")
        assert capsys.readouterr().out.count("Waiting: `make up` (process") == 1
    finally:
        process.kill()
        process.communicate()


def test_the_lock_of_a_killed_process_is_free(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    process = _hold(tmp_path)
    process.kill()
    process.communicate()
    with exclusive(tmp_path, "`make up`", wait_seconds=10):
        pass
    assert "Waiting" not in capsys.readouterr().out


def test_a_process_that_works_under_the_lock_holds_it_when_its_parent_is_killed(tmp_path: Path) -> None:
    code = HOLD.replace(
        "    time.sleep(600)",
        "    import subprocess\n"
        "    from local.lock import inheritable\n"
        "    fds = inheritable(Path(sys.argv[1]))\n"
        "    child = subprocess.Popen([sys.executable, '-c', 'input()'], stdin=subprocess.PIPE, pass_fds=fds)\n"
        "    print(child.pid, flush=True)\n"
        "    time.sleep(600)",
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code, str(tmp_path)], cwd=PROJECT_DIR, stdout=subprocess.PIPE, text=True
    )
    assert process.stdout is not None
    assert process.stdout.readline() == "held\n"
    child = int(process.stdout.readline())
    assert child != process.pid
    assert inheritable(tmp_path) == ()
    process.kill()  # and the child ends by itself, as its standard input does
    process.communicate()
    with exclusive(tmp_path, "`make up`", wait_seconds=60):
        assert not Path(f"/proc/{child}/fd").exists() or not list(Path(f"/proc/{child}/fd").iterdir())


def test_a_thread_may_enter_again_and_another_one_waits(tmp_path: Path) -> None:
    order = []

    def second() -> None:
        with exclusive(tmp_path, "second"):
            order.append("second")

    with exclusive(tmp_path, "first"):
        thread = threading.Thread(target=second)
        thread.start()
        with exclusive(tmp_path, "inner"):
            time.sleep(0.3)
        order.append("first")
    thread.join()
    assert order == ["first", "second"]


def test_a_folder_with_other_files_stays(tmp_path: Path) -> None:
    (tmp_path / "stack.json").touch()
    with exclusive(tmp_path, "`make up`"):
        assert (tmp_path / LOCK_FILE).exists()
    assert (tmp_path / "stack.json").exists()


def test_the_holder_is_told_to_who_asks_without_waiting(tmp_path: Path) -> None:
    assert find_holder(tmp_path / "state") is None
    with exclusive(tmp_path / "state", "`make up`"):
        assert (find_holder(tmp_path / "state") or "").startswith("`make up` (process ")
    assert find_holder(tmp_path / "state") is None
