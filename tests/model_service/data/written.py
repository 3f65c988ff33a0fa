"""Small data sets on disk, and what was read of them."""

from collections.abc import Mapping
from pathlib import Path

import pytest

from model_service.data.options import ReadOptions
from model_service.data.ratings import DataError, Ratings
from model_service.data.read_report import ReadReport
from model_service.data.reader import read_ratings

Row = tuple[str, str, float]


def written(folder: Path, files: Mapping[str, str | bytes]) -> Path:
    """`folder` with these files; texts are written as UTF-8 with the line ends that they have."""
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content.encode() if isinstance(content, str) else content)
    return folder


def one(folder: Path, content: str | bytes, name: str = "ratings.csv") -> Path:
    """The path of a single file."""
    return written(folder, {name: content}) / name


def rows(ratings: Ratings) -> list[Row]:
    """User, item and value of each rating in order."""
    users, items = list(ratings.user_ids), list(ratings.item_ids)
    return [
        (users[user], items[item], round(float(value), 4))
        for user, item, value in zip(
            ratings.user_rows.tolist(), ratings.item_rows.tolist(), ratings.values.tolist(), strict=True
        )
    ]


def read(path: Path, options: ReadOptions | None = None) -> list[Row]:
    """The ratings at `path`, after a check that the report counts each row."""
    ratings, report = read_ratings(path, options)
    counted(report)
    return rows(ratings)


def counted(report: ReadReport) -> None:
    """Each row that was read is kept, left out for a reason, or merged into another."""
    assert report.rows.read == report.kept + sum(report.rows.skipped.values()) + report.rows.repeated


def refusal(path: Path, options: ReadOptions | None = None) -> str:
    """Why the data at `path` is refused."""
    with pytest.raises(DataError) as refused:
        read_ratings(path, options)
    return str(refused.value)
