"""An approximate index beside an artifact: a faiss file and what belongs to it, read only where it fits the model."""

import importlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from model_service.metadata import SHORT_DIGITS, ArtifactError, sha256_file

INDEX_FILE = "approximate.faiss"
INDEX_METADATA_FILE = "approximate.json"
FORMAT = 1
_TOGETHER = 16  # faiss decodes bytes one at a time for any other width, three times slower


class AnnIndexError(Exception):
    """The approximate index cannot be used; the message says why and what mends it."""


@dataclass(frozen=True, kw_only=True)
class IndexMetadata:
    """What `approximate.json` says of the index beside it.

    model_version, checksum: 64 hex digits, of the artifact it was built from and of the index's bytes (SHA-256).
    lists, probes: films are in so many groups, of which a search looks into the `probes` nearest.
    longest: the length of the longest film, its bias included: all are stored with that length.
    recall_at_10: of the exact ten best unseen films, the part that was found, 0 to 1, over `measured_users` users.
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
    """An opened index; `found` is faiss's own object."""

    found: Any
    about: IndexMetadata


def read_index(folder: Path, *, model_version: str, films: int, factors: int) -> AnnIndex:
    """The index in `folder` of the model with this version and shape, its bytes verified, mapped where faiss can.

    Raises AnnIndexError when it, or the library, is missing, changed or of another model.
    """
    about, remedy = read_index_metadata(folder, model_version=model_version), _remedy(folder)
    try:
        checksum = sha256_file(folder / INDEX_FILE)
    except ArtifactError:
        raise AnnIndexError(f"no approximate index: {folder / INDEX_FILE} cannot be read; {remedy}") from None
    if checksum != about.checksum:
        raise AnnIndexError(f"{folder / INDEX_FILE} does not match its checksum in {INDEX_METADATA_FILE}; {remedy}")
    faiss = load_library()
    try:
        found = faiss.read_index(str(folder / INDEX_FILE), faiss.IO_FLAG_MMAP | faiss.IO_FLAG_READ_ONLY)
    except RuntimeError as error:
        raise AnnIndexError(f"{folder / INDEX_FILE} cannot be read by {library_version()}: {error}; {remedy}") from None
    faiss.downcast_InvertedLists(found.invlists).prefetch_nthread = 0  # its 32 threads take longer than a search
    if (found.ntotal, found.d) != (films, stored_width(factors)):
        raise AnnIndexError(f"{folder / INDEX_FILE} has {found.ntotal} films, the artifact {films}; {remedy}")
    return AnnIndex(found=found, about=about)


def read_index_metadata(folder: Path, *, model_version: str) -> IndexMetadata:
    """What belongs to the index in `folder`, without its bytes and without the library.

    Raises AnnIndexError when it is missing or of another model than `model_version`, 64 hex digits.
    """
    about = _read_metadata(folder / INDEX_METADATA_FILE, _remedy(folder))
    if about.model_version != model_version:
        raise AnnIndexError(
            f"the approximate index in {folder} is of model {about.model_version[:SHORT_DIGITS]}, "
            f"the artifact is {model_version[:SHORT_DIGITS]}; {_remedy(folder)}"
        )
    return about


def stored_width(factors: int) -> int:
    """The numbers that the index holds of a film: k + 2 and zeros, up to what a processor takes at once."""
    return -(-(factors + 2) // _TOGETHER) * _TOGETHER


def load_library() -> Any:
    """The module `faiss`; raises AnnIndexError where it is not installed."""
    try:
        return importlib.import_module("faiss")
    except ImportError as error:
        raise AnnIndexError(
            f"the approximate index needs the package faiss-cpu ({error}); build the image with "
            "`--build-arg EXTRAS=approximate`, elsewhere `pip install -r model_service/requirements-approximate.txt`; "
            "APPROXIMATE_ABOVE=0 answers exactly"
        ) from None


def library_version() -> str:
    """The library as `approximate.json` names it."""
    return f"faiss-cpu {load_library().__version__}"


def _remedy(folder: Path) -> str:
    return f"`python -m model_service.build_index --artifact {folder}` builds it; APPROXIMATE_ABOVE=0 answers exactly"


def _read_metadata(path: Path, remedy: str) -> IndexMetadata:
    try:
        fields = json.loads(path.read_bytes())
    except OSError:
        raise AnnIndexError(f"no approximate index: {path} cannot be read; {remedy}") from None
    except ValueError:
        raise AnnIndexError(f"{path} is no JSON; {remedy}") from None
    if not isinstance(fields, dict) or fields.pop("format", None) != FORMAT:
        raise AnnIndexError(f"{path} has another format than {FORMAT}, which this code reads; {remedy}")
    try:
        return IndexMetadata(**fields)
    except TypeError as error:
        raise AnnIndexError(f"{path} has other fields than format {FORMAT} ({error}); {remedy}") from None
