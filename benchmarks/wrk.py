"""wrk, the load generator: found or installed, run with a script, its output parsed."""

import json
import os
import shutil
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.errors import BenchmarkError
from benchmarks.http_request import Request
from benchmarks.paths import BUILD, HERE

_TIMEOUT_SECONDS = 30


@dataclass(frozen=True, kw_only=True)
class Load:
    """The result of a run of wrk; times in milliseconds."""

    requests_per_second: float
    p50_ms: float
    p99_ms: float
    max_ms: float
    requests: int
    failed: int  # responses of status 400 and more, and broken or timed out connections


def ensure_wrk() -> str:
    """The path of wrk, installed from the distribution's packages when it is missing and we are root."""
    found = shutil.which("wrk")
    if found:
        return found
    if os.geteuid() == 0 and shutil.which("apt-get"):
        environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
        for command in (["apt-get", "update", "-qq"], ["apt-get", "install", "-y", "-qq", "wrk"]):
            subprocess.run(command, env=environment, stdout=subprocess.DEVNULL, check=False)
        found = shutil.which("wrk")
    if not found:
        raise BenchmarkError(
            "wrk, the load generator, is missing; install it: sudo apt-get install wrk (or brew install wrk)"
        )
    return found


def run_closed_loop(port: int, requests: Sequence[Request], *, connections: int, seconds: float) -> Load:
    """Closed-loop load: each of `connections` connections sends its next request after the response to the last."""
    return parse_load(_run(port, "closed_loop.lua", requests, connections=connections, seconds=seconds))


def run_open_loop(
    port: int, requests: Sequence[Request], *, per_second: float, connections: int, seconds: float
) -> dict[str, Any]:
    """Open-loop load: `requests` at a fixed rate over at most `connections` connections, whatever the responses.

    Latencies are in milliseconds from the moment of sending; send_delay_ms: how late requests were sent.
    """
    log = BUILD / "open_loop.log"
    arguments = (str(per_second), str(log))
    output = _run(port, "open_loop.lua", requests, *arguments, connections=connections, seconds=seconds)
    summary = parse_summary(output)
    return {"offered_per_second": per_second, **parse_open_loop(summary, log.read_text())}


def parse_open_loop(summary: Mapping[str, Any], log: str) -> dict[str, Any]:
    """The result of open_loop.lua, from its summary and its log."""
    events = [line.split() for line in log.splitlines()]
    names = np.array([name for name, _ in events])
    milliseconds = np.array([float(value) for _, value in events]) / 1e3
    latencies = {str(name): _spread(milliseconds[names == name]) for name in np.unique(names)}
    late = latencies.pop("late", None)
    counts = {status: int((names == status).sum()) for status in latencies}
    return {
        "sent_per_second": int((names == "late").sum()) / (summary["duration_us"] / 1e6),
        "send_delay_ms": late,
        "statuses": {**({"0": summary["broken"]} if summary["broken"] else {}), **counts},
        "latencies": latencies,
    }


def _spread(values: NDArray[np.float64]) -> dict[str, float]:
    return dict(zip(("p50_ms", "p99_ms", "max_ms"), np.percentile(values, (50, 99, 100)).tolist(), strict=True))


def parse_load(output: str) -> Load:
    """The result of closed_loop.lua; raises BenchmarkError without one."""
    summary = parse_summary(output)
    broken = ("connect_errors", "read_errors", "write_errors", "timeouts", "failed_status")
    return Load(
        requests_per_second=summary["requests"] / (summary["duration_us"] / 1e6),
        p50_ms=summary["p50_us"] / 1e3,
        p99_ms=summary["p99_us"] / 1e3,
        max_ms=summary["max_us"] / 1e3,
        requests=summary["requests"],
        failed=sum(summary[name] for name in broken),
    )


def parse_summary(output: str) -> dict[str, Any]:
    """The JSON at the end of wrk's output, which the scripts print; raises BenchmarkError without one."""
    lines = [line for line in output.splitlines() if line.startswith("{")]
    if not lines:
        raise BenchmarkError(f"wrk printed no summary: {output.strip()[-300:]!r}")
    summary: dict[str, Any] = json.loads(lines[-1])
    return summary


def _run(port: int, script: str, requests: Sequence[Request], *arguments: str, connections: int, seconds: float) -> str:
    """The output of wrk with one thread and one of our scripts."""
    BUILD.mkdir(parents=True, exist_ok=True)
    table = BUILD / "requests.lua"
    table.write_text(lua_table([request.encode() for request in requests]))
    options = ["-t1", f"-c{connections}", f"-d{max(1, round(seconds))}s", f"--timeout={_TIMEOUT_SECONDS}s"]
    command = [ensure_wrk(), *options, "-s", str(HERE / script), f"http://127.0.0.1:{port}/", "--", str(table)]
    command += arguments
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 60, check=False)
    if done.returncode:
        raise BenchmarkError(f"wrk ended with status {done.returncode}: {(done.stderr or done.stdout).strip()[-300:]}")
    return done.stdout


def lua_table(requests: Sequence[bytes]) -> str:
    """A Lua chunk that returns `requests` as strings, every byte escaped that Lua might read otherwise."""
    return "return {\n" + ",\n".join(f'"{_escaped(request)}"' for request in requests) + "\n}\n"


def _escaped(request: bytes) -> str:
    plain = set(range(32, 127)) - set(b'"\\')
    return "".join(chr(byte) if byte in plain else f"\\{byte:03d}" for byte in request)


def version(path: str | Path) -> str:
    """wrk's version."""
    words = subprocess.run([str(path), "-v"], capture_output=True, text=True, check=False).stdout.split()
    return words[1] if len(words) > 1 else "unknown"
