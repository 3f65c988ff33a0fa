"""wrk, the load generator: found or installed, run with our script, its answer read."""

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
from benchmarks.paths import BUILD, HERE

_TIMEOUT_SECONDS = 30


@dataclass(frozen=True, kw_only=True)
class Load:
    """What a run of wrk saw; times in milliseconds."""

    requests_per_second: float
    p50_ms: float
    p99_ms: float
    max_ms: float
    requests: int
    failed: int  # answers of status 400 and more, and broken or timed out connections


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


def run_wrk(port: int, requests: Sequence[bytes], *, connections: int, seconds: float) -> Load:
    """Ask `port` of this machine with `requests`, over and over, from one thread and `connections` connections."""
    return parse_load(_run(port, "walk.lua", requests, connections=connections, seconds=seconds))


def run_crowd(
    port: int, requests: Sequence[bytes], *, per_second: float, connections: int, seconds: float
) -> dict[str, Any]:
    """Ask `port` with `requests` at a fixed rate over at most `connections` connections, whether answered or not.

    Latencies are in milliseconds, each from the moment of sending; how late requests were sent is told beside them.
    """
    log = BUILD / "crowd.log"
    arguments = (str(per_second), str(log))
    output = _run(port, "crowd.lua", requests, *arguments, connections=connections, seconds=seconds)
    summary = parse_summary(output)
    return {"offered_per_second": per_second, **told_by_crowd(summary, log.read_text())}


def told_by_crowd(summary: Mapping[str, Any], log: str) -> dict[str, Any]:
    """What the summary and the log of crowd.lua come to."""
    events = [line.split() for line in log.splitlines()]
    names = np.array([name for name, _ in events])
    milliseconds = np.array([float(value) for _, value in events]) / 1e3
    latencies = {str(name): _spread(milliseconds[names == name]) for name in np.unique(names)}
    late = latencies.pop("late", None)
    counts = {status: int((names == status).sum()) for status in latencies}
    return {
        "sent_per_second": int((names == "late").sum()) / (summary["duration_us"] / 1e6),
        "late_ms": late,
        "statuses": {**({"0": summary["broken"]} if summary["broken"] else {}), **counts},
        "latencies": latencies,
    }


def _spread(values: NDArray[np.float64]) -> dict[str, float]:
    return dict(zip(("p50_ms", "p99_ms", "max_ms"), np.percentile(values, (50, 99, 100)).tolist(), strict=True))


def parse_load(output: str) -> Load:
    """What walk.lua printed; raises BenchmarkError when it is not there."""
    seen = parse_summary(output)
    broken = ("connect_errors", "read_errors", "write_errors", "timeouts", "failed_status")
    return Load(
        requests_per_second=seen["requests"] / (seen["duration_us"] / 1e6),
        p50_ms=seen["p50_us"] / 1e3,
        p99_ms=seen["p99_us"] / 1e3,
        max_ms=seen["max_us"] / 1e3,
        requests=seen["requests"],
        failed=sum(seen[name] for name in broken),
    )


def parse_summary(output: str) -> dict[str, Any]:
    """The JSON that a script of ours printed at the end of wrk's output; raises BenchmarkError when it is not there."""
    lines = [line for line in output.splitlines() if line.startswith("{")]
    if not lines:
        raise BenchmarkError(f"wrk printed no summary: {output.strip()[-300:]!r}")
    summary: dict[str, Any] = json.loads(lines[-1])
    return summary


def _run(port: int, script: str, requests: Sequence[bytes], *arguments: str, connections: int, seconds: float) -> str:
    """The output of wrk with one thread and one of our scripts."""
    BUILD.mkdir(parents=True, exist_ok=True)
    table = BUILD / "requests.lua"
    table.write_text(lua_table(requests))
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
    """wrk's version, as it tells it."""
    told = subprocess.run([str(path), "-v"], capture_output=True, text=True, check=False).stdout.split()
    return told[1] if len(told) > 1 else "unknown"
