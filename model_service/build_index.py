"""Build the approximate index of an artifact: `python -m model_service.build_index --artifact FOLDER --recall 0.99`.

It lies beside the model's files, so that the image takes it along and a new model removes it. The service uses it
where APPROXIMATE_ABOVE is set to fewer films than the model has.
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model_service.ann_index import (
    INDEX_FILE,
    INDEX_METADATA_FILE,
    AnnIndex,
    AnnIndexError,
    IndexMetadata,
    library_version,
    load_library,
    stored_width,
)
from model_service.artifact import Artifact, ArtifactError, load_artifact
from model_service.metadata import sha256_file
from model_service.serving.ranking.ann import AnnEngine, film_lengths, stored_films
from model_service.serving.ranking.engine import make_engine
from model_service.serving.ranking.query import Engine, Query, TopK

TOP = 10
_DEFAULT_ARTIFACT = Path(__file__).parent / "artifact"
_SAMPLES = 64  # films to learn each group's centre from
_ROWS_AT_ONCE = 1 << 16
_USERS = 400  # to choose the number of probes by, and as many others to measure the recall on
_STEP = 1.2  # between numbers of probes that are tried


def build_index(folder: Path, *, recall: float = 0.99, seed: int = 0) -> IndexMetadata:
    """Write the index of the artifact in `folder`, with the fewest probes that find `recall` (0 to 1) of the ten best.

    Films with long vectors are answers more often: groups are learnt from a sample that prefers them, and are finer
    there. Raises ArtifactError for the artifact, AnnIndexError without the library.
    """
    faiss = load_library()
    artifact = load_artifact(folder)
    factors, bias = artifact.weights.item_factors, artifact.weights.item_bias
    lengths = film_lengths(factors, bias)
    generator = np.random.default_rng(seed)
    lists = max(1, round(len(bias) ** 0.5 / 2))
    found = faiss.index_factory(stored_width(factors.shape[1]), f"IVF{lists},SQ8", faiss.METRIC_L2)
    found.cp.min_points_per_centroid = 1  # small catalogues have few films a group, which is no reason to warn
    longest = float(lengths.max())
    found.train(stored_films(*_sample(factors, bias, lengths, lists, generator), longest))
    for first in range(0, len(bias), _ROWS_AT_ONCE):
        block = slice(first, first + _ROWS_AT_ONCE)
        found.add(stored_films(factors[block], bias[block], longest))
    users = generator.permutation(len(artifact.weights.user_ids))[: 2 * _USERS]
    about = IndexMetadata(
        model_version=artifact.metadata.model_version,
        checksum="",
        library=library_version(),
        lists=lists,
        probes=1,
        longest=longest,
        recall_at_10=0.0,
        measured_users=0,
    )
    about = _choose_probes(AnnIndex(found=found, about=about), artifact, users, recall)
    return _write(folder, found, about)


def _sample(
    factors: NDArray[np.float32],
    bias: NDArray[np.float32],
    lengths: NDArray[np.float64],
    lists: int,
    generator: np.random.Generator,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Films to learn `lists` groups from, drawn in proportion to the square of their lengths."""
    chances = lengths**2 + 1e-12 * max(1.0, float(lengths.max()) ** 2)
    count = min(len(bias), lists * _SAMPLES)
    rows = np.sort(generator.choice(len(bias), count, replace=False, p=chances / chances.sum()))
    return factors[rows], bias[rows]


def _choose_probes(index: AnnIndex, artifact: Artifact, users: NDArray[np.int64], recall: float) -> IndexMetadata:
    """The fewest probes that reach `recall` for one half of `users`, with the recall measured on the other half."""
    factors, bias = artifact.weights.item_factors, artifact.weights.item_bias
    exact = make_engine(factors, bias)
    half = max(1, len(users) // 2)
    first, second = users[:half], users[half:] if len(users) > 1 else users
    about, probes = index.about, 1
    truth = _answers(exact, artifact, first)
    while True:
        about = replace(about, probes=probes)
        engine = AnnEngine(exact, AnnIndex(found=index.found, about=about), factors, bias)
        if probes >= about.lists or _recall(_answers(engine, artifact, first), truth) >= recall:
            break
        probes = min(about.lists, max(probes + 1, round(probes * _STEP)))
    measured = _recall(_answers(engine, artifact, second), _answers(exact, artifact, second))
    return replace(about, recall_at_10=round(measured, 4), measured_users=len(second))


def _answers(engine: Engine, artifact: Artifact, users: NDArray[np.int64]) -> list[TopK]:
    weights = artifact.weights
    seen = [weights.seen_indices[slice(*weights.seen_indptr[user : user + 2])] for user in users]
    return engine.top_k(
        [
            Query(vector=weights.user_factors[user], n=TOP, exclude=skip)
            for user, skip in zip(users.tolist(), seen, strict=True)
        ]
    )


def _recall(answers: list[TopK], truth: list[TopK]) -> float:
    """Of the films in `truth`, the part that is in `answers`; 1 where there is none."""
    wanted = sum(len(best.rows) for best in truth)
    hits = sum(len(np.intersect1d(a.rows, best.rows)) for a, best in zip(answers, truth, strict=True))
    return hits / wanted if wanted else 1.0


def _write(folder: Path, found: Any, about: IndexMetadata) -> IndexMetadata:
    """The index first, what belongs to it last: a run that was interrupted leaves no pair that fits."""
    fresh = folder / f".{INDEX_FILE}.new"
    try:
        load_library().write_index(found, str(fresh))
        about = replace(about, checksum=sha256_file(fresh))
        fresh.chmod(0o644)
        fresh.replace(folder / INDEX_FILE)
    finally:
        fresh.unlink(missing_ok=True)
    text = folder / f".{INDEX_METADATA_FILE}.new"
    text.write_bytes(about.to_bytes())
    text.chmod(0o644)
    text.replace(folder / INDEX_METADATA_FILE)
    return about


def main(arguments: list[str] | None = None) -> None:
    """Build, and tell the recall; ends with status 1 and a message where that is not possible."""
    parser = argparse.ArgumentParser(
        prog="python -m model_service.build_index", description="Build the approximate index."
    )
    parser.add_argument("--artifact", type=Path, default=_DEFAULT_ARTIFACT, help="the folder written by training")
    parser.add_argument("--recall", type=float, default=0.99, help="wanted of the ten best films, above 0, at most 1")
    options = parser.parse_args(arguments)
    if not 0 < options.recall <= 1:
        parser.error(f"--recall {options.recall:g} is not allowed: it has to be above 0 and at most 1")
    try:
        about = build_index(options.artifact, recall=options.recall)
    except (ArtifactError, AnnIndexError) as problem:
        sys.exit(str(problem))
    print(
        f"{options.artifact / INDEX_FILE}: {about.lists} groups, {about.probes} looked into; "
        f"recall@{TOP} {about.recall_at_10:.4f} over {about.measured_users} users ({about.library})"
    )


if __name__ == "__main__":
    main()
