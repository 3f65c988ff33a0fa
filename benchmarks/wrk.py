"""wrk, the load generator: found or installed, run with our script, its answer read."""

import json
import os
import shutil
import subprocess
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

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
    BUILD.mkdir(parents=True, exist_ok=True)
    script = BUILD / "requests.lua"
    script.write_text(lua_table(requests))
    command = [
        ensure_wrk(),
        "-t1",
        f"-c{connections}",
        f"-d{max(1, round(seconds))}s",
        f"--timeout={_TIMEOUT_SECONDS}s",
    ]
    command += ["-s", str(HERE / "walk.lua"), f"http://127.0.0.1:{port}/", "--", str(script)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=seconds + 60, check=False)
    if done.returncode:
        raise BenchmarkError(f"wrk ended with status {done.returncode}: {(done.stderr or done.stdout).strip()[-300:]}")
    return parse_wrk(done.stdout)


def parse_wrk(output: str) -> Load:
    """What the script printed at the end of wrk's output; raises BenchmarkError when it is not there."""
    lines = [line for line in output.splitlines() if line.startswith("{")]
    if not lines:
        raise BenchmarkError(f"wrk printed no summary: {output.strip()[-300:]!r}")
    seen = json.loads(lines[-1])
    broken = ("connect_errors", "read_errors", "write_errors", "timeouts", "failed_status")
    return Load(
        requests_per_second=seen["requests"] / (seen["duration_us"] / 1e6),
        p50_ms=seen["p50_us"] / 1e3,
        p99_ms=seen["p99_us"] / 1e3,
        max_ms=seen["max_us"] / 1e3,
        requests=seen["requests"],
        failed=sum(seen[name] for name in broken),
    )


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
