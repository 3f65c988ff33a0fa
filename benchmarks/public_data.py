"""Readers of three public data sets in their publishers' layouts: MovieTweetings, FilmTrust, Last.fm of HetRec 2011."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from model_service.catalogue import Item
from model_service.data.ratings import DataError, Ratings


@dataclass(frozen=True, kw_only=True)
class PublicData:
    """A data set in the sub-folder `folder`; well_known: titles whose neighbours a reader can judge."""

    title: str
    folder: str
    read: Callable[[Path], Ratings]
    well_known: tuple[str, ...] = ()


def read_movietweetings(folder: Path) -> Ratings:
    """`ratings.dat` and `movies.dat`: fields between `::`, ratings 0 to 10 with times; raises DataError."""
    rows = _table(folder / "ratings.dat", "::", (int, int, float, int))
    file = folder / "movies.dat"
    movies = ((line, text.split("::")) for line, text in _lines(file))
    return Ratings(
        users=rows[:, 0].astype(np.int64),
        items=rows[:, 1].astype(np.int64),
        values=rows[:, 2].astype(np.float32),
        times=rows[:, 3].astype(np.int64),
        catalogue=tuple(_item(file, line, *fields[:2]) for line, fields in movies),
        scale=(0.0, 10.0),
        source="MovieTweetings",
    )


def read_filmtrust(folder: Path) -> Ratings:
    """`ratings_0.txt` to `ratings_3.txt` as one file, the last of a pair that occurs twice; raises DataError."""
    rows = np.concatenate([_table(folder / f"ratings_{part}.txt", None, (int, int, float)) for part in range(4)])
    pairs = {(user, item): number for number, (user, item) in enumerate(rows[:, :2].astype(np.int64).tolist())}
    rows = rows[sorted(pairs.values())]
    items = rows[:, 1].astype(np.int64)
    return Ratings(
        users=rows[:, 0].astype(np.int64),
        items=items,
        values=rows[:, 2].astype(np.float32),
        catalogue=tuple(Item(id=number, title=f"Film {number}") for number in np.unique(items).tolist()),
        scale=(0.5, 4.0),
        source="FilmTrust",
    )


def read_lastfm(folder: Path) -> Ratings:
    """`user_artists.dat` and `artists.dat`: fields between tabs, a header, counts of plays; raises DataError."""
    rows = _table(folder / "user_artists.dat", "\t", (int, int, int), header=True)
    file = folder / "artists.dat"
    artists = ((line, text.split("\t")) for line, text in _lines(file, header=True))
    return Ratings(
        users=rows[:, 0].astype(np.int64),
        items=rows[:, 1].astype(np.int64),
        values=rows[:, 2].astype(np.float32),
        catalogue=tuple(_item(file, line, *fields[:2]) for line, fields in artists),
        scale=None,
        source="Last.fm",
    )


DATA_SETS: Mapping[str, PublicData] = {
    "movietweetings": PublicData(
        title="MovieTweetings 100K",
        folder="movietweetings-100k",
        read=read_movietweetings,
        well_known=(
            "Iron Man 3 (2013)",
            "Pulp Fiction (1994)",
            "Monsters University (2013)",
            "The Conjuring (2013)",
            "The Hobbit: An Unexpected Journey (2012)",
        ),
    ),
    "filmtrust": PublicData(title="FilmTrust", folder="filmtrust", read=read_filmtrust),
    "lastfm": PublicData(
        title="Last.fm (HetRec 2011)",
        folder="lastfm-hetrec",
        read=read_lastfm,
        well_known=("Lady Gaga", "The Beatles", "Metallica", "Radiohead", "Johnny Cash"),
    ),
}
"""The data sets by their names on the command line."""


def _table(
    file: Path, separator: str | None, types: tuple[Callable[[str], float], ...], *, header: bool = False
) -> NDArray[np.float64]:
    """(N, fields) the numbers of a file; separator None: blanks."""
    rows = []
    for number, line in _lines(file, header=header):
        fields = line.split(separator)
        if len(fields) != len(types):
            raise DataError(f"{file}: line {number} has {len(fields)} fields, expected {len(types)}")
        try:
            rows.append([parse(field) for parse, field in zip(types, fields, strict=True)])
        except ValueError as error:
            raise DataError(f"{file}: line {number} cannot be read: {error}") from None
    if not rows:
        raise DataError(f"{file} holds no ratings")
    return np.array(rows, np.float64)


def _lines(file: Path, *, header: bool = False) -> Iterator[tuple[int, str]]:
    """The lines that are not blank, with their numbers from 1; they end in LF or CR LF."""
    try:
        text = file.read_bytes().decode("utf-8")
    except OSError as error:
        raise DataError(f"{file} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError as error:
        raise DataError(f"{file} is not in UTF-8: {error.reason} at byte {error.start}") from None
    lines = enumerate(text.split("\n"), 1)
    return ((number, line.rstrip("\r")) for number, line in lines if line.strip() and not (header and number == 1))


def _item(file: Path, line: int, number: str = "", title: str = "") -> Item:
    if not number.strip().isdecimal() or not title.strip():
        raise DataError(f"{file}: line {line} has no number and title at its start")
    return Item(id=int(number), title=title.strip())
