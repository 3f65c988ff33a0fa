"""The approximate nearest-neighbour (ANN) index beside an artifact: a faiss file and its metadata, verified on read."""

import importlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Final

from model_service.metadata import SHORT_DIGITS, ArtifactError, open_file, sha256_file
from model_service.metadata_schema import COUNT, TEXT, WHOLE, Field, is_number, shown
from model_service.strict_json import parse_object

INDEX_FILE = "approximate.faiss"
INDEX_METADATA_FILE = "approximate.json"
FORMAT = 1
_MAX_METADATA_BYTES: Final = 2**16
_WIDTH_MULTIPLE = 16  # for any other width faiss decodes one byte at a time, three times slower


class AnnIndexError(Exception):
    """The ANN index is missing, changed or unusable; the message says what is wrong and the command that fixes it."""


@dataclass(frozen=True, kw_only=True)
class IndexMetadata:
    """The content of `approximate.json`.

    model_version, checksum: 64 hex digits; of the artifact that was indexed, and of the index file (SHA-256).
    lists, probes: number of inverted lists, and how many of them a search scans.
    longest: norm of the longest item vector, bias included; all items are stored with this norm.
    recall_at_10: share of the exact ten best unseen items that a search finds, 0 to 1, over `measured_users` users.
    """

    model_version: str
    checksum: str
    library: str
    lists: int
    probes: int
    longest: float
    recall_at_10: float
    measured_users: int

    def to_bytes(self) -> bytes:
        """The text of `approximate.json`."""
        return (json.dumps({"format": FORMAT, **asdict(self)}, indent=2, sort_keys=True) + "\n").encode()


@dataclass(frozen=True, kw_only=True, eq=False)
class AnnIndex:
    """An opened index; `faiss_index` is faiss's own object."""

    faiss_index: Any
    metadata: IndexMetadata


def read_index(folder: Path, *, model_version: str, items: int, factors: int) -> AnnIndex:
    """The index in `folder` of the model with this version and shape, checksum verified, memory-mapped where faiss can.

    Raises AnnIndexError when the index or the library is missing, or the index was changed or is of another model.
    """
    metadata, fix = read_index_metadata(folder, model_version=model_version), _fix(folder)
    path = folder / INDEX_FILE
    try:
        checksum = sha256_file(path)
    except ArtifactError:
        raise AnnIndexError(f"no approximate index: {path} cannot be read; {fix}") from None
    if checksum != metadata.checksum:
        raise AnnIndexError(f"{path} does not match its checksum in {INDEX_METADATA_FILE}; {fix}")
    faiss = load_library()
    try:
        faiss_index = faiss.read_index(str(path), faiss.IO_FLAG_MMAP | faiss.IO_FLAG_READ_ONLY)
    except RuntimeError as error:
        raise AnnIndexError(f"{path} cannot be read by {library_version()}: {error}; {fix}") from None
    if not isinstance(faiss_index, faiss.IndexIVF):
        raise AnnIndexError(f"{path} is a {type(faiss_index).__name__} of faiss, expected inverted lists; {fix}")
    faiss.downcast_InvertedLists(faiss_index.invlists).prefetch_nthread = 0  # 32 threads, slower than the search itself
    if (faiss_index.ntotal, faiss_index.d) != (items, stored_width(factors)):
        raise AnnIndexError(f"{path} has {faiss_index.ntotal} films, the artifact {items}; {fix}")
    return AnnIndex(faiss_index=faiss_index, metadata=metadata)


def read_index_metadata(folder: Path, *, model_version: str) -> IndexMetadata:
    """The metadata of the index in `folder`, without reading the index file and without the library.

    Raises AnnIndexError when it is missing or of another model than `model_version`, 64 hex digits.
    """
    metadata = _read_metadata(folder / INDEX_METADATA_FILE, _fix(folder))
    if metadata.model_version != model_version:
        raise AnnIndexError(
            f"the approximate index in {folder} is of model {metadata.model_version[:SHORT_DIGITS]}, "
            f"the artifact is {model_version[:SHORT_DIGITS]}; {_fix(folder)}"
        )
    return metadata


def stored_width(factors: int) -> int:
    """The number of components stored for an item: k + 2, padded to a multiple of the decoder's width."""
    return -(-(factors + 2) // _WIDTH_MULTIPLE) * _WIDTH_MULTIPLE


def load_library() -> Any:
    """The module `faiss`; raises AnnIndexError where it is not installed."""
    try:
        return importlib.import_module("faiss")
    except ImportError as error:
        raise AnnIndexError(
            f"the approximate index needs the package faiss-cpu ({error}); build the image with "
            "`--build-arg EXTRAS=approximate`, elsewhere `pip install -r model_service/requirements-approximate.txt`; "
            "ANN_MIN_ITEMS=0 answers exactly"
        ) from None


def library_version() -> str:
    """The library's name and version, as `approximate.json` records them."""
    return f"faiss-cpu {load_library().__version__}"


def _fix(folder: Path) -> str:
    return f"`python -m model_service.build_index --artifact {folder}` builds it; ANN_MIN_ITEMS=0 answers exactly"


def _read_metadata(path: Path, fix: str) -> IndexMetadata:
    try:
        with open_file(path) as file:
            raw = file.read(_MAX_METADATA_BYTES)
    except OSError:
        raise AnnIndexError(f"no approximate index: {path} cannot be read; {fix}") from None
    try:
        fields = parse_object(raw)
    except ValueError as error:
        raise AnnIndexError(f"{path} {error}; {fix}") from None
    if fields.pop("format", None) != FORMAT:
        raise AnnIndexError(f"{path} has another format than {FORMAT}, which this code reads; {fix}")
    if fields.keys() != _FIELDS.keys():
        raise AnnIndexError(f"{path} has other fields than format {FORMAT}; {fix}")
    for name, field in _FIELDS.items():
        if not field.allows(fields[name]):
            raise AnnIndexError(f"{path} has {name} {shown(fields[name])}, expected {field.expected}; {fix}")
    return IndexMetadata(**fields)


_FIELDS: Final = {
    "model_version": TEXT,
    "checksum": TEXT,
    "library": TEXT,
    "lists": COUNT,
    "probes": COUNT,
    "longest": Field(expected="a number above 0", allows=lambda value: is_number(value) and value > 0),
    "recall_at_10": Field(expected="a number from 0 to 1", allows=lambda value: is_number(value) and 0 <= value <= 1),
    "measured_users": WHOLE,
}
