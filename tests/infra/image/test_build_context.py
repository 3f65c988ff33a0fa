"""Claims about the image's tag: the same content gives the same tag everywhere, and nothing else does."""

import os
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from infra.image.build_context import BuildContext


@pytest.fixture
def context(tmp_path: Path) -> BuildContext:
    folder = tmp_path / "service"
    (folder / "code").mkdir(parents=True)
    (folder / "Dockerfile").write_text("FROM scratch\n")
    (folder / ".dockerignore").write_text("# comment\n\nnotes.txt\n**/__pycache__\n")
    (folder / "code" / "app.py").write_text("app\n")
    (folder / "code" / "run.sh").write_text("#!/bin/sh\n")
    (folder / "code" / "run.sh").chmod(0o755)
    (folder / "notes.txt").write_text("ignored\n")
    (folder / "code" / "__pycache__").mkdir()
    (folder / "code" / "__pycache__" / "app.pyc").write_bytes(b"ignored")
    return BuildContext(folder=folder, platform="linux/amd64", build_args={"A": "1"})


MATTERS: dict[str, Callable[[Path], object]] = {
    "bytes": lambda folder: (folder / "code" / "app.py").write_text("other\n"),
    "path": lambda folder: (folder / "code" / "app.py").rename(folder / "code" / "main.py"),
    "folder": lambda folder: (folder / "code" / "app.py").rename(folder / "app.py"),
    "executable bit": lambda folder: (folder / "code" / "app.py").chmod(0o755),
    "Dockerfile": lambda folder: (folder / "Dockerfile").write_text("FROM other\n"),
    "new file": lambda folder: (folder / "code" / "new.py").write_text(""),
    "link": lambda folder: (folder / "code" / "link").symlink_to("app.py"),
    "no longer ignored": lambda folder: (folder / ".dockerignore").write_text("**/__pycache__\n"),
}

DOES_NOT_MATTER: dict[str, Callable[[Path], object]] = {
    "mode": lambda folder: (folder / "code" / "app.py").chmod(0o600),
    "folder's mode": lambda folder: (folder / "code").chmod(0o700),
    "time": lambda folder: os.utime(folder / "code" / "app.py", (1, 1)),
    "ignored file": lambda folder: (folder / "notes.txt").write_text("other\n"),
    "ignored folder": lambda folder: (folder / "code" / "__pycache__" / "app.pyc").write_bytes(b"other"),
    "comment on what is ignored": lambda folder: (folder / ".dockerignore").write_text(
        "# other\nnotes.txt\n**/__pycache__\n"
    ),
}


@pytest.mark.parametrize("change", MATTERS)
def test_what_is_in_the_image_changes_the_hash(context: BuildContext, change: str) -> None:
    before = context.content_hash()
    MATTERS[change](context.folder)
    assert context.content_hash() != before


@pytest.mark.parametrize("change", DOES_NOT_MATTER)
def test_what_is_not_in_the_image_leaves_the_hash(context: BuildContext, change: str) -> None:
    before = context.content_hash()
    DOES_NOT_MATTER[change](context.folder)
    assert context.content_hash() == before


def test_how_it_is_built_changes_the_hash(context: BuildContext) -> None:
    (context.folder / "Other.Dockerfile").write_text("FROM scratch\n")
    variants = [
        context,
        replace(context, platform="linux/arm64"),
        replace(context, target="build"),
        replace(context, build_args={"A": "2"}),
        replace(context, build_args={"B": "1"}),
        replace(context, dockerfile="Other.Dockerfile"),
    ]
    assert len({variant.content_hash() for variant in variants}) == len(variants)


def test_the_place_of_the_folder_does_not_matter(context: BuildContext, tmp_path: Path) -> None:
    before = context.content_hash()
    context.folder.rename(tmp_path / "elsewhere")
    assert replace(context, folder=tmp_path / "elsewhere").content_hash() == before


def snapshot(folder: Path) -> dict[str, tuple[int, float, bytes]]:
    found = {}
    for path in sorted([folder, *folder.rglob("*")]):
        state = path.lstat()
        content = path.read_bytes() if path.is_file() and not path.is_symlink() else b""
        found[path.relative_to(folder).as_posix()] = (state.st_mode, state.st_mtime, content)
    return found


def test_the_staged_copy_is_the_same_under_every_umask(context: BuildContext, tmp_path: Path) -> None:
    snapshots = []
    for umask, mode in ((0o022, 0o644), (0o077, 0o600), (0o002, 0o664)):
        (context.folder / "code" / "app.py").chmod(mode)
        before = os.umask(umask)
        try:
            context.stage(tmp_path / "staged")
        finally:
            os.umask(before)
        snapshots.append(snapshot(tmp_path / "staged"))
    assert snapshots[0] == snapshots[1] == snapshots[2]


def test_the_staged_copy_holds_exactly_what_was_hashed(context: BuildContext, tmp_path: Path) -> None:
    staged = tmp_path / "deep" / "staged"
    staged.mkdir(parents=True)
    (staged / "leftover").write_text("of an earlier build")
    (context.folder / "code" / "link").symlink_to("app.py")
    context.stage(staged)
    files = sorted(path.relative_to(staged).as_posix() for path in staged.rglob("*") if not path.is_dir())
    assert files == ["Dockerfile", "code/app.py", "code/link", "code/run.sh"] == context.files()
    assert replace(context, folder=staged).content_hash() == context.content_hash()


def test_another_content_of_the_same_size_gets_another_time(context: BuildContext, tmp_path: Path) -> None:
    """BuildKit takes a file for unchanged when its size and time are."""
    times = []
    for content in ("app\n", "APP\n"):
        (context.folder / "code" / "app.py").write_text(content)
        context.stage(tmp_path / "staged")
        times.append((tmp_path / "staged" / "code" / "app.py").stat().st_mtime)
    assert times[0] != times[1]


def test_a_folder_without_a_dockerfile_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="no Dockerfile in the folder"):
        BuildContext(folder=tmp_path, platform="linux/amd64")
