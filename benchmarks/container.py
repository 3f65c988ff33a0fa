"""From `docker run` to ready, as a task starts: `python -m benchmarks.container IMAGE`, with the local stack up.

Writes medians over interleaved rounds to container.md: until the container's process runs, from there to the first
right answer to /ready, and both, for the CPUs of the smaller Fargate tasks.
"""

import argparse
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import docker
from docker.errors import DockerException, ImageNotFound

from benchmarks.errors import BenchmarkError
from benchmarks.http_request import Request
from benchmarks.machine import commit, hardware
from benchmarks.paths import HERE
from benchmarks.records import median
from benchmarks.servers import free_port, is_ready

CPUS = (0.25, 0.5, 1.0, 2.0)
_MEMORY = "512m"
_PORT = 8080
_READY_WITHIN_SECONDS = 60.0
_POLL_SECONDS = 0.005


@dataclass(frozen=True, kw_only=True)
class Start:
    """One start, in seconds: of the container, and of the service in it."""

    container: float
    service: float


def measure_start(client: docker.DockerClient, image: str, cpus: float) -> Start:
    """Start `image` as a task runs it, read-only and with `cpus` CPUs; raises BenchmarkError when it gets not ready."""
    port, ready_request, started = free_port(), Request(path="/ready"), time.time()
    container = client.containers.run(
        image,
        detach=True,
        read_only=True,
        cap_drop=["ALL"],
        nano_cpus=int(cpus * 1e9),
        mem_limit=_MEMORY,
        ports={f"{_PORT}/tcp": ("127.0.0.1", port)},
    )
    try:
        while not is_ready(port, ready_request):
            if time.time() - started > _READY_WITHIN_SECONDS:
                raise BenchmarkError(f"{image} was not ready within {_READY_WITHIN_SECONDS:g} s: {_log(container)}")
            time.sleep(_POLL_SECONDS)
        ready = time.time()
        container.reload()
        running = datetime.fromisoformat(container.attrs["State"]["StartedAt"]).timestamp()
    finally:
        container.remove(force=True)
    return Start(container=running - started, service=ready - running)


def _log(container: Any) -> str:
    return str(container.logs(tail=3).decode(errors="replace"))[-300:]


def page(size_mb: float, starts: dict[float, list[Start]], machine: dict[str, Any]) -> str:
    """The medians as a table."""
    rounds = len(next(iter(starts.values())))
    lines = [
        "# From `docker run` to ready",
        "",
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, `.venv/bin/python -m benchmarks.container IMAGE`,",
        f"medians of {rounds} interleaved rounds,",
        f"{machine['processor']}, {machine['cores']} cores, commit {machine['commit']}; the default model, an image of "
        f"{size_mb:.0f} MB that is on the machine already:",
        "pulling it comes before this on Fargate.",
        "",
        "| CPUs | until the process runs, s | from there until /ready answers 200, s | both, s |",
        "|---:|---:|---:|---:|",
    ]
    for cpus, seen in starts.items():
        container, service = median(one.container for one in seen), median(one.service for one in seen)
        both = median(one.container + one.service for one in seen)
        lines.append(f"| {cpus:g} | {container:.2f} | {service:.2f} | {both:.2f} |")
    return "\n".join(lines) + "\n"


def main() -> int:
    """Measure, print and write the page."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.container", description=__doc__)
    parser.add_argument("image", help="as `docker images` names it: localhost:4566/recommender-local:TAG")
    parser.add_argument("--rounds", type=int, default=7)
    parser.add_argument("--out", type=Path, default=HERE / "container.md")
    options = parser.parse_args()
    try:
        client = docker.from_env()
        size_mb = client.images.get(options.image).attrs["Size"] / 1e6
        starts: dict[float, list[Start]] = {cpus: [] for cpus in CPUS}
        for _ in range(options.rounds):
            for cpus, seen in starts.items():
                seen.append(measure_start(client, options.image, cpus))
    except ImageNotFound:
        print(f"error: no image {options.image} here; `make up` makes one, `docker images` names it", file=sys.stderr)
        return 1
    except (BenchmarkError, DockerException) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    text = page(size_mb, starts, {**hardware(), "commit": commit()})
    options.out.write_text(text, encoding="utf-8")
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
