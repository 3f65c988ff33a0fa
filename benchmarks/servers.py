"""Running a contender as processes of our own: started, found ready, weighed, ended."""

import contextlib
import os
import signal
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.errors import BenchmarkError
from benchmarks.http_client import Connection
from benchmarks.paths import ROOT

_STOP_SECONDS = 12.0
_POLL_SECONDS = 0.005


@dataclass(frozen=True, kw_only=True)
class Server:
    """A running contender that has answered its first request, `ready_seconds` after it was started."""

    pid: int
    port: int
    ready_seconds: float

    def resident_mb(self) -> float:
        """The proportional set sizes of all its processes, in units of 10^6 bytes: pages they share count once."""
        return sum(_pss_bytes(pid) for pid in family(self.pid)) / 1e6


def free_port() -> int:
    """A port of this machine that nothing listens on."""
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextlib.contextmanager
def running(
    command: Sequence[str],
    *,
    environment: Mapping[str, str],
    port: int,
    first_request: bytes,
    log: Path,
    ready_within: float,
) -> Iterator[Server]:
    """Start `command`, wait until it answers `first_request` with status 200, and end it with all its children.

    Raises BenchmarkError with the last lines of its log when it exits first or is not ready within `ready_within` s.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as file:
        started = time.perf_counter()
        process = subprocess.Popen(
            command,
            env=dict(environment),
            cwd=ROOT,
            stdout=file,
            stderr=file,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            while not answers(port, first_request):
                waited = time.perf_counter() - started
                if process.poll() is not None:
                    raise BenchmarkError(f"it exited with status {process.returncode}: {_tail(log)}")
                if waited > ready_within:
                    raise BenchmarkError(f"it was not ready within {ready_within:g} s: {_tail(log)}")
                time.sleep(_POLL_SECONDS)
            yield Server(pid=process.pid, port=port, ready_seconds=time.perf_counter() - started)
        finally:
            _end(process)


def family(pid: int) -> list[int]:
    """`pid` and its living descendants, from what /proc tells of parents."""
    parents: dict[int, int] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError, ValueError):
            parents[int(folder.name)] = int((folder / "stat").read_text().rsplit(")", 1)[1].split()[1])
    found = [pid]
    for member in found:  # grows as it goes
        found += [child for child, parent in parents.items() if parent == member]
    return found


def answers(port: int, request: bytes) -> bool:
    """Whether whatever listens on `port` of this machine answers `request` with status 200."""
    try:
        with Connection(port, timeout=30) as connection:
            return connection.ask(request).status == 200
    except (OSError, BenchmarkError):
        return False


def _pss_bytes(pid: int) -> int:
    with contextlib.suppress(OSError):
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                return int(line.split()[1]) * 1024
    return 0


def _tail(log: Path) -> str:
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return " | ".join(lines[-3:])[-400:] or "its log is empty"


def _end(process: subprocess.Popen[bytes]) -> None:
    """SIGTERM to the process, SIGKILL to whatever of its family is left: never to a process that is not ours."""
    members = family(process.pid)
    process.send_signal(signal.SIGTERM)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.wait(_STOP_SECONDS)
    started = {pid: _start_time(pid) for pid in members[1:]}
    if process.poll() is None:
        process.kill()
        process.wait()
    time.sleep(0.1)
    for pid, when in started.items():
        if when is not None and _start_time(pid) == when:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)


def _start_time(pid: int) -> str | None:
    """When a process was started, as the kernel counts: a pid that was given anew has another one."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()[19]
    except (OSError, IndexError):
        return None
