"""One training for `benchmarks.implicit_als`, in a process of its own; prints what it took as JSON.

It imports nothing but numpy and SciPy before it knows who trains: `implicit` is in an environment of its own.
"""

import argparse
import json
import os
import time
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any
from unittest.mock import patch

import numpy as np
from scipy import sparse

from benchmarks.memory import resident_mb

FILES = ("data", "indices", "indptr")  # of the users' rows, each an .npy file
_CLEAR = Path("/proc/self/clear_refs")
_CLEAR_PEAK = "5"
_WARM_UP_ROWS = 100


@dataclass(frozen=True, kw_only=True)
class Job:
    """How to train."""

    factors: int
    sweeps: int
    threads: int


Train = Callable[[Any, Job], list[float]]  # CSR matrix -> seconds of each sweep


def train_implicit(matrix: Any, job: Job, *, use_cg: bool) -> list[float]:
    """`implicit`, by three steps of conjugate gradient a row as it does by default, or by an exact solution."""
    from implicit.cpu.als import AlternatingLeastSquares

    seconds: list[float] = []
    model = AlternatingLeastSquares(
        factors=job.factors, iterations=job.sweeps, num_threads=job.threads, use_cg=use_cg, random_state=0
    )
    model.fit(
        sparse.csr_matrix((matrix.data, matrix.indices, matrix.indptr), shape=matrix.shape),
        show_progress=False,
        callback=lambda sweep, elapsed, loss: seconds.append(elapsed),
    )
    return seconds


def train_ours(matrix: Any, job: Job) -> list[float]:
    """The ranker `ials` with its first settings; a sweep lasts from the end of the one before."""
    from model_service.training.epochs import threads
    from model_service.training.interactions import Interactions
    from model_service.training.least_squares import solve_rows
    from model_service.training.rankers import ials

    ends: list[float] = []

    def clocked(*arguments: Any, **options: Any) -> Any:
        if not ends:
            ends.append(time.perf_counter())
        solution = solve_rows(*arguments, **options)
        ends.append(time.perf_counter())
        return solution

    data = Interactions(matrix=matrix, liked_items=matrix.indices, liked_ages=None)
    settings = {**ials.search_space(data)[0], "factors": job.factors, "sweeps": job.sweeps}
    with patch.object(ials, "solve_rows", clocked), threads(1):  # of PyTorch, as in the project's training
        ials.fit(data, settings, seed=0)
    seconds: list[float] = np.diff(ends[: 2 * job.sweeps + 1 : 2]).tolist()
    return seconds


TRAINERS: dict[str, Train] = {
    "ours": train_ours,
    "implicit": partial(train_implicit, use_cg=True),
    "implicit-exact": partial(train_implicit, use_cg=False),
}


def measure(train: Train, folder: Path, shape: tuple[int, int], job: Job) -> dict[str, Any]:
    """Train on the matrix in `folder`; a small training before it loads the libraries, so that neither is counted.

    sweeps: seconds of each. seconds: of the whole training. before_mb, peak_mb: resident memory.
    """
    generator = np.random.default_rng(0)
    train(sparse.random_array((_WARM_UP_ROWS,) * 2, density=0.1, format="csr", dtype=np.float32, rng=generator), job)
    before = resident_mb("VmRSS")
    _CLEAR.write_text(_CLEAR_PEAK)
    data, indices, indptr = (np.load(folder / f"{name}.npy") for name in FILES)
    matrix = sparse.csr_array((data, indices, indptr), shape=shape)
    del data, indices, indptr
    started = time.perf_counter()
    sweeps = train(matrix, job)
    seconds = time.perf_counter() - started
    return {"sweeps": sweeps, "seconds": seconds, "before_mb": before, "peak_mb": resident_mb("VmHWM")}


def main() -> None:
    """Train once."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.als_process", description=__doc__)
    parser.add_argument("trainer", choices=list(TRAINERS))
    parser.add_argument("folder", type=Path, help="holds data.npy, indices.npy and indptr.npy")
    for name in ("users", "items", "factors", "sweeps", "threads"):
        parser.add_argument(f"--{name}", type=int, required=True)
    options = parser.parse_args()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: options.threads])
    job = Job(factors=options.factors, sweeps=options.sweeps, threads=options.threads)
    print(json.dumps(measure(TRAINERS[options.trainer], options.folder, (options.users, options.items), job)))


if __name__ == "__main__":
    main()
