"""A contender as a process: started, ready, its memory, ended."""

import contextlib
import http.client
import socket
import subprocess
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import psutil

from benchmarks.errors import BenchmarkError
from benchmarks.http_request import Request, connect
from benchmarks.paths import ROOT

_STOP_SECONDS = 12.0
_POLL_SECONDS = 0.005


@dataclass(frozen=True, kw_only=True)
class Server:
    """A contender that answered its first request `ready_seconds` after its start."""

    process: psutil.Process
    port: int
    ready_seconds: float

    def resident_mb(self) -> float:
        """The proportional set size of its process tree, in units of 10^6 bytes."""
        return sum(map(_pss_bytes, _processes(self.process))) / 1e6


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
    first_request: Request,
    log: Path,
    ready_timeout_seconds: float,
    cwd: Path = ROOT,
) -> Iterator[Server]:
    """Start `command`, wait until it answers `first_request` with status 200, and end it with its children.

    Raises BenchmarkError with the last lines of its log when it exits first or is not ready within the timeout.
    """
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as file:
        started = time.perf_counter()
        process = psutil.Popen(
            command,
            env=dict(environment),
            cwd=cwd,
            stdout=file,
            stderr=file,
            stdin=subprocess.DEVNULL,
            start_new_session=True,
        )
        try:
            while not is_ready(port, first_request):
                waited = time.perf_counter() - started
                if process.poll() is not None:
                    raise BenchmarkError(f"it exited with status {process.returncode}: {_tail(log)}")
                if waited > ready_timeout_seconds:
                    raise BenchmarkError(f"it was not ready within {ready_timeout_seconds:g} s: {_tail(log)}")
                time.sleep(_POLL_SECONDS)
            yield Server(process=process, port=port, ready_seconds=time.perf_counter() - started)
        finally:
            _end(process)


def is_ready(port: int, request: Request) -> bool:
    """Whether `port` of this machine answers `request` with status 200."""
    try:
        with contextlib.closing(connect(port)) as connection:
            return request.send(connection).status == 200
    except (OSError, http.client.HTTPException):
        return False


def _processes(process: psutil.Process) -> list[psutil.Process]:
    """`process` and its descendants that run."""
    with contextlib.suppress(psutil.NoSuchProcess):
        return [process, *process.children(recursive=True)]
    return []


def _pss_bytes(process: psutil.Process) -> int:
    with contextlib.suppress(psutil.Error):
        return int(process.memory_full_info().pss)
    return 0


def _tail(log: Path) -> str:
    lines = [line.strip() for line in log.read_text(errors="replace").splitlines() if line.strip()]
    return " | ".join(lines[-3:])[-400:] or "its log is empty"


def _end(process: psutil.Popen) -> None:
    """SIGTERM to the process, then SIGKILL to those of its tree that still run."""
    members = _processes(process)
    with contextlib.suppress(psutil.NoSuchProcess):
        process.terminate()
    psutil.wait_procs([process], timeout=_STOP_SECONDS)
    _, alive = psutil.wait_procs(members, timeout=0.1)
    for member in alive:
        with contextlib.suppress(psutil.NoSuchProcess):
            member.kill()
    psutil.wait_procs(alive)
