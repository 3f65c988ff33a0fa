"""The build context of an image: its content hash, and a copy that is identical on every machine."""

import hashlib
import json
import os
import shutil
import stat
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from docker.utils.build import exclude_paths

FILE_MODE: Final = 0o644
EXECUTABLE_MODE: Final = 0o755
EPOCH: Final = 315532800
"""1980-01-01 UTC in seconds, the earliest time that a zip archive holds."""


@dataclass(frozen=True, kw_only=True)
class BuildContext:
    """The inputs of a Docker build; raises ValueError when the folder or the Dockerfile in it does not exist.

    registry_cache: whether the build uses a cache in the registry. docker-build builds again when that changes, with
        another digest, which is refused under a tag that exists and is immutable: it needs a tag of its own.
    """

    folder: Path
    platform: str
    dockerfile: str = "Dockerfile"
    target: str = ""
    build_args: Mapping[str, str] = field(default_factory=dict)
    registry_cache: bool = False

    def __post_init__(self) -> None:
        if not (self.folder / self.dockerfile).is_file():
            raise ValueError(f"no {self.dockerfile} in the folder {self.folder} to build an image from")

    def files(self) -> list[str]:
        """Paths, relative to the folder and sorted, of the files and links that `.dockerignore` does not exclude.

        `.dockerignore` itself is left out: it is applied already.
        """
        ignore = self.folder / ".dockerignore"
        patterns = _patterns(ignore.read_text(encoding="utf-8")) if ignore.is_file() else []
        paths = exclude_paths(str(self.folder), patterns, dockerfile=self.dockerfile)
        included = (path for path in paths if path != ".dockerignore" and not _is_folder(self.folder / path))
        return sorted(Path(path).as_posix() for path in included)

    def content_hash(self) -> str:
        """SHA-256, in hex, over paths, bytes, executable bits, Dockerfile, build arguments, target, platform, cache.

        Other mode bits, times and ignored files do not count.
        """
        manifest = {
            "build_args": dict(self.build_args),
            "dockerfile": self.dockerfile,
            "files": [[path, *_fingerprint(self.folder / path)] for path in self.files()],
            "platform": self.platform,
            "target": self.target,
            **({"registry_cache": True} if self.registry_cache else {}),
        }
        return hashlib.sha256(json.dumps(manifest, sort_keys=True).encode()).hexdigest()

    def stage(self, destination: Path) -> None:
        """Make `destination` a copy of exactly the files that were hashed, identical on every machine.

        Modes and times are derived from the content. The builder's own hash includes modes: a checkout under another
        umask would be rebuilt, and a registry with immutable tags rejects a second push of a tag. BuildKit treats a
        file as unchanged when its size and time are.
        """
        shutil.rmtree(destination, ignore_errors=True)
        destination.mkdir(parents=True)
        for path in self.files():
            source, copy = self.folder / path, destination / path
            copy.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(source, copy, follow_symlinks=False)
            if not copy.is_symlink():
                copy.chmod(EXECUTABLE_MODE if _is_executable(source) else FILE_MODE)
            time = _content_time(source)
            os.utime(copy, (time, time), follow_symlinks=False)
        for folder in [destination, *(path for path in destination.rglob("*") if _is_folder(path))]:
            folder.chmod(EXECUTABLE_MODE)
            os.utime(folder, (EPOCH, EPOCH))


def _content_time(path: Path) -> int:
    """A time derived from the content, in seconds since 1970, in the years 1980 to 2014."""
    digest = hashlib.sha256(repr(_fingerprint(path)).encode()).digest()
    return EPOCH + int.from_bytes(digest[:4]) % 2**30


def _patterns(dockerignore: str) -> list[str]:
    lines = (line.strip() for line in dockerignore.splitlines())
    return [line for line in lines if line and not line.startswith("#")]


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not path.is_symlink()


def _is_executable(path: Path) -> bool:
    return bool(path.stat().st_mode & stat.S_IXUSR)


def _fingerprint(path: Path) -> tuple[str, str]:
    if path.is_symlink():
        return "link", str(path.readlink())
    with path.open("rb") as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
    return "executable" if _is_executable(path) else "file", digest
