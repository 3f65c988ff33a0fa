"""The artifact folder's metadata and checksums, verified as untrusted input; standard library only.

The Pulumi program reads the model's version through this module, which therefore imports neither numpy nor safetensors.
"""

import errno
import hashlib
import json
import os
import stat
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from io import BufferedReader
from pathlib import Path
from typing import Any, Final

from model_service.metadata_schema import FORMAT, ITEMS_FILE, WEIGHTS_FILE, problems, shown
from model_service.strict_json import parse_object

METADATA_FILE = "metadata.json"
ARTIFACT_FILES: Final = (WEIGHTS_FILE, ITEMS_FILE)
"""The files whose checksums are in the metadata."""
SHORT_DIGITS = 12
FIX = "`make train` makes a new one"
FIX_CHANGED = f"{FIX}, or fetch it again"
MAX_METADATA_BYTES: Final = 16 * 2**20


class ArtifactError(Exception):
    """The artifact folder is missing, incomplete or changed; the message says what is wrong and how to fix it."""


@dataclass(frozen=True, kw_only=True)
class Metadata:
    """The content of `metadata.json`; `model_version` is a function of the artifact's content alone.

    files: SHA-256 (64 hex digits) of ARTIFACT_FILES, by name.
    data: source, fingerprint, users, items, ratings, unrated (films), seen_not_rated (of the ratings), times, scale
        ([lowest, highest] rating, null for counts).
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
    """The first 12 hex digits of the version of the artifact in `folder`; raises as `read_verified_metadata`."""
    return read_verified_metadata(folder).short_version


def read_verified_metadata(folder: Path | str) -> Metadata:
    """`metadata.json` of the artifact in `folder`, every file's checksum verified, but not what is in these files.

    Raises ArtifactError where `load_artifact` would for the metadata, or for a missing or changed file.
    """
    metadata = read_metadata(folder)
    verify_files(folder, metadata)
    return metadata


def read_metadata(folder: Path | str) -> Metadata:
    """`metadata.json` of the artifact in `folder`; raises ArtifactError when it is missing or was changed."""
    path = Path(folder) / METADATA_FILE
    if not path.parent.is_dir():
        raise ArtifactError(f"no artifact: the folder {path.parent} does not exist; {FIX}")
    try:
        with open_file(path) as file:
            raw = file.read(MAX_METADATA_BYTES + 1)
    except OSError as error:
        raise _unreadable(path, error) from None
    if len(raw) > MAX_METADATA_BYTES:
        raise _changed(path, f"is larger than {MAX_METADATA_BYTES:,} bytes")
    try:
        fields = parse_object(raw)
    except ValueError as error:
        raise _changed(path, str(error)) from None
    format_ = fields.get("format")
    if type(format_) is not int or format_ != FORMAT:
        raise ArtifactError(f"{path} has format {shown(format_)}, this code reads format {FORMAT}; {FIX}")
    checksum = fields.pop("checksum", None)
    if checksum != _sha256(_canonical(fields)) or raw != _canonical({**fields, "checksum": checksum}):
        raise _changed(path, "does not match its own checksum")
    version = fields.pop("model_version", None)
    del fields["format"]
    problem = next(problems(fields), None)
    if problem is not None:
        raise _changed(path, problem)
    metadata = Metadata(**fields)
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
        with open_file(path) as file:
            return hashlib.file_digest(file, "sha256").hexdigest()
    except OSError as error:
        raise _unreadable(path, error) from None


def open_file(path: Path) -> BufferedReader:
    """A file opened for reading; raises OSError, also for a link and for what is no file, without waiting for it.

    A link is refused because an image would carry it without what it leads to.
    """
    descriptor = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    if stat.S_ISREG(os.fstat(descriptor).st_mode):
        return os.fdopen(descriptor, "rb")
    os.close(descriptor)
    raise OSError(errno.EINVAL, "not a regular file", str(path))


def _unreadable(path: Path, error: OSError) -> ArtifactError:
    if isinstance(error, FileNotFoundError):
        return ArtifactError(f"the artifact is incomplete: {path} is missing; {FIX}")
    reason = "a link, which an image would not carry" if error.errno == errno.ELOOP else error.strerror
    return ArtifactError(f"the artifact cannot be read: {path}: {reason}; {FIX_CHANGED}")


def _changed(path: Path, how: str) -> ArtifactError:
    return ArtifactError(f"the artifact was changed after training: {path} {how}; {FIX_CHANGED}")


def _canonical(value: Mapping[str, Any]) -> bytes:
    return (json.dumps(value, indent=2, sort_keys=True, ensure_ascii=False, allow_nan=False) + "\n").encode()


def _sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()
