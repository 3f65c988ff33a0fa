"""One contender of `benchmarks.batch`, in a process of its own; scores samples of users and prints each round as JSON.

It imports nothing but numpy and SciPy before it knows who scores: `implicit` is in an environment of its own.
"""

import argparse
import json
import os
import sys
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.memory import resident_mb

FILES = ("user_factors", "item_factors", "indptr", "indices")
CHUNK = 1024
"""Users in a call of `implicit`, and in one of each thread of ours."""

Score = Callable[[NDArray[np.int64], int], NDArray[np.int32]]  # users (B,), n -> (B, n) item rows


def implicit_scorer(folder: Path, threads: int) -> Score:
    """`AlternatingLeastSquares.recommend` for many users, without what they have seen."""
    from implicit.cpu.als import AlternatingLeastSquares
    from scipy import sparse

    arrays = {name: np.load(folder / f"{name}.npy") for name in FILES}
    model = AlternatingLeastSquares(factors=arrays["item_factors"].shape[1], num_threads=threads)
    model.user_factors, model.item_factors = arrays["user_factors"], arrays["item_factors"]
    indices, indptr = arrays["indices"], arrays["indptr"].astype(np.int32)
    shape = (len(indptr) - 1, len(arrays["item_factors"]))
    seen = sparse.csr_matrix((np.ones(len(indices), np.float32), indices, indptr), shape=shape)

    def score(users: NDArray[np.int64], n: int) -> NDArray[np.int32]:
        found = []
        for first in range(0, len(users), CHUNK):
            chunk = users[first : first + CHUNK]
            found.append(model.recommend(chunk, seen[chunk], N=n, filter_already_liked_items=True)[0])
        return np.concatenate(found)

    return score


def our_scorer(folder: Path, threads: int) -> Score:
    """The path of `model_service.batch`: `Recommender.recommend_rows` on as many threads, stars included."""
    from model_service.artifact import load_artifact
    from model_service.serving.recommender import Recommender

    recommender = Recommender(load_artifact(folder / "artifact"))
    pool = ThreadPoolExecutor(threads)

    def score(users: NDArray[np.int64], n: int) -> NDArray[np.int32]:
        chunks = [users[first : first + CHUNK] for first in range(0, len(users), CHUNK)]
        found = list(pool.map(lambda chunk: recommender.recommend_rows(chunk, n), chunks))
        return np.concatenate([one.rows for one in found]).reshape(len(users), n)

    return score


SCORERS = {"ours": our_scorer, "implicit": implicit_scorer}


def main() -> None:
    """Score the users that each line of the input names by their first row and number; prints seconds and memory."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.batch_process", description=__doc__)
    parser.add_argument("scorer", choices=list(SCORERS))
    parser.add_argument("folder", type=Path)
    parser.add_argument("--threads", type=int, required=True)
    parser.add_argument("--n", type=int, required=True)
    options = parser.parse_args()
    os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[: options.threads])
    score = SCORERS[options.scorer](options.folder, options.threads)
    score(np.arange(1), options.n)
    print(json.dumps({"ready": True}), flush=True)
    for line in sys.stdin:
        first, count = map(int, line.split())
        users = np.arange(first, first + count)
        started = time.perf_counter()
        rows = score(users, options.n)
        seconds = time.perf_counter() - started
        print(
            json.dumps({"seconds": seconds, "sample": rows[:50].tolist(), "peak_mb": resident_mb("VmHWM")}), flush=True
        )


if __name__ == "__main__":
    main()
