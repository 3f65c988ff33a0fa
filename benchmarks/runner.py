"""Runs a plan: environments, artifacts, interleaved rounds, scoring without HTTP, overload."""

import json
import subprocess
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.artifacts import ensure_artifact
from benchmarks.contenders import CONTENDERS, Contender
from benchmarks.environments import ensure_environment
from benchmarks.errors import BenchmarkError
from benchmarks.measure import measure
from benchmarks.overload import measure_overload
from benchmarks.paths import ROOT
from benchmarks.records import Journal, Measurement
from benchmarks.services.numpy_baseline import NumpyBaseline
from benchmarks.sizes import SIZES, Size
from benchmarks.wrk import ensure_wrk


@dataclass(frozen=True, kw_only=True)
class Plan:
    """What to measure; `seconds` is the length of the load in each round."""

    sizes: tuple[str, ...]
    contenders: tuple[str, ...]
    rounds: int
    seconds: float
    overload_seconds: float
    overload_sizes: tuple[str, ...]
    kernel_rounds: int
    kernel_sizes: tuple[str, ...]


def log_progress(text: str) -> None:
    """Progress, with the time of day."""
    print(f"{time.strftime('%H:%M:%S')} {text}", flush=True)


def run(plan: Plan, journal: Journal) -> None:
    """Measure whatever of `plan` the journal does not hold yet."""
    ensure_wrk()
    _build_native()
    contenders = [one for one in CONTENDERS if one.key in plan.contenders]
    problems = _install(contenders)
    for name in plan.sizes:
        _interleave(SIZES[name], contenders, problems, plan, journal)
    for name in plan.kernel_sizes:
        _kernels(SIZES[name], plan.kernel_rounds, journal)
    ours = next((one for one in contenders if one.key == "ours-computed"), None)
    for name in plan.overload_sizes:
        if ours:
            _overload(ours, SIZES[name], plan.overload_seconds, journal)


def _install(contenders: Sequence[Contender]) -> dict[str, str]:
    """Make the environments; the problems of those that could not be made, by name."""
    problems = {}
    for name in dict.fromkeys(one.environment for one in contenders if one.environment):
        started = time.perf_counter()
        try:
            ensure_environment(name)
        except BenchmarkError as error:
            problems[name] = str(error)
            log_progress(f"environment {name}: {error}")
        else:
            if time.perf_counter() - started > 1:
                log_progress(f"environment {name} installed in {time.perf_counter() - started:.0f} s")
    return problems


def _interleave(
    size: Size, contenders: Sequence[Contender], problems: dict[str, str], plan: Plan, journal: Journal
) -> None:
    done = {one.key for one in journal.measurements()}
    taking_part = [one for one in contenders if one.sizes is None or size.name in one.sizes]
    planned = [(number, one) for number in range(plan.rounds) for one in taking_part]
    missing = [(number, one) for number, one in planned if (size.name, one.key, number) not in done]
    if not missing:
        return
    log_progress(f"{size.label}: {len(missing)} measurements")
    artifact = ensure_artifact(size)
    model = NumpyBaseline(artifact)
    for number, contender in missing:
        problem = problems.get(contender.environment or "")
        if problem:
            result = Measurement(size=size.name, contender=contender.key, round=number, error=problem)
        else:
            result = measure(contender, size, artifact, model, number=number, seconds=plan.seconds)
        journal.add_measurement(result)
        summary = (
            f"{result.load.requests_per_second:,.0f}/s, p99 {result.load.p99_ms:.1f} ms"
            if result.load
            else result.error
        )
        log_progress(f"  round {number + 1} of {plan.rounds}, {contender.key}: {summary}")


def _kernels(size: Size, rounds: int, journal: Journal) -> None:
    if any(record.get("films") == size.films or record.get("size") == size.name for record in journal.of("kernel")):
        return
    log_progress(f"{size.label}: scoring without HTTP")
    command = [sys.executable, "-m", "benchmarks.kernels", str(ensure_artifact(size)), str(rounds)]
    try:
        done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)
    except subprocess.TimeoutExpired:
        journal.add("failure", {"what": f"scoring without HTTP, {size.label}: longer than 600 s"})
        return
    if done.returncode:
        journal.add("failure", {"what": f"scoring without HTTP, {size.label}: {done.stderr.strip()[-300:]}"})
        return
    journal.add("kernel", json.loads(done.stdout))


def _overload(ours: Contender, size: Size, seconds: float, journal: Journal) -> None:
    if any(record["size"] == size.name for record in journal.of("overload")):
        return
    log_progress(f"{size.label}: overload for {seconds:g} s")
    try:
        result: dict[str, Any] = measure_overload(ours, size, ensure_artifact(size), seconds=seconds)
    except (BenchmarkError, OSError, subprocess.TimeoutExpired) as error:
        journal.add("failure", {"what": f"overload, {size.label}: {error}"})
        return
    journal.add("overload", result)


def _build_native() -> None:
    """Compile the kernel, as the image has it; without a compiler ours is measured with its numpy engine."""
    from model_service.native.build import BuildError, build

    try:
        build()
    except BuildError as error:
        log_progress(f"the compiled kernel is not measured: {error}")
