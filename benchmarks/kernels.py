"""Scoring without HTTP, against the memory's speed: `python -m benchmarks.kernels ARTIFACT ROUNDS`, JSON out.

Each number is the median over interleaved rounds of the time for one answer in ms. The bound is the time to read the
item factors once, by the fastest of several ways to read them, on one and on all cores: the lowest is taken.
Of a large catalogue the approximate index is built, where its library is installed, and measured in the same rounds.
"""

import importlib.util
import json
import os
import sys
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.records import median
from model_service.ann_index import AnnIndex, AnnIndexError, read_index
from model_service.artifact import Artifact, load_artifact
from model_service.build_index import build_index
from model_service.ids import Ids
from model_service.serving.recommender import Recommender, RecommendRequest

TOP = 10
BATCH = 32
APPROXIMATE = "ours, approximate index: single"
_WARM_ROUNDS = 1
_INDEX_ABOVE = 500_000  # films
_RECALL_USERS = 1000
_IN_A_ROW = 25  # answers from the index, each to another user: together about the time of one of numpy's


def stream_ways(factors: NDArray[np.float32]) -> dict[str, Callable[[], object]]:
    """Ways to read every byte of `factors` (I, k) once: a maximum and a dot product, on one core and on all."""
    flat = factors.reshape(-1)
    cores = len(os.sched_getaffinity(0))
    parts = np.array_split(flat, cores)
    pool = ThreadPoolExecutor(cores)
    return {
        "maximum, one core": lambda: flat.max(),
        "dot product, one core": lambda: np.dot(flat, flat),
        f"maximum, {cores} cores": lambda: list(pool.map(np.max, parts)),
        f"dot product, {cores} cores": lambda: list(pool.map(lambda part: np.dot(part, part), parts)),
    }


class NumpyTopK:
    """The usual numpy: a product, -inf for the seen, `argpartition`."""

    def __init__(self, artifact: Artifact) -> None:
        self._weights = artifact.weights
        self._base = artifact.weights.item_bias
        if artifact.weights.user_factors is None:
            raise ValueError("the artifact has no user vectors")
        self._users = artifact.weights.user_factors

    def product(self, user: int) -> NDArray[np.float32]:
        """(I,) the scores but for the biases: numpy's product and nothing else."""
        scores: NDArray[np.float32] = self._weights.item_factors @ self._users[user]
        return scores

    def top(self, user: int) -> NDArray[np.intp]:
        """(TOP,) the best unseen rows."""
        scores = self.product(user)
        scores += self._base
        return self._best(scores, user)

    def top_batch(self, users: NDArray[np.int64]) -> list[NDArray[np.intp]]:
        """The same for `users` (B,) with one product for all."""
        scores = self._users[users] @ self._weights.item_factors.T  # (B, I)
        scores += self._base
        return [self._best(row, int(user)) for row, user in zip(scores, users, strict=True)]

    def _best(self, scores: NDArray[np.float32], user: int) -> NDArray[np.intp]:
        start, end = self._weights.seen_indptr[user : user + 2]
        scores[self._weights.seen_indices[start:end]] = -np.inf
        best = np.argpartition(scores, -TOP)[-TOP:]
        return best[np.argsort(-scores[best], kind="stable")]


def measure_kernels(artifact: Artifact, rounds: int, index: AnnIndex | None = None) -> dict[str, Any]:
    """Medians in ms for one answer, ratios, and whether ours and numpy's best films are the same.

    `index` is measured beside them where it is given.
    """
    threads = len(os.sched_getaffinity(0))
    recommender, plain = Recommender(artifact, threads=threads), NumpyTopK(artifact)
    ids = artifact.weights.users
    users = _walk(len(ids))

    def ours(count: int) -> object:
        return recommender.recommend_many([RecommendRequest(ids[next(users)], TOP) for _ in range(count)])

    def batch() -> object:
        return plain.top_batch(np.array([next(users) for _ in range(BATCH)]))

    streams = stream_ways(artifact.weights.item_factors)
    subjects: dict[str, tuple[Callable[[], object], int]] = {
        **{f"stream: {name}": (way, 1) for name, way in streams.items()},
        "numpy: product single_connection": (lambda: plain.product(next(users)), 1),
        "numpy: argpartition, single": (lambda: plain.top(next(users)), 1),
        f"numpy: argpartition, batch of {BATCH}": (batch, BATCH),
        "ours: single": (lambda: ours(1), 1),
        f"ours: batch of {BATCH}": (lambda: ours(BATCH), BATCH),
    }
    approximate = Recommender(artifact, index, threads=threads) if index else None
    if approximate:
        subjects[APPROXIMATE] = (lambda: approximate.recommend(ids[next(users)], TOP), 1)
    times: dict[str, list[float]] = {name: [] for name in subjects}
    for number in range(rounds + _WARM_ROUNDS):
        for name, (call, answers) in subjects.items():
            repeats = _IN_A_ROW if name == APPROXIMATE else 3 if answers == 1 else 1
            elapsed = timed(call, repeats=repeats) / answers
            if number >= _WARM_ROUNDS:
                times[name].append(elapsed)
    medians = {name: median(values) for name, values in times.items()}
    bound = min(value for name, value in medians.items() if name.startswith("stream"))
    return {
        "engine": recommender.engine,
        "films": len(artifact.items),
        "megabytes": artifact.weights.item_factors.nbytes / 1e6,
        "milliseconds": medians,
        "stream_ms": bound,
        "batch_1_over_stream": medians["ours: single"] / bound,
        "batch_speedup_over_numpy": medians[f"numpy: argpartition, batch of {BATCH}"]
        / medians[f"ours: batch of {BATCH}"],
        "same_top_10": _same(recommender, plain, ids),
        "approximate": _approximate(recommender, approximate, artifact, medians) if approximate else None,
    }


def _approximate(
    exact: Recommender, approximate: Recommender, artifact: Artifact, medians: dict[str, float]
) -> dict[str, Any]:
    """Speedup over numpy; recall and number of returned seen items over evenly spaced users."""
    ids, hits, expected, seen = artifact.weights.users, 0, 0, 0
    for user in range(0, len(ids), max(1, len(ids) // _RECALL_USERS)):
        listed = {*approximate.recommend(ids[user], TOP).rows}
        best = {*exact.recommend(ids[user], TOP).rows}
        rated = exact.user(ids[user])
        hits, expected = hits + len(listed & best), expected + len(best)
        seen += len(listed & {*rated.seen.tolist()}) if rated else 0
    return {
        "speedup_over_numpy": medians["numpy: argpartition, single"] / medians[APPROXIMATE],
        "recall_at_10": hits / expected,
        "seen_items_returned": seen,
    }


def timed(call: Callable[[], object], *, repeats: int) -> float:
    """The median time of `call` in ms."""
    times = []
    for _ in range(repeats):
        started = time.perf_counter()
        call()
        times.append((time.perf_counter() - started) * 1e3)
    return median(times)


def _walk(users: int) -> Iterator[int]:
    generator = np.random.default_rng(11)
    while True:
        yield from generator.permutation(users).tolist()


def _same(recommender: Recommender, plain: NumpyTopK, ids: Ids) -> bool:
    """Are the best films those of numpy? Twenty users; in the order of float64 scores, which near ties may swap."""
    for user in range(0, len(ids), max(1, len(ids) // 20)):
        if set(recommender.recommend(ids[user], TOP).rows) != set(plain.top(user).tolist()):
            return False
    return True


def _index(folder: Path, artifact: Artifact) -> AnnIndex | None:
    """The index of a large catalogue, built when there is none that fits; None without the library."""
    films, factors = artifact.weights.item_factors.shape
    if films < _INDEX_ABOVE or importlib.util.find_spec("faiss") is None:
        return None

    def read() -> AnnIndex:
        return read_index(folder, model_version=artifact.metadata.model_version, items=films, factors=factors)

    try:
        return read()
    except AnnIndexError:
        build_index(folder)
        return read()


def main(folder: Path, rounds: int) -> None:
    """Print the measurements as JSON."""
    artifact = load_artifact(folder)
    print(json.dumps(measure_kernels(artifact, rounds, _index(folder, artifact))))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]))
