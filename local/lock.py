"""One command at a time changes a local stack: an advisory lock, which the kernel releases when its holder ends."""

from __future__ import annotations

import contextlib
import fcntl
import json
import os
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Final

from local.console import echo
from local.errors import LocalError

LOCK_FILE: Final = "lock"
"""In the state folder: locked while a command runs, with the holder's process, command and start."""
WAIT_SECONDS: Final = 1800.0
"""Above what a first `make up` or `make notebook` takes on a slow machine."""
_POLL_SECONDS: Final = 0.2


@dataclass
class _Held:
    """This process's hold on one lock: a thread may take it again, another thread waits."""

    thread: threading.RLock = field(default_factory=threading.RLock)
    depth: int = 0
    file: IO[str] | None = None


_held: dict[Path, _Held] = {}


@contextlib.contextmanager
def exclusive(state_dir: Path, command: str, *, wait_seconds: float = WAIT_SECONDS) -> Iterator[None]:
    """Hold the lock of the stack in `state_dir` while the block runs; inside another such block it is held already.

    Says who holds it while it waits. Raises `LocalError` when that one does not end within `wait_seconds`.
    """
    held = _held.setdefault(state_dir.resolve(), _Held())
    with held.thread:
        if held.file is None:
            held.file = _acquire(state_dir, command, wait_seconds)
        held.depth += 1
        try:
            yield
        finally:
            held.depth -= 1
            if not held.depth:
                file, held.file = held.file, None
                _release(state_dir, file)


def find_holder(state_dir: Path) -> str | None:
    """The command that holds the lock, with its process and start; None where nobody does."""
    try:
        with (state_dir / LOCK_FILE).open(encoding="utf-8") as file:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)
    except BlockingIOError:
        with contextlib.suppress(OSError), (state_dir / LOCK_FILE).open(encoding="utf-8") as file:
            return _holder(file)
    except OSError:
        return None
    return None


def inheritable(state_dir: Path) -> tuple[int, ...]:
    """The descriptor for a process that works under this lock: it stays locked when only this process is killed."""
    held = _held.get(state_dir.resolve())
    return (held.file.fileno(),) if held and held.file else ()


def _acquire(state_dir: Path, command: str, wait_seconds: float) -> IO[str]:
    deadline = time.monotonic() + wait_seconds
    told = ""
    while True:
        file = _open(state_dir)
        if _try_lock(file, state_dir):
            _write_holder(file, command)
            return file
        holder = _holder(file)
        file.close()
        if time.monotonic() >= deadline:
            raise LocalError(
                f"{holder} works on the local stack, and did not end within {wait_seconds:.0f} s. "
                "Wait for it or end it, then run this again."
            )
        if holder != told:
            echo(f"Waiting: {holder} works on the local stack.")
            told = holder
        time.sleep(_POLL_SECONDS)


def _open(state_dir: Path) -> IO[str]:
    """The lock file, made where there is none; its holder may remove it, with the folder, at any moment."""
    while True:
        try:
            state_dir.mkdir(parents=True, exist_ok=True)
            return os.fdopen(os.open(state_dir / LOCK_FILE, os.O_RDWR | os.O_CREAT, 0o644), "r+", encoding="utf-8")
        except FileNotFoundError:
            continue
        except OSError as error:
            raise LocalError(f"The state folder of the local stack cannot be written: {error}") from error


def _try_lock(file: IO[str], state_dir: Path) -> bool:
    """Whether `file` is locked now, and still the file in the folder."""
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError as error:
        file.close()
        raise LocalError(f"The file system of {state_dir} has no locks: {error}") from error
    try:
        return os.path.samestat(os.fstat(file.fileno()), (state_dir / LOCK_FILE).stat())
    except FileNotFoundError:
        return False


def _write_holder(file: IO[str], command: str) -> None:
    """For those who wait; a full disk does not matter."""
    with contextlib.suppress(OSError):
        file.truncate(0)
        file.write(json.dumps({"pid": os.getpid(), "command": command, "since": time.strftime("%H:%M:%S")}))
        file.flush()


def _holder(file: IO[str]) -> str:
    try:
        holder = json.loads(file.read())
        return f"{holder['command']} (process {holder['pid']}, since {holder['since']})"
    except (OSError, ValueError, KeyError, TypeError):
        return "another command"


def _release(state_dir: Path, file: IO[str]) -> None:
    """Unlock by closing; a folder without anything else in it goes, while the lock is still held."""
    with contextlib.suppress(OSError):
        if [path.name for path in state_dir.iterdir()] == [LOCK_FILE]:
            (state_dir / LOCK_FILE).unlink()
            state_dir.rmdir()
    with contextlib.suppress(OSError):  # what a full disk did not take is written again
        file.close()
