"""`python -m benchmarks.implicit_als`: training of the ranker `ials` beside that of the library `implicit`.

Both learn the same invented ratings, with as many factors, sweeps and threads, in alternating rounds, each time in a
new process. `implicit` is installed in an environment of its own.
"""

import argparse
import json
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from tqdm import tqdm

from benchmarks.als_process import FILES, Job
from benchmarks.arguments import positive
from benchmarks.environments import ensure_environment, python_of
from benchmarks.errors import BenchmarkError
from benchmarks.machine import commit, hardware, pinned
from benchmarks.paths import HERE, ROOT
from benchmarks.records import median
from benchmarks.training import invent_pairs, sides

PAGE = HERE / "implicit_als.md"
COMMAND = ".venv/bin/python -m benchmarks.implicit_als --write"
LABELS = {
    "ours": "**ours**, exact",
    "implicit": "implicit, 3 steps of conjugate gradient (its default)",
    "implicit-exact": "implicit, exact (`use_cg=False`)",
}
_BYTES_A_RATING = 12  # two int32 and a float32
_TIMEOUT_SECONDS = 3600


@dataclass(frozen=True, kw_only=True)
class SizeResult:
    """All rounds at one size; runs: by trainer what als_process.measure returns."""

    ratings: int
    users: int
    items: int
    job: Job
    runs: Mapping[str, Sequence[Mapping[str, Any]]]

    @property
    def floor_mb(self) -> float:
        """The ratings and both sides' factors."""
        return (self.ratings * _BYTES_A_RATING + (self.users + self.items) * self.job.factors * 4) / 1e6


def measure(ratings: int, *, rounds: int, job: Job, seed: int) -> SizeResult:
    """Make the ratings, and train on them; raises BenchmarkError."""
    users, items = sides(ratings)
    trainers = list(LABELS)
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in trainers}
    with tempfile.TemporaryDirectory(prefix="ratings-") as name:
        write_matrix(Path(name), ratings, seed=seed)
        with tqdm(total=rounds * len(trainers), desc=f"{ratings:,} ratings", unit=" trainings") as bar:
            for number in range(rounds):
                for trainer in trainers if number % 2 == 0 else reversed(trainers):
                    bar.set_postfix_str(trainer)
                    runs[trainer].append(_train(trainer, Path(name), users, items, job))
                    bar.update()
    return SizeResult(ratings=ratings, users=users, items=items, job=job, runs=runs)


def write_matrix(folder: Path, ratings: int, *, seed: int) -> None:
    """Invented ratings as the rows of the users in CSR form, weights 0.1 to 1, in the files of als_process."""
    generator = np.random.default_rng(seed)
    users, items = sides(ratings)
    pairs = invent_pairs(ratings, users, items, generator)
    weights = generator.integers(1, 11, size=ratings, dtype=np.int8).astype(np.float32) / 10
    indptr = np.searchsorted(pairs, np.arange(users + 1) * items).astype(np.int32)
    arrays: tuple[NDArray[Any], ...] = (weights, (pairs % items).astype(np.int32), indptr)
    for name, array in zip(FILES, arrays, strict=True):
        np.save(folder / f"{name}.npy", array)


def _train(trainer: str, folder: Path, users: int, items: int, job: Job) -> dict[str, Any]:
    python = sys.executable if trainer == "ours" else str(python_of("implicit"))
    sizes = {"users": users, "items": items, "factors": job.factors, "sweeps": job.sweeps, "threads": job.threads}
    options = [f"--{name}={value}" for name, value in sizes.items()]
    done = subprocess.run(
        [python, "-m", "benchmarks.als_process", trainer, str(folder), *options],
        cwd=ROOT,
        env={**os.environ, **({} if trainer == "ours" else {"OPENBLAS_NUM_THREADS": "1"})},
        capture_output=True,
        text=True,
        timeout=_TIMEOUT_SECONDS,
        check=False,
    )
    if done.returncode:
        last = (done.stderr.strip().splitlines() or ["it wrote nothing"])[-1]
        raise BenchmarkError(f"the training by {trainer} ended with status {done.returncode}: {last[:300]}")
    result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
    return result


def page(results: Sequence[SizeResult], machine: Mapping[str, Any], *, version: str) -> str:
    """The whole page in Markdown."""
    job = results[0].job
    lines = [
        "# Training beside `implicit`",
        "",
        f"`{COMMAND}`",
        "",
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, commit {machine['commit']}, implicit {version}.",
        f"Seen on {machine['cores']} shared cores ({platform.machine()}, {machine['processor']}, no GPU)",
        f"with other work on them (load {machine['load_before']} before), so ratios within a table count.",
        "",
        f"Both learn the same invented ratings with {job.factors} factors, {job.sweeps} sweeps and as many",
        f"threads ({job.threads}), in alternating rounds, each training in a new process that holds the ratings as",
        "one CSR matrix. Figures are medians, in brackets the extremes. `implicit` takes three steps of conjugate",
        "gradient a row unless told otherwise, and ours solves each row's equations exactly, so a sweep of ours",
        "does more arithmetic; after the last sweep ours solves the users' rows once more. OPENBLAS_NUM_THREADS is",
        "1 for `implicit`, as it asks. Memory for the training is the peak less what the process had before the",
        "ratings were loaded, with its libraries in use; the multiple is of the ratings, 12 bytes each, and of",
        "both sides' factors.",
    ]
    return "\n".join([*lines, *(line for result in results for line in ("", *table(result)))]) + "\n"


def table(result: SizeResult) -> list[str]:
    """One size."""
    rounds = len(result.runs["ours"])
    lines = [
        f"## {result.ratings:,} ratings of {result.items:,} items by {result.users:,} users",
        "",
        f"{rounds} {'round' if rounds == 1 else 'rounds'}; ratings {result.ratings * _BYTES_A_RATING / 1e6:,.0f} MB, "
        f"with factors {result.floor_mb:,.0f} MB.",
        "",
        "| | a sweep, s | all of `fit`, s | peak memory, MB | before the ratings | for the training | multiple |",
        "| --- | ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    sweeps = {name: median(second for run in runs for second in run["sweeps"]) for name, runs in result.runs.items()}
    for name, runs in result.runs.items():
        peak, before = (median(run[key] for run in runs) for key in ("peak_mb", "before_mb"))
        own = median(run["peak_mb"] - run["before_mb"] for run in runs)
        every = [second for run in runs for second in run["sweeps"]]
        times = (
            f"{sweeps[name]:.2f} ({min(every):.2f} to {max(every):.2f}) | {median(run['seconds'] for run in runs):.2f}"
        )
        lines.append(
            f"| {LABELS[name]} | {times} | {peak:,.0f} | {before:,.0f} | {own:,.0f} | {own / result.floor_mb:.2f} |"
        )
    others = [f"{sweeps['ours'] / sweeps[name]:.2f} times that of {LABELS[name]}" for name in sweeps if name != "ours"]
    return [*lines, "", f"A sweep of ours takes {', and '.join(others)}."]


def main(arguments: list[str] | None = None) -> int:
    """Measure, print, and write the page where that is asked for; returns 0, or 1 when a training failed."""
    options = _parser().parse_args(arguments)
    machine = {**hardware(), "load_before": round(os.getloadavg()[0], 1), "commit": commit()}
    job = Job(factors=options.factors, sweeps=options.sweeps, threads=options.threads)
    results = []
    try:
        ensure_environment("implicit")
        for ratings in options.ratings:
            results.append(measure(ratings, rounds=options.rounds, job=job, seed=options.seed))
            print("\n".join(table(results[-1])), flush=True)
    except (BenchmarkError, subprocess.TimeoutExpired) as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    if options.write:
        PAGE.write_text(page(results, machine, version=pinned("implicit", "implicit")), encoding="utf-8")
        print(f"wrote {PAGE.name}")
    return 0


def _ratings(text: str) -> int:
    ratings = positive(text)
    if not _MIN_RATINGS <= ratings <= _MAX_RATINGS:
        raise argparse.ArgumentTypeError(f"{ratings} is not from {_MIN_RATINGS} to {_MAX_RATINGS}")
    return ratings


_MIN_RATINGS, _MAX_RATINGS = 1000, 1_000_000_000


def _parser() -> argparse.ArgumentParser:
    available = len(os.sched_getaffinity(0))
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.implicit_als",
        description=__doc__,
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--ratings", type=_ratings, nargs="+", default=[1_000_000, 25_000_000], help="the sizes")
    parser.add_argument("--rounds", type=positive, default=3, help="trainings of each at each size")
    parser.add_argument("--sweeps", type=positive, default=3, help="of a training")
    parser.add_argument("--factors", type=positive, default=64, help="length of the vectors")
    parser.add_argument("--threads", type=positive, default=available, help="of both")
    parser.add_argument("--seed", type=int, default=0, help="decides the invented ratings")
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.name}")
    return parser


if __name__ == "__main__":
    sys.exit(main())
