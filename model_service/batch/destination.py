"""Where the files of a batch run are written, each as a whole or not at all: a folder, or a prefix of an S3 bucket."""

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final, Protocol
from urllib.parse import urlsplit

from model_service.batch.errors import BatchError

_S3: Final = "s3://"
_CONNECT_SECONDS: Final = 10.0
_REQUEST_SECONDS: Final = 60.0
_MAX_REASON: Final = 300


class Destination(Protocol):
    """Files by name, in one flat folder; every method raises BatchError where the storage refuses."""

    def sizes(self) -> dict[str, int]:
        """The files there are, with their sizes in bytes; none where the folder does not exist."""

    def read(self, name: str) -> bytes:
        """The content of a file that is there."""

    def write(self, name: str, content: bytes) -> None:
        """Make or replace a file; a reader sees all of it, or what was there before."""

    def delete(self, name: str) -> None:
        """Remove a file that is there."""


def destination(out: str, environment: Mapping[str, str]) -> Destination:
    """The destination that `--out` names: s3://bucket/prefix, or a folder; raises BatchError."""
    if out.startswith(_S3):
        return S3Destination(out, environment)
    if "://" in out:
        raise BatchError(f"--out {out} is not allowed: give a folder, or s3://bucket/prefix/")
    return FolderDestination(Path(out))


class FolderDestination:
    """A folder of this machine; a file is written under a hidden name, flushed to the disk, and renamed."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder

    def sizes(self) -> dict[str, int]:
        """Hidden files do not count: readers of Parquet folders skip them, and so do interrupted writes."""
        try:
            return {file.name: file.stat().st_size for file in self._folder.iterdir() if not file.name.startswith(".")}
        except FileNotFoundError:
            return {}
        except OSError as error:
            raise self._refused("listed", self._folder, error) from None

    def read(self, name: str) -> bytes:
        """The content of a file that is there."""
        try:
            return (self._folder / name).read_bytes()
        except OSError as error:
            raise self._refused("read", self._folder / name, error) from None

    def write(self, name: str, content: bytes) -> None:
        """Make or replace a file."""
        fresh = self._folder / f".{name}.new"
        try:
            self._folder.mkdir(parents=True, exist_ok=True)
            with fresh.open("wb") as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
            fresh.replace(self._folder / name)
        except OSError as error:
            self._discard(fresh)
            raise BatchError(
                f"{self._folder / name} cannot be written: {error.strerror}; complete parts are kept for the next run"
            ) from None

    def delete(self, name: str) -> None:
        """Remove a file that is there."""
        try:
            (self._folder / name).unlink()
        except OSError as error:
            raise self._refused("deleted", self._folder / name, error) from None

    @staticmethod
    def _discard(file: Path) -> None:
        try:
            file.unlink(missing_ok=True)
        except OSError:
            return

    @staticmethod
    def _refused(done: str, path: Path, error: OSError) -> BatchError:
        return BatchError(f"{path} cannot be {done}: {error.strerror}")


class S3Destination:
    """A prefix of an S3 bucket, through pyarrow; credentials as the AWS SDK finds them, on ECS those of the task role.

    AWS_ENDPOINT_URL_S3 or AWS_ENDPOINT_URL names another endpoint, such as an emulator's. An object appears when its
    upload is complete. Needs s3:ListBucket, s3:GetObject and s3:PutObject; s3:DeleteObject only to overwrite.
    """

    def __init__(self, out: str, environment: Mapping[str, str]) -> None:
        bucket, _, prefix = out.removeprefix(_S3).partition("/")
        self._prefix = prefix.strip("/")
        if not bucket or not self._prefix or "//" in self._prefix:
            raise BatchError(f"--out {out} is not allowed: an S3 destination is s3://bucket/prefix/")
        self._path = f"{bucket}/{self._prefix}"
        self._files = _s3_file_system(bucket, environment)

    def sizes(self) -> dict[str, int]:
        """The objects below the prefix, without those of deeper ones."""
        from pyarrow.fs import FileSelector, FileType

        try:
            found = self._files.get_file_info(FileSelector(self._path, allow_not_found=True))
        except OSError as error:
            raise self._refused("listed", "", error) from None
        return {file.base_name: file.size for file in found if file.type == FileType.File}

    def read(self, name: str) -> bytes:
        """The content of an object that is there."""
        try:
            with self._files.open_input_stream(f"{self._path}/{name}") as stream:
                return bytes(stream.read())
        except OSError as error:
            raise self._refused("read", name, error) from None

    def write(self, name: str, content: bytes) -> None:
        """Make or replace an object."""
        try:
            with self._files.open_output_stream(f"{self._path}/{name}") as stream:
                stream.write(content)
        except OSError as error:
            raise self._refused("written", name, error) from None

    def delete(self, name: str) -> None:
        """Remove an object that is there."""
        try:
            self._files.delete_file(f"{self._path}/{name}")
        except OSError as error:
            raise self._refused("deleted", name, error) from None

    def _refused(self, done: str, name: str, error: OSError) -> BatchError:
        reason = " ".join(str(error).split())[:_MAX_REASON]
        return BatchError(f"{_S3}{self._path}/{name} cannot be {done}: {reason}")


def _s3_file_system(bucket: str, environment: Mapping[str, str]) -> Any:
    from pyarrow.fs import S3FileSystem, resolve_s3_region

    timeouts = {"connect_timeout": _CONNECT_SECONDS, "request_timeout": _REQUEST_SECONDS}
    region = environment.get("AWS_REGION") or environment.get("AWS_DEFAULT_REGION")
    url = environment.get("AWS_ENDPOINT_URL_S3") or environment.get("AWS_ENDPOINT_URL")
    if url:
        endpoint = urlsplit(url)
        if endpoint.scheme not in ("http", "https") or not endpoint.netloc:
            raise BatchError(f"AWS_ENDPOINT_URL={url} is not allowed: it has to be a URL such as http://localhost:4566")
        return S3FileSystem(
            endpoint_override=endpoint.netloc, scheme=endpoint.scheme, region=region or "us-east-1", **timeouts
        )
    try:
        return S3FileSystem(region=resolve_s3_region(bucket), **timeouts)
    except OSError:  # the bucket does not tell: a network that reaches S3 through an endpoint of this region only
        return S3FileSystem(region=region, **timeouts)
