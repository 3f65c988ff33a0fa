"""The files of a data set: a folder, a single file, or an archive."""

import bz2
import errno
import gzip
import io
import lzma
import stat
import zipfile
import zlib
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from typing import BinaryIO, Final, cast

from model_service.data.ratings import DataError

_MAX_FILES: Final = 20_000  # the Netflix Prize has 17,770 films, a file each
_COMPRESSED: Final[tuple[tuple[bytes, str, Callable[[BinaryIO], BinaryIO]], ...]] = (
    (b"\x1f\x8b", ".gz", lambda raw: cast(BinaryIO, gzip.open(raw))),  # noqa: SIM115 closed by _Owning
    (b"BZh", ".bz2", lambda raw: cast(BinaryIO, bz2.open(raw))),  # noqa: SIM115 closed by _Owning
    (b"\xfd7zXZ", ".xz", lambda raw: cast(BinaryIO, lzma.open(raw))),  # noqa: SIM115 closed by _Owning
)
_ZIP: Final = (b"PK\x03\x04", b"PK\x05\x06")  # the other one is an empty archive


@dataclass(frozen=True)
class DataFile:
    """A file, possibly compressed or inside an archive.

    name: its path within the data set, without the suffix of a compression. size: bytes of the content, None: unknown.
    """

    name: str
    size: int | None
    _open: Callable[[], BinaryIO]
    path: Path | None = None  # of a file that can be read as it is

    @property
    def base(self) -> str:
        """The name without folders, in lower case."""
        return PurePosixPath(self.name).name.lower()

    @contextmanager
    def open(self) -> Iterator[BinaryIO]:
        """The content; raises DataError when it cannot be read or unpacked."""
        try:
            with self._open() as stream:
                yield stream
        except (
            EOFError,
            zlib.error,
            gzip.BadGzipFile,
            lzma.LZMAError,
            zipfile.BadZipFile,
            NotImplementedError,
        ) as error:
            raise DataError(f"{self.name} is damaged or incomplete ({error}); fetch it again") from None
        except RuntimeError as error:
            if "password" in str(error) or "encrypted" in str(error):
                raise DataError(f"{self.name} is encrypted; unpack it, and give --data the folder") from None
            raise
        except OSError as error:
            if error.errno is None:  # of bz2, not of the operating system
                raise DataError(f"{self.name} is damaged or incomplete ({error}); fetch it again") from None
            raise DataError(f"{self.name}: {error.strerror or error}") from None

    def read(self) -> bytes:
        """The whole content."""
        with self.open() as stream:
            return stream.read()

    def head(self, size: int) -> bytes:
        """The first `size` bytes, fewer where there are fewer."""
        with self.open() as stream:
            return stream.read(size)


def list_files(path: Path) -> list[DataFile]:
    """The files of the data set at `path`, by name; hidden ones and empty folders are left out.

    Raises DataError when there is nothing, or nothing that can be unpacked.
    """
    try:
        kind = path.stat().st_mode
    except OSError as error:
        missing = error.errno in (errno.ENOENT, errno.ENOTDIR)
        why = "does not exist" if missing else f"cannot be opened: {error.strerror}"
        raise DataError(f"{path} {why}; give --data a folder or a file of ratings") from None
    if not (stat.S_ISREG(kind) or stat.S_ISDIR(kind)):
        raise DataError(f"{path} is neither a file nor a folder, and would be read twice; write it to a file")
    if path.is_dir():
        inside = sorted(
            file for file in path.rglob("*") if file.is_file() and not _hidden(file.relative_to(path).parts)
        )
        if len(inside) > _MAX_FILES:
            raise DataError(f"{path} has more than {_MAX_FILES:,} files; give --data the folder of one data set")
        files = [found for file in inside for found in _files(file, file.relative_to(path).as_posix())]
    else:
        files = _files(path, path.name)
    if not files:
        raise DataError(f"{path} is empty; give --data a folder or a file of ratings")
    return files


def one_file(path: Path) -> DataFile:
    """The single file at `path`."""
    if path.is_dir():
        raise DataError(f"{path} is a folder; a file is expected")
    files = list_files(path)
    if len(files) > 1:
        raise DataError(f"{path} has {len(files)} files; unpack it, and name one of them")
    return files[0]


def _hidden(parts: tuple[str, ...]) -> bool:
    return any(part.startswith((".", "__MACOSX", "_")) for part in parts)


def _files(path: Path, name: str) -> list[DataFile]:
    try:
        with path.open("rb") as file:
            magic = file.read(8)
    except OSError as error:
        raise DataError(f"{path}: {error.strerror}") from None
    if magic.startswith(_ZIP):
        return _zipped(path, name)
    for start, suffix, unpack in _COMPRESSED:
        if magic.startswith(start):
            if ".tar" in path.name or path.name.endswith(".tgz"):
                raise DataError(f"{name} is a tar archive; unpack it, and give --data the folder")
            return [DataFile(name.removesuffix(suffix), None, _unpacker(path, unpack))]
    return [DataFile(name, path.stat().st_size, lambda: path.open("rb"), path)]


def _unpacker(path: Path, unpack: Callable[[BinaryIO], BinaryIO]) -> Callable[[], BinaryIO]:
    return lambda: _Owning(unpack(raw := path.open("rb")), raw)


class _Owning(io.BufferedReader):
    """A stream that closes what it reads from as well."""

    def __init__(self, stream: BinaryIO, raw: BinaryIO) -> None:
        super().__init__(cast(io.RawIOBase, stream), 1 << 20)
        self._inner = raw

    def close(self) -> None:
        super().close()
        self._inner.close()


def _zipped(path: Path, name: str) -> list[DataFile]:
    try:
        with zipfile.ZipFile(path) as archive:
            members = [info for info in archive.infolist() if not info.is_dir()]
    except zipfile.BadZipFile as error:
        raise DataError(f"{name} is damaged or incomplete ({error}); fetch it again") from None
    if any(info.filename == "[Content_Types].xml" for info in members):
        raise DataError(f"{name} is an Office document; save it as CSV, and give --data that file")
    members = [info for info in members if not _hidden(PurePosixPath(info.filename).parts)]

    def opener(member: str) -> Callable[[], BinaryIO]:
        def open_() -> BinaryIO:
            archive = zipfile.ZipFile(path)
            return _Owning(cast(BinaryIO, archive.open(member)), cast(BinaryIO, archive))

        return open_

    return [DataFile(info.filename, info.file_size, opener(info.filename)) for info in members]
