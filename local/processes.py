"""Background processes of the local stack: started detached, remembered in a file, found and stopped again."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import subprocess
import time
from dataclasses import dataclass
from pathlib import Path

STOP_SECONDS = 30.0

_children: dict[int, subprocess.Popen[bytes]] = {}
"""Processes that this one started: their end has to be read, or they stay as zombies while it runs."""


@dataclass(frozen=True, kw_only=True)
class Daemon:
    """A named background process with a record and a log in `state_dir`."""

    name: str
    state_dir: Path

    @property
    def log(self) -> Path:
        """Where its output goes."""
        return self.state_dir / f"{self.name}.log"

    @property
    def _record(self) -> Path:
        return self.state_dir / f"{self.name}.json"

    def start(self, command: list[str], environment: dict[str, str] | None = None) -> None:
        """Start `command` in a session of its own, so that Ctrl-C on `make up` does not end it."""
        self.state_dir.mkdir(parents=True, exist_ok=True)
        with self.log.open("ab") as log:
            process = subprocess.Popen(
                command,
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                env={**os.environ, **(environment or {})},
            )
        _children[process.pid] = process
        record = {"pid": process.pid, "started": _started_at(process.pid), "command": command}
        self._record.write_text(json.dumps(record))

    def running(self) -> dict[str, object] | None:
        """The record of the process if it still runs, else None; a reused process id is told by its start time."""
        try:
            record: dict[str, object] = json.loads(self._record.read_text())
        except (OSError, ValueError):
            return None
        started = _started_at(int(str(record["pid"])))
        return record if started is not None and started == record["started"] else None

    def stop(self) -> bool:
        """End the process with SIGTERM, after 30 s with SIGKILL; True if there was one."""
        record = self.running()
        if record is not None:
            pid = int(str(record["pid"]))
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGTERM)
                deadline = time.monotonic() + STOP_SECONDS
                while self.running() and time.monotonic() < deadline:
                    time.sleep(0.05)
                if self.running():
                    os.kill(pid, signal.SIGKILL)
        for child in [pid for pid, process in _children.items() if process.poll() is not None]:
            del _children[child]
        self._record.unlink(missing_ok=True)
        return record is not None

    def last_lines(self, count: int = 15) -> str:
        """The end of its log, for a message that explains why it did not start."""
        with contextlib.suppress(OSError):
            return "\n".join(self.log.read_text(errors="replace").splitlines()[-count:])
        return ""


def _started_at(pid: int) -> str | None:
    """The kernel's start time of a process (field 22 of /proc/PID/stat), or None when it is gone or a zombie."""
    try:
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] == "Z" else fields[19]
