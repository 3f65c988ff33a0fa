"""The artifact folder: written by training, verified and read by serving.

`model.safetensors` holds the arrays of `Weights`, `items.jsonl` the items in row order, `metadata.json` the version,
the checksums and the provenance. Writing is atomic: the folder is replaced as a whole or not at all.
"""

import os
import shutil
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from model_service.catalogue import Item, MappedItems, encode_items
from model_service.metadata import (
    ARTIFACT_FILES,
    FIX_CHANGED,
    METADATA_FILE,
    ArtifactError,
    Metadata,
    read_verified_metadata,
    sha256_file,
)
from model_service.metadata_schema import ITEMS_FILE, WEIGHTS_FILE
from model_service.safetensors_mmap import map_tensors
from model_service.weights import Weights

__all__ = [
    "Artifact",
    "ArtifactError",
    "ArtifactLoader",
    "Weights",
    "artifact_folder",
    "load_artifact",
    "write_artifact",
]

DEFAULT_FOLDER = Path(__file__).parent / "artifact"


@dataclass(frozen=True, kw_only=True)
class Artifact:
    """A verified artifact; arrays and items are views of memory-mapped files."""

    weights: Weights
    items: Sequence[Item]  # (I,)
    metadata: Metadata

    @property
    def scale(self) -> tuple[float, float] | None:
        """The lowest and the highest rating of the data's scale; None for counts."""
        scale = self.metadata.data["scale"]
        return None if scale is None else (float(scale[0]), float(scale[1]))


def write_artifact(
    folder: Path,
    *,
    weights: Weights,
    items: Sequence[Item],
    data: Mapping[str, Any],
    hyperparameters: Mapping[str, Any],
    metrics: Mapping[str, Any],
    libraries: Mapping[str, str],
    attach: Callable[[Path, Metadata], None] | None = None,
) -> Metadata:
    """Write the artifact beside `folder`, then rename it into place; the same input gives the same bytes.

    data: the numbers of users, items and ratings are added where they are not in it.
    attach: adds documentation (plots, a model card), which is not part of the version and never read back.
    An error or Ctrl-C at any point leaves the previous artifact intact. Raises ArtifactError when `folder` contains
    files but no artifact or the disk refuses, and ValueError when `items` and `weights` do not match.
    """
    from safetensors import SafetensorError  # the service reads artifacts without this package
    from safetensors.numpy import save_file

    if [item.id for item in items] != [*weights.items]:
        raise ValueError("items do not match the ids: the same ids in the same order are needed")
    check_replaceable(folder)
    counts = {
        "users": len(weights.users),
        "items": len(items) - data.get("unrated", 0),
        "ratings": len(weights.seen_indices),
    }
    fresh = folder.with_name(f".{folder.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    try:
        fresh.mkdir(parents=True)
        save_file({name: np.ascontiguousarray(a) for name, a in weights.arrays().items()}, fresh / WEIGHTS_FILE)
        (fresh / ITEMS_FILE).write_bytes(encode_items(items))
        metadata = Metadata(
            files={name: sha256_file(fresh / name) for name in ARTIFACT_FILES},
            data={**counts, **data},
            hyperparameters=hyperparameters,
            metrics=metrics,
            libraries=libraries,
        )
        (fresh / METADATA_FILE).write_bytes(metadata.to_bytes())
        if attach is not None:
            attach(fresh, metadata)
        load_artifact(fresh)
        _fsync_tree(fresh)
        _atomic_replace(fresh, folder)
    except (OSError, SafetensorError) as error:
        reason = (error.strerror if isinstance(error, OSError) else None) or error
        raise ArtifactError(
            f"the artifact cannot be written: {reason}; {folder} is unchanged; "
            "give --out a folder that can be written, on a disk with space"
        ) from None
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return metadata


def check_replaceable(folder: Path) -> None:
    """Raises ArtifactError unless `folder` is absent, empty or an artifact: no other content is ever deleted."""
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise ArtifactError(f"{folder} is not a folder; give --out a new folder or an artifact to replace")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / METADATA_FILE).is_file():
        raise ArtifactError(f"{folder} contains files but no artifact; give --out a new folder")


def artifact_folder() -> Path:
    """The folder that the environment variable ARTIFACT_DIR names; blank or absent: `artifact` in this package."""
    return Path(os.environ.get("ARTIFACT_DIR", "").strip() or DEFAULT_FOLDER)


def load_artifact(folder: Path | str) -> Artifact:
    """The artifact in `folder`, memory-mapped, with all of it verified that is read later; the files are not trusted.

    Raises ArtifactError with the name of the file that is missing, changed or no part of a model.
    """
    folder = Path(folder)
    metadata = read_verified_metadata(folder)
    try:
        weights = Weights.of(map_tensors(folder / WEIGHTS_FILE))
        _check_data(metadata.data, weights)
        items = MappedItems(folder / ITEMS_FILE)
        if len(items) != len(weights.items):
            raise ValueError(f"{ITEMS_FILE} has {len(items)} films, {WEIGHTS_FILE} {len(weights.items)}")
        items.verify(weights.items)
    except (OSError, ValueError) as error:
        where = "" if WEIGHTS_FILE in str(error) or ITEMS_FILE in str(error) else f"{WEIGHTS_FILE}: "
        raise ArtifactError(f"the artifact in {folder} is unusable: {where}{error}; {FIX_CHANGED}") from None
    return Artifact(weights=weights, items=items, metadata=metadata)


def _check_data(data: Mapping[str, Any], weights: Weights) -> None:
    """Raises ValueError when the weights are not those of the data that the metadata describes."""
    told = {"users": data["users"], "items": data["items"] + data.get("unrated", 0), "ratings": data["ratings"]}
    found = {"users": len(weights.users), "items": len(weights.items), "ratings": len(weights.seen_indices)}
    for name, count in told.items():
        if count != found[name]:
            raise ValueError(f"{METADATA_FILE} tells of {count} {name}, {WEIGHTS_FILE} has {found[name]}")
    if weights.item_counts.sum(dtype=np.int64) != len(weights.seen_indices):
        raise ValueError(f"item_counts of {WEIGHTS_FILE} does not add up to the ratings in seen_indices")
    scale = data["scale"]
    if scale is None and weights.has_stars:
        raise ValueError(f"{WEIGHTS_FILE} predicts stars, and {METADATA_FILE} has no scale of ratings")
    low, high = (0.0, np.inf) if scale is None else scale
    if (weights.seen_values < np.float32(low)).any() or (weights.seen_values > np.float32(high)).any():
        raise ValueError(f"seen_values of {WEIGHTS_FILE} has a value that is not from {low:g} to {high:g}")


class ArtifactLoader:
    """Loads the artifact in `folder` on a thread of its own, from the moment of construction."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._result: Artifact | Exception = ArtifactError(f"{folder} was not read")
        self._thread = threading.Thread(target=self._load, name="artifact-loader", daemon=True)
        self._thread.start()

    def wait(self) -> Artifact:
        """The artifact; raises what `load_artifact` raised. The thread has ended: a fork is safe."""
        self._thread.join()
        if isinstance(self._result, Exception):
            raise self._result
        return self._result

    def _load(self) -> None:
        try:
            self._result = load_artifact(self._folder)
        except Exception as error:
            self._result = error


def _fsync_tree(folder: Path) -> None:
    """Set modes independent of the umask (they are part of the image's content) and flush every file to disk."""
    folder.chmod(0o755)
    for path in folder.iterdir():
        path.chmod(0o644)
        with path.open("rb") as file:
            os.fsync(file.fileno())


def _atomic_replace(fresh: Path, folder: Path) -> None:
    """Rename `fresh` to `folder`; on failure the previous folder is restored."""
    old = folder.with_name(f".{folder.name}.old")
    shutil.rmtree(old, ignore_errors=True)
    if folder.exists():
        folder.rename(old)
    try:
        fresh.rename(folder)
    except BaseException:
        if old.exists():
            old.rename(folder)
        raise
    shutil.rmtree(old, ignore_errors=True)
