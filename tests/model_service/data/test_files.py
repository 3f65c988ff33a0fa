"""Folders, files and archives."""

import bz2
import gzip
import io
import lzma
import tarfile
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest

from model_service.data.reader import read_ratings
from tests.model_service.data.written import one, read, refusal, written

TEXT = b"user,item,rating\n1,10,4\n2,20,3\n"
TWO = [("1", "10", 4.0), ("2", "20", 3.0)]
ITEMS = b"item,title\n10,Heat\n20,Alien\n"


def zipped(files: dict[str, bytes]) -> bytes:
    """A zip archive."""
    content = io.BytesIO()
    with zipfile.ZipFile(content, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return content.getvalue()


def encrypted() -> bytes:
    """A zip archive whose member is marked as encrypted, in the local header and in the directory."""
    content = bytearray(zipped({"ratings.csv": TEXT}))
    content[6] |= 1
    content[content.index(b"PK\x01\x02") + 8] |= 1
    return bytes(content)


@pytest.mark.parametrize(("suffix", "pack"), [("gz", gzip.compress), ("bz2", bz2.compress), ("xz", lzma.compress)])
@pytest.mark.parametrize("in_folder", [True, False])
def test_a_compressed_file_is_read(
    suffix: str, pack: Callable[[bytes], bytes], in_folder: bool, tmp_path: Path
) -> None:
    path = one(tmp_path, pack(TEXT), f"ratings.csv.{suffix}")
    assert read(tmp_path if in_folder else path) == TWO


@pytest.mark.parametrize(("suffix", "pack"), [("gz", gzip.compress), ("bz2", bz2.compress), ("xz", lzma.compress)])
@pytest.mark.parametrize("cut", [12, -9])
def test_a_compressed_file_that_is_cut_is_refused(
    suffix: str, pack: Callable[[bytes], bytes], cut: int, tmp_path: Path
) -> None:
    assert "ratings.csv" in refusal(one(tmp_path, pack(TEXT * 50)[:cut], f"ratings.csv.{suffix}"))


@pytest.mark.parametrize(("suffix", "pack"), [("gz", gzip.compress), ("bz2", bz2.compress), ("xz", lzma.compress)])
def test_a_compressed_file_with_a_changed_byte_is_refused(
    suffix: str, pack: Callable[[bytes], bytes], tmp_path: Path
) -> None:
    many = b"user,item,rating\n" + b"".join(b"%d,%d,4\n" % (row, row % 7) for row in range(3000))
    content = bytearray(pack(many))
    content[len(content) // 2] ^= 0xFF
    assert "damaged" in refusal(one(tmp_path, bytes(content), f"ratings.csv.{suffix}"))


@pytest.mark.parametrize("folder", ["", "ml-latest/"])
def test_an_archive_is_read_with_its_titles_and_without_its_hidden_files(folder: str, tmp_path: Path) -> None:
    content = zipped(
        {
            f"{folder}ratings.csv": TEXT,
            f"{folder}items.csv": ITEMS,
            f"__MACOSX/{folder}._ratings.csv": b"\0\1",
            f"{folder}.DS_Store": b"\0\1",
        }
    )
    ratings, _ = read_ratings(one(tmp_path, content, "data.zip"))
    assert [item.title for item in ratings.catalogue] == ["Heat", "Alien"]


@pytest.mark.parametrize(
    ("content", "told"),
    [
        (encrypted(), "encrypted"),
        (zipped({"ratings.csv": TEXT})[:60], "damaged"),
        (zipped({"[Content_Types].xml": b"<x/>", "xl/workbook.xml": b"<x/>"}), "save it as CSV"),
        (zipped({}), "ratings.zip"),
        (b"PK\x03\x04", "damaged"),
    ],
    ids=["encrypted", "cut", "workbook", "empty", "only the first bytes"],  # archives have the time of their making
)
def test_an_archive_that_cannot_be_read_is_refused(content: bytes, told: str, tmp_path: Path) -> None:
    assert told in refusal(one(tmp_path, content, "ratings.zip"))


def test_a_changed_byte_in_an_archive_is_refused(tmp_path: Path) -> None:
    many = b"user,item,rating\n" + b"".join(b"%d,%d,4\n" % (row, row % 7) for row in range(3000))
    content = bytearray(zipped({"ratings.csv": many}))
    content[len(content) // 2] ^= 0xFF
    assert "damaged" in refusal(one(tmp_path, bytes(content), "ratings.zip"))


@pytest.mark.parametrize("name", ["data.tar", "data.tar.gz", "data.tgz", "data.tar.bz2", "ratings.gz"])
def test_a_tar_archive_is_refused_with_what_to_do(name: str, tmp_path: Path) -> None:
    content = io.BytesIO()
    mode = "w:gz" if name.endswith("gz") else "w:bz2" if name.endswith("bz2") else "w"
    with tarfile.open(fileobj=content, mode=mode) as archive:  # type: ignore[call-overload]
        member = tarfile.TarInfo("ratings.csv")
        member.size = len(TEXT)
        archive.addfile(member, io.BytesIO(TEXT))
    assert "unpack it" in refusal(one(tmp_path, content.getvalue(), name))


def test_hidden_files_are_not_read(tmp_path: Path) -> None:
    files = {
        "ratings.csv": TEXT,
        ".ratings.csv": b"x",
        "._ratings.csv": b"\0",
        ".git/ratings.csv": TEXT,
        "_SUCCESS": b"",
    }
    assert read(written(tmp_path, files)) == TWO


def test_what_is_not_there_is_refused(tmp_path: Path) -> None:
    assert "does not exist" in refusal(tmp_path / "none")
    assert "is empty" in refusal(tmp_path)


@pytest.mark.parametrize(
    "content", [b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR", b"\x93NUMPY\x01\0v\0{}", b"%PDF-1.4\n%\xe2\xe3\n1 0 obj\n"]
)
def test_a_file_that_is_no_text_is_refused(content: bytes, tmp_path: Path) -> None:
    assert "ratings" in refusal(one(tmp_path, content, "ratings"))
