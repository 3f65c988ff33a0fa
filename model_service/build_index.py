"""Build the approximate index of an artifact: `python -m model_service.build_index --artifact FOLDER --recall 0.99`.

The index lies beside the model's files: an image takes it along, a new model removes it. The service uses it where
ANN_MIN_ITEMS is at most the number of its items.
"""

import argparse
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any, Final

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
from model_service.serving.ranking.ann import AnnEngine, item_norms, stored_items
from model_service.serving.ranking.engine import make_engine
from model_service.serving.ranking.fold_in import known_user_vector
from model_service.serving.ranking.top_k import Engine, Query, TopK

K: Final = 10
_DEFAULT_ARTIFACT: Final = Path(__file__).parent / "artifact"
_SAMPLES_PER_LIST: Final = 64
_ROWS_PER_BLOCK: Final = 1 << 16
_USERS: Final = 400  # to choose the number of probes, and as many others to measure the recall
_PROBES_STEP: Final = 1.2  # factor between the numbers of probes that are tried


def build_index(folder: Path, *, recall: float = 0.99, seed: int = 0) -> IndexMetadata:
    """Write the index of the artifact in `folder`, with the minimum number of probes for `recall` (0 to 1) at 10.

    The inverted lists are trained on a sample that prefers items with large norms, which are recommended more often.
    Raises ArtifactError for the artifact, AnnIndexError without the library.
    """
    faiss = load_library()
    artifact = load_artifact(folder)
    factors, bias = artifact.weights.item_factors, artifact.weights.item_bias
    norms = item_norms(factors, bias)
    generator = np.random.default_rng(seed)
    lists = max(1, round(len(bias) ** 0.5 / 2))
    faiss_index = faiss.index_factory(stored_width(factors.shape[1]), f"IVF{lists},SQ8", faiss.METRIC_L2)
    faiss_index.cp.min_points_per_centroid = 1  # no warning for the short lists of small catalogues
    longest = float(norms.max())
    faiss_index.train(stored_items(*_sample(factors, bias, norms, lists, generator), longest))
    for first in range(0, len(bias), _ROWS_PER_BLOCK):
        block = slice(first, first + _ROWS_PER_BLOCK)
        faiss_index.add(stored_items(factors[block], bias[block], longest))
    users = generator.permutation(len(artifact.weights.user_ids))[: 2 * _USERS]
    metadata = IndexMetadata(
        model_version=artifact.metadata.model_version,
        checksum="",
        library=library_version(),
        lists=lists,
        probes=1,
        longest=longest,
        recall_at_10=0.0,
        measured_users=0,
    )
    metadata = _choose_probes(AnnIndex(faiss_index=faiss_index, metadata=metadata), artifact, users, recall)
    return _write(folder, faiss_index, metadata)


def _sample(
    factors: NDArray[np.float32],
    bias: NDArray[np.float32],
    norms: NDArray[np.float64],
    lists: int,
    generator: np.random.Generator,
) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Items to train `lists` centroids on, drawn in proportion to their squared norms."""
    weights = norms**2 + 1e-12 * max(1.0, float(norms.max()) ** 2)
    count = min(len(bias), lists * _SAMPLES_PER_LIST)
    rows = np.sort(generator.choice(len(bias), count, replace=False, p=weights / weights.sum()))
    return factors[rows], bias[rows]


def _choose_probes(index: AnnIndex, artifact: Artifact, users: NDArray[np.int64], recall: float) -> IndexMetadata:
    """The minimum number of probes for `recall` on one half of `users`; the recall is measured on the other half."""
    factors, bias = artifact.weights.item_factors, artifact.weights.item_bias
    exact = make_engine(factors, bias)
    half = max(1, len(users) // 2)
    first, second = users[:half], users[half:] if len(users) > 1 else users
    metadata, probes = index.metadata, 1
    truth = _unseen_top_k(exact, artifact, first)
    while True:
        metadata = replace(metadata, probes=probes)
        engine = AnnEngine(exact, replace(index, metadata=metadata), factors, bias)
        if probes >= metadata.lists or _recall(_unseen_top_k(engine, artifact, first), truth) >= recall:
            break
        probes = min(metadata.lists, max(probes + 1, round(probes * _PROBES_STEP)))
    measured = _recall(_unseen_top_k(engine, artifact, second), _unseen_top_k(exact, artifact, second))
    return replace(metadata, recall_at_10=round(measured, 4), measured_users=len(second))


def _unseen_top_k(engine: Engine, artifact: Artifact, users: NDArray[np.int64]) -> list[TopK]:
    weights = artifact.weights
    queries = []
    for user in users.tolist():
        seen = weights.seen_indices[slice(*weights.seen_indptr[user : user + 2])]
        queries.append(Query(vector=known_user_vector(weights, user), n=K, exclude=seen))
    return engine.top_k(queries)


def _recall(results: list[TopK], truth: list[TopK]) -> float:
    """The share of the items in `truth` that `results` contain; 1 where there are none."""
    total = sum(len(top.rows) for top in truth)
    hits = sum(len(np.intersect1d(result.rows, top.rows)) for result, top in zip(results, truth, strict=True))
    return hits / total if total else 1.0


def _write(folder: Path, faiss_index: Any, metadata: IndexMetadata) -> IndexMetadata:
    """Write the index first and its metadata last: an interrupted run leaves no valid pair."""
    fresh = folder / f".{INDEX_FILE}.new"
    try:
        load_library().write_index(faiss_index, str(fresh))
        metadata = replace(metadata, checksum=sha256_file(fresh))
        fresh.chmod(0o644)
        fresh.replace(folder / INDEX_FILE)
    finally:
        fresh.unlink(missing_ok=True)
    text = folder / f".{INDEX_METADATA_FILE}.new"
    text.write_bytes(metadata.to_bytes())
    text.chmod(0o644)
    text.replace(folder / INDEX_METADATA_FILE)
    return metadata


def main(arguments: list[str] | None = None) -> None:
    """Build the index and print its recall; exits with status 1 and a message where that is not possible."""
    parser = argparse.ArgumentParser(prog="python -m model_service.build_index", description="Build the ANN index.")
    parser.add_argument("--artifact", type=Path, default=_DEFAULT_ARTIFACT, help="the folder written by training")
    parser.add_argument("--recall", type=float, default=0.99, help="target recall at 10, above 0, at most 1")
    options = parser.parse_args(arguments)
    if not 0 < options.recall <= 1:
        parser.error(f"--recall {options.recall:g} is not allowed: it has to be above 0 and at most 1")
    try:
        metadata = build_index(options.artifact, recall=options.recall)
    except (ArtifactError, AnnIndexError) as error:
        sys.exit(str(error))
    print(
        f"{options.artifact / INDEX_FILE}: {metadata.lists} lists, {metadata.probes} probes; "
        f"recall@{K} {metadata.recall_at_10:.4f} over {metadata.measured_users} users ({metadata.library})"
    )


if __name__ == "__main__":
    main()
