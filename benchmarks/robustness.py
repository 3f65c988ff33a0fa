"""Requests that schemathesis generates from the OpenAPI description: `python -m benchmarks.robustness`.

Writes what the service answered and how its memory went to robustness.md; status 1 when a check of schemathesis failed
or anything was answered with a 5xx.
"""

import argparse
import contextlib
import os
import re
import subprocess
import sys
import time
from datetime import UTC, datetime

from benchmarks.artifacts import ensure_artifact
from benchmarks.environments import ensure_environment, python_of, requirements_of
from benchmarks.errors import BenchmarkError
from benchmarks.http_request import Request, connect
from benchmarks.machine import commit
from benchmarks.paths import BUILD, HERE, LOGS
from benchmarks.servers import Server, free_port, running
from benchmarks.sizes import SIZES

ENVIRONMENT = "schemathesis"
CHECKS = "not_a_server_error,status_code_conformance,content_type_conformance,response_schema_conformance"
_WARM_UP_SECONDS = 30.0
_MAX_EXAMPLES = 1_000_000  # of one operation: the time ends the run
_CLASSES = re.compile(rb'^recommender_requests_total\{status="(\dxx)"\} (\S+)$', re.MULTILINE)


def main() -> int:
    """Run for as long as the command line says, and write the page."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.robustness", description=__doc__)
    parser.add_argument("--minutes", type=float, default=10.0)
    options = parser.parse_args()
    try:
        ensure_environment(ENVIRONMENT)
        size = SIZES["1682"]
        port = free_port()
        with running(
            [sys.executable, "-m", "model_service.serving"],
            environment={**os.environ, "PORT": str(port), "WORKERS": "1", "ARTIFACT_DIR": str(ensure_artifact(size))},
            port=port,
            first_request=Request(path="/?uid=20"),
            log=LOGS / "robustness.log",
            ready_timeout_seconds=60,
        ) as server:
            _schemathesis(server, _WARM_UP_SECONDS, seed=0)
            before = server.resident_mb()
            started = time.perf_counter()
            output, status = _schemathesis(server, 60 * options.minutes, seed=1)
            seconds = time.perf_counter() - started
            after, counts = server.resident_mb(), _counts(server.port)
    except BenchmarkError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    page = _page(options.minutes, seconds, output, counts, before, after, passed=status == 0)
    (HERE / "robustness.md").write_text(page)
    print(page)
    return 1 if status or counts.get("5xx") else 0


def _schemathesis(server: Server, seconds: float, *, seed: int) -> tuple[str, int]:
    """The end of what it prints, and its status."""
    command = [str(python_of(ENVIRONMENT)), "-m", "schemathesis.cli", "run"]
    command += [f"http://127.0.0.1:{server.port}/openapi.json", "--checks", CHECKS, "--mode", "all", "--no-color"]
    command += ["--max-time", f"{seconds:.0f}", "-n", str(_MAX_EXAMPLES), "--seed", str(seed), "--continue-on-failure"]
    folder = BUILD / "schemathesis"
    folder.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=seconds + 300, check=False
    )  # a folder of its own: it keeps examples where it runs
    return done.stdout, done.returncode


def _counts(port: int) -> dict[str, int]:
    """Answers so far by the first digit of their status, as the service counts them."""
    with contextlib.closing(connect(port)) as connection:
        found = _CLASSES.findall(Request(path="/metrics").send(connection).body)
    return {name.decode(): int(float(value)) for name, value in found}


def _page(
    minutes: float, seconds: float, output: str, counts: dict[str, int], before: float, after: float, *, passed: bool
) -> str:
    version = requirements_of(ENVIRONMENT).read_text().strip()
    cases = re.search(r"Test cases:\s*\n(?:\s+.*\n)*", output)
    answers = ", ".join(f"{count:,} x {name}" for name, count in sorted(counts.items()))
    lines = [
        "# Requests that nobody would write",
        "",
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, `.venv/bin/python -m benchmarks.robustness --minutes {minutes:g}`, "
        f"{version}, commit {commit()}; one worker, 1,682 films.",
        "",
        f"{seconds:.0f} seconds of requests made up from the OpenAPI description, right and wrong ones, with the "
        f"checks {CHECKS.replace(',', ', ')}: {'all passed' if passed else '**not all passed**'}.",
        f"The service answered {answers} (the warm-up included).",
        f"Resident after half a minute {before:.1f} MB, at the end {after:.1f} MB.",
        "",
        "```text",
        *(cases.group(0).rstrip().splitlines() if cases else output.strip().splitlines()[-15:]),
        "```",
    ]
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    sys.exit(main())
