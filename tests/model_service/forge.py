"""Forged artifacts: a change of any part of a small one, with checksums that match afterwards."""

import hashlib
import json
import struct
from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from model_service.artifact import Weights, write_artifact
from model_service.catalogue import Item
from model_service.ids import Ids
from tests.model_service.make import make_weights

Parts = tuple[dict[str, Any], bytes, bytes]
"""The fields of metadata.json, the safetensors file and the file of items."""


def write_small(folder: Path, *, counts: bool = False) -> Parts:
    """An artifact of 5 users and 6 films: ratings with numbers as ids, or counts with texts as ids, and its parts."""
    generator = np.random.default_rng(3)
    users, items = (generator.normal(size=(rows, 2)).astype(np.float32) for rows in (5, 6))
    seen = [[0, 1, 2], [1, 3], [2, 4, 5], [], [0, 5]]
    weights = make_weights(users, items, seen, stars=not counts)
    if counts:
        weights = _with_texts(weights, items)
    ranking = {"ranker": "ease" if counts else "ials", "fold_in_prior": 0.1, "fold_in_ridge": 0.1, "fold_in_shift": 1.0}
    ranking |= {"lowest_rating": None, "highest_rating": None, "log_mean": 1.6, "typical_value": 4.0}
    ranking |= {} if counts else {"lowest_rating": 1.0, "highest_rating": 5.0, "log_mean": 1.0}
    write_artifact(
        folder,
        weights=weights,
        items=[
            Item(id=id_, title=f"Film {row} “é”", genres=("Drama", "War")[: row % 3], year=1990 + row if row else None)
            for row, id_ in enumerate(weights.items)
        ],
        data={"source": "made", "fingerprint": "0" * 64, "scale": None if counts else [1.0, 5.0], "times": False},
        hyperparameters={"c_vector": 0.1, "c_bias": 0.1, "shrinkage": 1.0, "ranking": ranking},
        metrics={"served_scores": {"mean": 4.2, "spread": [0.1, 0.2]}, "order": {"length": 10}},
        libraries={"python": "3.12"},
    )
    return read_parts(folder)


def _with_texts(weights: Weights, items: np.ndarray[Any, np.dtype[np.float32]]) -> Weights:
    users, films = Ids.of(["007", "7", "a b", "é", "x/y"]), Ids.of(["a", 'b"', "c\\", "d,e", "f", "電影"])
    return replace(
        weights,
        user_ids=users.values,
        user_id_offsets=users.offsets,
        item_ids=films.values,
        item_id_offsets=films.offsets,
        user_factors=None,
        fold_in_base=None,
        fold_in_encoder=items,
    )


def read_parts(folder: Path) -> Parts:
    """The parts of an artifact that is valid."""
    metadata = json.loads((folder / "metadata.json").read_bytes())
    for derived in ("checksum", "model_version", "files"):
        del metadata[derived]
    return metadata, (folder / "model.safetensors").read_bytes(), (folder / "items.jsonl").read_bytes()


def forge(folder: Path, parts: Parts, **fields: Any) -> Path:
    """Write an artifact of these parts, every checksum right; `fields` replace those of metadata.json at the end."""
    metadata, weights, items = parts
    folder.mkdir(exist_ok=True)
    (folder / "model.safetensors").write_bytes(weights)
    (folder / "items.jsonl").write_bytes(items)
    files = {"model.safetensors": _sha256(weights), "items.jsonl": _sha256(items)}
    content = {"files": files, **metadata, **fields}
    version = {name: content.get(name) for name in ("files", "data", "hyperparameters")}
    content = {"model_version": _sha256(canonical({"format": 3, **version})), **content}
    (folder / "metadata.json").write_bytes(canonical({**content, "checksum": _sha256(canonical(content))}))
    return folder


def canonical(value: Mapping[str, Any]) -> bytes:
    """As `metadata.json` is written, but whatever the value: NaN, lone surrogates and huge numbers as well."""
    text = json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False)
    return (text + "\n").encode("utf-8", "surrogatepass")


def safetensors(header: bytes, body: bytes, length: int | None = None) -> bytes:
    """A safetensors file of these parts; length: what is told of the header, by default its own."""
    return struct.pack("<Q", len(header) if length is None else length) + header + body


def split(content: bytes) -> tuple[dict[str, Any], bytes]:
    """The header and the body of a valid safetensors file."""
    start = 8 + struct.unpack("<Q", content[:8])[0]
    return json.loads(content[8:start]), content[start:]


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()
