"""Background processes of the local stack: started detached, recorded in a file, found and stopped again."""

import contextlib
import json
import os
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

import psutil

from local.files import write_whole

STOP_SECONDS = 30.0

_children: list[psutil.Popen] = []
"""Processes started here: a `Popen` that is deleted before its end was read is a warning."""


@dataclass(frozen=True, kw_only=True)
class Daemon:
    """A named background process with a record and a log in `state_dir`."""

    name: str
    state_dir: Path

    @property
    def log(self) -> Path:
        """The file with the process's output."""
        return self.state_dir / f"{self.name}.log"

    @property
    def _record(self) -> Path:
        return self.state_dir / f"{self.name}.json"

    def start(self, command: list[str], environment: dict[str, str] | None = None) -> None:
        """Start `command` in a session of its own, so that Ctrl-C on `make up` does not end it."""
        self.state_dir.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            process = psutil.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env={**os.environ, **(environment or {})},
            )
        _children.append(process)
        record = {"pid": process.pid, "created": _created(process), "command": command}
        write_whole(self._record, json.dumps(record))

    def running(self) -> psutil.Process | None:
        """The process if it still runs, else None; a reused process id is detected by the creation time."""
        try:
            record = json.loads(self._record.read_text())
            process = psutil.Process(int(record["pid"]))
            same = _created(process) == record["created"] and process.status() != psutil.STATUS_ZOMBIE
        except (OSError, ValueError, KeyError, psutil.Error):
            return None
        return process if same else None

    def stop(self) -> bool:
        """End the process with SIGTERM, after 30 s with SIGKILL; True if there was one."""
        process = self.running()
        if process is not None:
            with contextlib.suppress(psutil.NoSuchProcess):
                process.terminate()
                if not self._wait_for_end():
                    process.kill()
                    self._wait_for_end()
        _children[:] = [child for child in _children if child.poll() is None]
        self._record.unlink(missing_ok=True)
        return process is not None

    def _wait_for_end(self) -> bool:
        """Whether the process ends within 30 s, or has ended without its parent, such as a notebook, reaping it."""
        deadline = time.monotonic() + STOP_SECONDS
        while self.running():
            if time.monotonic() > deadline:
                return False
            time.sleep(0.05)
        return True

    def last_lines(self, count: int = 15) -> str:
        """The end of the log, for a message that explains why the process did not start."""
        with contextlib.suppress(OSError):
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-count:])
        return ""


def _created(process: psutil.Process) -> float:
    """When a process was created, in seconds after boot: its creation time moves when the system clock is set."""
    return round(process.create_time() - psutil.boot_time(), 2)
