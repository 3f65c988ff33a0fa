"""The artifact folder's metadata and checksums; standard library only.

The Pulumi program reads the model's version through this module, which therefore imports neither numpy nor safetensors.
"""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

FORMAT = 3
METADATA_FILE = "metadata.json"
SHORT_DIGITS = 12
FIX = "`make train` makes a new one"


class ArtifactError(Exception):
    """The artifact folder is missing, incomplete or changed; the message says what is wrong and how to fix it."""


@dataclass(frozen=True, kw_only=True)
class Metadata:
    """The content of `metadata.json`; `model_version` is a function of the artifact's content alone.

    files: SHA-256 (64 hex digits) of every other file in the folder, by name.
    data: source, fingerprint, users, items, ratings, unrated, times, scale ([lowest, highest] rating, null for counts).
    hyperparameters, metrics, libraries: of the training run; metrics and libraries are not part of the version.
    """

    files: Mapping[str, str]
    data: Mapping[str, Any]
    hyperparameters: Mapping[str, Any]
    metrics: Mapping[str, Any]
    libraries: Mapping[str, str]

    @property
    def model_version(self) -> str:
        """SHA-256 over the format, every file's checksum, the data and the hyperparameters: 64 hex digits."""
        content = {name: getattr(self, name) for name in ("files", "data", "hyperparameters")}
        return _sha256(_canonical({"format": FORMAT, **content}))

    @property
    def short_version(self) -> str:
        """The short form of the version: its first 12 hex digits."""
        return self.model_version[:SHORT_DIGITS]

    def to_bytes(self) -> bytes:
        """The text of `metadata.json`, with a checksum of itself; the same content gives the same bytes."""
        fields = {"format": FORMAT, "model_version": self.model_version, **asdict(self)}
        return _canonical({**fields, "checksum": _sha256(_canonical(fields))})


def read_model_version(folder: Path | str) -> str:
    """The first 12 hex digits of the version of the artifact in `folder`, every file's checksum verified.

    Raises ArtifactError where `load_artifact` would for a missing or changed file.
    """
    metadata = read_metadata(folder)
    verify_files(folder, metadata)
    return metadata.short_version


def read_metadata(folder: Path | str) -> Metadata:
    """`metadata.json` of the artifact in `folder`; raises ArtifactError when it is missing or was changed."""
    path = Path(folder) / METADATA_FILE
    if not path.parent.is_dir():
        raise ArtifactError(f"no artifact: the folder {path.parent} does not exist; {FIX}")
    raw = _read(path)
    try:
        fields = json.loads(raw)
    except ValueError:
        raise _changed(path, "is no JSON") from None
    if not isinstance(fields, dict):
        raise _changed(path, "is no JSON object")
    if fields.get("format") != FORMAT:
        raise ArtifactError(f"{path} has format {fields.get('format')!r}, this code reads format {FORMAT}; {FIX}")
    checksum = fields.pop("checksum", None)
    if checksum != _sha256(_canonical(fields)) or raw != _canonical({**fields, "checksum": checksum}):
        raise _changed(path, "does not match its own checksum")
    version = fields.pop("model_version", None)
    del fields["format"]
    try:
        metadata = Metadata(**fields)
    except TypeError as error:
        raise _changed(path, f"has other fields than format {FORMAT} ({error})") from None
    if version != metadata.model_version:
        raise _changed(path, "has a model_version that is not the hash of its content")
    return metadata


def verify_files(folder: Path | str, metadata: Metadata) -> None:
    """Compare every file in `folder` with its checksum; raises ArtifactError with the file's name."""
    for name, expected in sorted(metadata.files.items()):
        path = Path(folder) / name
        if sha256_file(path) != expected:
            raise _changed(path, f"does not match its checksum in {METADATA_FILE}")


def sha256_file(path: Path) -> str:
    """The SHA-256 of a file's bytes, 64 hex digits; raises ArtifactError when it cannot be read."""
    try:
        with path.open("rb") as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise _unreadable(path, error) from None


def _read(path: Path) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise _unreadable(path, error) from None


def _unreadable(path: Path, error: OSError) -> ArtifactError:
    if isinstance(error, FileNotFoundError):
        return ArtifactError(f"the artifact is incomplete: {path} is missing; {FIX}")
    return ArtifactError(f"the artifact cannot be read: {path}: {error.strerror}; {FIX}")


def _changed(path: Path, how: str) -> ArtifactError:
    return ArtifactError(f"the artifact was changed after training: {path} {how}; {FIX}")


def _canonical(value: Mapping[str, Any]) -> bytes:
    return (json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
