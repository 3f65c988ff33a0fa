"""The artifact folder: written by training, verified and read by serving.

`model.safetensors` holds the arrays of `Weights`, `items.jsonl` the films in row order, `metadata.json` the
version, the checksums and where the model came from. The folder is replaced as a whole or not at all.
"""

import os
import shutil
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from model_service.catalogue import Item, MappedItems, encode_items
from model_service.mapped import map_tensors
from model_service.version import (
    METADATA_FILE,
    REMEDY,
    ArtifactError,
    Metadata,
    read_metadata,
    sha256_file,
    verify_files,
)

__all__ = ["Artifact", "ArtifactError", "Weights", "load_artifact", "write_artifact"]

WEIGHTS_FILE = "model.safetensors"
ITEMS_FILE = "items.jsonl"

_TYPES = {
    "user_factors": np.float32,
    "item_factors": np.float32,
    "user_bias": np.float32,
    "item_bias": np.float32,
    "global_mean": np.float32,
    "user_ids": np.int64,
    "item_ids": np.int64,
    "seen_indptr": np.int64,
    "seen_indices": np.int32,
    "item_counts": np.int32,
}


@dataclass(frozen=True, kw_only=True)
class Weights:
    """The arrays of a model of U users and I films with k factors; raises ValueError when they do not fit.

    A row of the user arrays is a position in `user_ids`, a row of the item arrays one in `item_ids`; both are
    strictly increasing. The films that user row u rated are `seen_indices[seen_indptr[u]:seen_indptr[u + 1]]`.
    """

    user_factors: NDArray[np.float32]  # (U, k)
    item_factors: NDArray[np.float32]  # (I, k)
    user_bias: NDArray[np.float32]  # (U,)
    item_bias: NDArray[np.float32]  # (I,)
    global_mean: NDArray[np.float32]  # (1,)
    user_ids: NDArray[np.int64]  # (U,)
    item_ids: NDArray[np.int64]  # (I,)
    seen_indptr: NDArray[np.int64]  # (U + 1,)
    seen_indices: NDArray[np.int32]  # (ratings,) item rows, increasing within a user
    item_counts: NDArray[np.int32]  # (I,) ratings of each film

    def __post_init__(self) -> None:
        users, items, factors = len(self.user_ids), len(self.item_ids), self.item_factors.shape[-1]
        shapes = {
            "user_factors": (users, factors),
            "item_factors": (items, factors),
            "user_bias": (users,),
            "item_bias": (items,),
            "global_mean": (1,),
            "user_ids": (users,),
            "item_ids": (items,),
            "seen_indptr": (users + 1,),
            "seen_indices": (len(self.seen_indices),),
            "item_counts": (items,),
        }
        for name, shape in shapes.items():
            array = getattr(self, name)
            if array.shape != shape or array.dtype != _TYPES[name]:
                wanted = f"{np.dtype(_TYPES[name])}{list(shape)}"
                raise ValueError(f"{name} is {array.dtype}{list(array.shape)}, wanted is {wanted}")
            if array.dtype == np.float32 and not np.isfinite(array).all():
                raise ValueError(f"{name} holds a number that is not finite")
        if not items or not users:
            raise ValueError("a model needs at least one user and one film")
        if (np.diff(self.user_ids) <= 0).any() or (np.diff(self.item_ids) <= 0).any():
            raise ValueError("user_ids and item_ids have to be strictly increasing")
        _check_seen(self.seen_indptr, self.seen_indices, items)

    def arrays(self) -> dict[str, NDArray[Any]]:
        """The arrays by name."""
        return {field.name: getattr(self, field.name) for field in fields(self)}


@dataclass(frozen=True, kw_only=True)
class Artifact:
    """A verified artifact: its arrays and films are views of the mapped files."""

    weights: Weights
    items: Sequence[Item]  # (I,)
    metadata: Metadata

    @property
    def scale(self) -> tuple[float, float]:
        """The lowest and the highest rating there is in the data's scale."""
        low, high = self.metadata.data["scale"]
        return float(low), float(high)


def write_artifact(
    folder: Path,
    *,
    weights: Weights,
    items: Sequence[Item],
    data: Mapping[str, Any],
    hyperparameters: Mapping[str, Any],
    metrics: Mapping[str, Any],
    libraries: Mapping[str, str],
) -> Metadata:
    """Write the artifact beside `folder` and put it in its place by renaming; the same input gives the same bytes.

    An error or Ctrl-C at any moment leaves the old artifact whole. Raises ArtifactError when `folder` holds
    something else than an artifact, and ValueError when films and weights do not fit.
    """
    from safetensors.numpy import save_file  # the service reads artifacts without this package

    if [item.id for item in items] != weights.item_ids.tolist():
        raise ValueError("items have to be the films of item_ids, in that order")
    check_replaceable(folder)
    fresh = folder.with_name(f".{folder.name}.new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    try:
        save_file({name: np.ascontiguousarray(a) for name, a in weights.arrays().items()}, fresh / WEIGHTS_FILE)
        (fresh / ITEMS_FILE).write_bytes(encode_items(items))
        metadata = Metadata(
            files={name: sha256_file(fresh / name) for name in (WEIGHTS_FILE, ITEMS_FILE)},
            data=data,
            hyperparameters=hyperparameters,
            metrics=metrics,
            libraries=libraries,
        )
        (fresh / METADATA_FILE).write_bytes(metadata.to_bytes())
        _settle(fresh)
        _exchange(fresh, folder)
    finally:
        shutil.rmtree(fresh, ignore_errors=True)
    return metadata


def check_replaceable(folder: Path) -> None:
    """Raises ArtifactError unless `folder` is absent, empty or an artifact: nothing else is ever deleted."""
    if folder.is_symlink() or (folder.exists() and not folder.is_dir()):
        raise ArtifactError(f"{folder} is not a folder; give --out a new folder or an artifact to replace")
    if folder.is_dir() and any(folder.iterdir()) and not (folder / METADATA_FILE).is_file():
        raise ArtifactError(f"{folder} holds something else than an artifact; give --out a new folder")


def load_artifact(folder: Path | str) -> Artifact:
    """The artifact in `folder`, every checksum and shape verified, the files mapped into memory.

    Raises ArtifactError with the name of the file that is missing or was changed.
    """
    folder = Path(folder)
    metadata = read_metadata(folder)
    verify_files(folder, metadata)
    try:
        weights = Weights(**map_tensors(folder / WEIGHTS_FILE))
        items = MappedItems(folder / ITEMS_FILE)
    except (OSError, ValueError, TypeError, KeyError) as error:
        raise ArtifactError(f"the artifact in {folder} is unusable: {error}; {REMEDY}") from None
    if len(items) != len(weights.item_ids):
        raise ArtifactError(
            f"{folder / ITEMS_FILE} has {len(items)} films, {WEIGHTS_FILE} {len(weights.item_ids)}; {REMEDY}"
        )
    return Artifact(weights=weights, items=items, metadata=metadata)


def _check_seen(indptr: NDArray[np.int64], indices: NDArray[np.int32], items: int) -> None:
    if indptr[0] != 0 or indptr[-1] != len(indices) or (np.diff(indptr) < 0).any():
        raise ValueError("seen_indptr does not divide seen_indices into users")
    if len(indices) and not 0 <= indices.min() <= indices.max() < items:
        raise ValueError("seen_indices names a film that is not there")


def _settle(folder: Path) -> None:
    """Modes that do not depend on the umask (they are part of the image's content), bytes on the disk."""
    folder.chmod(0o755)
    for path in folder.iterdir():
        path.chmod(0o644)
        with path.open("rb") as file:
            os.fsync(file.fileno())


def _exchange(fresh: Path, folder: Path) -> None:
    """Rename `fresh` to `folder`; what was there is put back should that fail."""
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
