"""`python -m benchmarks.batch`: batch scoring beside the batch calls of the library `implicit`.

Both score the same users with the same factors, threads and items seen, in alternating rounds, each in a process of its
own that lasts over all rounds. `implicit` is installed in an environment of its own.
"""

import argparse
import json
import os
import platform
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from tqdm import tqdm

from benchmarks.arguments import positive
from benchmarks.artifacts import films, random_weights
from benchmarks.batch_process import FILES
from benchmarks.environments import ensure_environment, python_of
from benchmarks.errors import BenchmarkError
from benchmarks.machine import commit, hardware, pinned
from benchmarks.paths import HERE, ROOT
from benchmarks.records import median
from benchmarks.sizes import Size
from model_service.artifact import write_artifact

PAGE = HERE / "batch.md"
COMMAND = ".venv/bin/python -m benchmarks.batch --write"
N = 10
FILMS, FACTORS, SEEN = 62_000, 64, 25
_TIMEOUT_SECONDS = 3600
_SCORERS = ("ours", "implicit")
_SAME = 0.99  # share of the sample's items that both have to list; `implicit` adds in float32


@dataclass(frozen=True, kw_only=True)
class Full:
    """One run of `model_service.batch` over all users: seconds and users/s as it tells them, and its peak memory."""

    users: int
    seconds: float
    users_per_second: float
    peak_mb: float
    parts_mb: float


@dataclass(frozen=True, kw_only=True)
class Result:
    """rounds: users/s of each contender in each round. full: None where it was not asked for."""

    size: Size
    sample: int
    threads: int
    rounds: Mapping[str, Sequence[float]]
    peak_mb: Mapping[str, float]
    same: float
    full: Full | None


def measure(size: Size, *, sample: int, rounds: int, threads: int, full: bool, folder: Path) -> Result:
    """Make the model in `folder`, score samples of it by both in turn, and all of it by ours; raises BenchmarkError."""
    make_model(size, folder)
    speeds: dict[str, list[float]] = {name: [] for name in _SCORERS}
    last: dict[str, dict[str, Any]] = {}
    processes: dict[str, subprocess.Popen[str]] = {}
    try:
        for name in _SCORERS:
            processes[name] = _start(name, folder, threads)
            _answer(name, processes[name])
        for number in tqdm(range(rounds), desc=f"{sample:,} users each", unit=" rounds"):
            first = number * sample % max(1, size.users - sample + 1)
            for name in _SCORERS if number % 2 == 0 else reversed(_SCORERS):
                last[name] = _ask(name, processes[name], f"{first} {sample}")
                speeds[name].append(sample / last[name]["seconds"])
    finally:
        for process in processes.values():
            process.kill()
            process.communicate()
    return Result(
        size=size,
        sample=sample,
        threads=threads,
        rounds=speeds,
        peak_mb={name: answer["peak_mb"] for name, answer in last.items()},
        same=_overlap(last["ours"]["sample"], last["implicit"]["sample"]),
        full=run_all(folder, size.users, threads) if full else None,
    )


def make_model(size: Size, folder: Path) -> None:
    """An artifact of random factors without biases, which `implicit` does not know, and the files of batch_process."""
    weights = replace(random_weights(size), item_bias=np.zeros(size.films, np.float32))
    write_artifact(
        folder / "artifact",
        weights=weights,
        items=films(size),
        data={"source": "random factors", "scale": [1.0, 5.0]},
        hyperparameters={"factors": size.factors},
        metrics={},
        libraries={},
    )
    arrays = (weights.user_factors, weights.item_factors, weights.seen_indptr, weights.seen_indices)
    for name, array in zip(FILES, arrays, strict=True):
        np.save(folder / f"{name}.npy", np.asarray(array))


def _start(name: str, folder: Path, threads: int) -> "subprocess.Popen[str]":
    python = sys.executable if name == "ours" else str(python_of("implicit"))
    return subprocess.Popen(
        [python, "-m", "benchmarks.batch_process", name, str(folder), f"--threads={threads}", f"--n={N}"],
        cwd=ROOT,
        env={**os.environ, "OPENBLAS_NUM_THREADS": "1"},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def _ask(name: str, process: "subprocess.Popen[str]", line: str) -> dict[str, Any]:
    assert process.stdin is not None  # noqa: S101 it is a pipe
    process.stdin.write(f"{line}\n")
    process.stdin.flush()
    return _answer(name, process)


def _answer(name: str, process: "subprocess.Popen[str]") -> dict[str, Any]:
    assert process.stdout is not None  # noqa: S101 it is a pipe
    line = process.stdout.readline()
    if not line:
        _, errors = process.communicate()
        last = (errors.strip().splitlines() or ["it wrote nothing"])[-1]
        raise BenchmarkError(f"the scoring by {name} ended: {last[:300]}")
    answer: dict[str, Any] = json.loads(line)
    return answer


def _overlap(ours: list[list[int]], others: list[list[int]]) -> float:
    """The share of the sample's items that both list."""
    pairs = list(zip(ours, others, strict=True))
    return sum(len(set(one) & set(other)) for one, other in pairs) / sum(len(one) for one, _ in pairs)


def run_all(folder: Path, users: int, threads: int) -> Full:
    """`python -m model_service.batch` into Parquet, once, over all users; raises BenchmarkError."""
    out = folder / "out"
    command = [sys.executable, "-m", "model_service.batch", "--artifact", str(folder / "artifact"), "--out", str(out)]
    started = time.perf_counter()
    done = subprocess.run(
        [*command, "--threads", str(threads)],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=False,
        timeout=_TIMEOUT_SECONDS,
    )
    seconds = time.perf_counter() - started
    if done.returncode:
        raise BenchmarkError(f"the run over all users ended with status {done.returncode}: {done.stderr[-300:]}")
    words = done.stdout.splitlines()[-1].split()
    size = sum(file.stat().st_size for file in out.iterdir())
    return Full(
        users=users,
        seconds=seconds,
        users_per_second=float(words[words.index("users/s") - 1].replace(",", "")),
        peak_mb=float(words[words.index("memory") + 1].replace(",", "")) * 2**20 / 1e6,
        parts_mb=size / 1e6,
    )


def page(result: Result, machine: Mapping[str, Any], *, version: str) -> str:
    """The whole page in Markdown."""
    size, lines = result.size, []
    lines += [
        "# Batch scoring beside `implicit`",
        "",
        f"`{COMMAND}`",
        "",
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, commit {machine['commit']}, implicit {version}.",
        f"Seen on {machine['cores']} shared cores ({platform.machine()}, {machine['processor']}, no GPU)",
        f"with other work on them (load {machine['load_before']} before), so ratios count.",
        "",
        f"A model of {size.films:,} films and {size.users:,} users with random factors (k = {size.factors}) and about",
        f"{size.seen} films seen by each user. Both list the {N} best films that a user has not seen, with as many",
        f"threads ({result.threads}), for the same {result.sample:,} users a round, in {len(result.rounds['ours'])} "
        "alternating rounds.",
        "Ours also predicts the stars of every listed film, and its order is that of exact scores; `implicit` adds in",
        f"float32. Of the items of a sample, {result.same:.1%} are the same. OPENBLAS_NUM_THREADS is 1 for `implicit`,",
        "as it asks; it gets chunks of 1,024 users. Nothing is written. Figures are medians, in brackets the extremes.",
        "",
        *table(result),
    ]
    if result.full:
        lines += ["", full_sentence(result.full)]
    return "\n".join(lines) + "\n"


def full_sentence(full: Full) -> str:
    """What a run over all users took."""
    return (
        f"`python -m model_service.batch` for all {full.users:,} users, once, from start to end with checksums and "
        f"Parquet files ({full.parts_mb:,.0f} MB): {full.seconds:,.0f} s, {full.users_per_second:,.0f} users/s while "
        f"scoring, peak memory {full.peak_mb:,.0f} MB, pages of the mapped artifact included."
    )


def table(result: Result) -> list[str]:
    """Users a second, and memory."""
    labels = {"ours": "**ours**", "implicit": "implicit, `recommend` of many users"}
    lines = ["| | users/s | peak memory, MB |", "| --- | ---: | ---: |"]
    for name, speeds in result.rounds.items():
        speed = f"{median(speeds):,.0f} ({min(speeds):,.0f} to {max(speeds):,.0f})"
        lines.append(f"| {labels[name]} | {speed} | {result.peak_mb[name]:,.0f} |")
    ratios = [one / other for one, other in zip(result.rounds["ours"], result.rounds["implicit"], strict=True)]
    ratio = f"{median(ratios):.1f} ({min(ratios):.1f} to {max(ratios):.1f})"
    return [*lines, "", f"Ours scores {ratio} times as many users a second; the ratio is that of each round."]


def main(arguments: list[str] | None = None) -> int:
    """Measure, print, and write the page where that is asked for; returns 0, or 1 when a contender failed."""
    options = _parser().parse_args(arguments)
    size = Size(films=options.films, factors=FACTORS, users=options.users, seen=SEEN)
    machine = {**hardware(), "load_before": round(os.getloadavg()[0], 1), "commit": commit()}
    folder = Path(tempfile.mkdtemp(prefix="batch-"))
    try:
        ensure_environment("implicit")
        result = measure(
            size,
            sample=min(options.sample, options.users),
            rounds=options.rounds,
            threads=options.threads,
            full=not options.no_full,
            folder=folder,
        )
    except (BenchmarkError, subprocess.TimeoutExpired) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    if result.same < _SAME:
        print(f"error: only {result.same:.1%} of the items are the same, so the speeds do not compare", file=sys.stderr)
        return 1
    print("\n".join(table(result)))
    if result.full:
        print(full_sentence(result.full))
    if options.write:
        PAGE.write_text(page(result, machine, version=pinned("implicit", "implicit")), encoding="utf-8")
        print(f"wrote {PAGE.name}")
    return 0


def _parser() -> argparse.ArgumentParser:
    available = len(os.sched_getaffinity(0))
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.batch",
        description=__doc__,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--users", type=positive, default=1_000_000, help="of the model")
    parser.add_argument("--films", type=positive, default=FILMS, help="of the model")
    parser.add_argument("--sample", type=positive, default=20_000, help="users that both score in a round")
    parser.add_argument("--rounds", type=positive, default=7, help="of both")
    parser.add_argument("--threads", type=positive, default=available, help="of both")
    parser.add_argument("--no-full", action="store_true", help="leave out the run over all users")
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.name}")
    return parser


if __name__ == "__main__":
    sys.exit(main())
