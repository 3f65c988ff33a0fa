"""Readers for unpacked MovieLens releases: 100k, 1M, 10M and the CSV ones (20M, 25M, 32M, latest).

Source: the README of each release, https://grouplens.org/datasets/movielens/.
"""

import csv
import re
from collections.abc import Callable, Iterable, Iterator
from pathlib import Path

import numpy as np

from model_service.catalogue import Item
from model_service.data.columns import Columns, read_columns
from model_service.data.ratings import DataError, Ratings

_GENRES_100K = (
    "unknown|Action|Adventure|Animation|Children's|Comedy|Crime|Documentary|Drama|Fantasy|Film-Noir|Horror|"
    "Musical|Mystery|Romance|Sci-Fi|Thriller|War|Western"
)
_YEAR_IN_TITLE = re.compile(r"\((\d{4})\)\s*$")
_STARS, _HALF_STARS = (1.0, 5.0), (0.5, 5.0)
_TEN = 10.0
_MIN_ABOVE, _MIN_ABOVE_SHARE = 20, 0.01  # fewer values above the format's scale are errors in the data


def read_movielens(folder: Path | str, *, counts: bool | None = None) -> Ratings:
    """The ratings of the MovieLens release in `folder`; the format is detected, large files show a progress bar.

    counts: whether the values are counts, such as plays or clicks, in place of ratings; None: found out.

    Raises DataError when the files are missing or a line cannot be parsed.
    """
    folder = Path(folder)
    if not folder.is_dir():
        raise DataError(f"{folder} is not a folder; give --data the folder of an unpacked MovieLens release")
    for rating_file, item_file, read in _FORMATS:
        if (folder / rating_file).is_file() and (folder / item_file).is_file():
            return read(folder / rating_file, folder / item_file, counts)
    expected = "; ".join(f"{ratings} and {items}" for ratings, items, _ in _FORMATS)
    found = ", ".join(sorted(path.name for path in folder.iterdir())[:10]) or "nothing"
    raise DataError(f"no MovieLens release in {folder}: expected {expected}; there is {found}")


def _read_100k(rating_file: Path, item_file: Path, counts: bool | None) -> Ratings:
    def item(fields: list[str]) -> Item:
        _check_count(fields, 5 + len(_GENRES_100K.split("|")), "|")
        flags = zip(_GENRES_100K.split("|"), fields[5:], strict=True)
        genres = tuple(name for name, flag in flags if flag == "1")
        released = fields[2].rsplit("-", 1)[-1]
        year = int(released) if released.isdigit() else _year(fields[1])
        return Item(id=int(fields[0]), title=fields[1].strip(), genres=genres, year=year)

    lines = (line.split("|") for line in _lines(item_file.read_bytes().decode("latin-1")))
    catalogue = _items(item_file, lines, item)
    columns = read_columns(rating_file, separator="\t", header=False)
    return _ratings(columns, catalogue, _STARS, "MovieLens 100k", counts)


def _read_dat(rating_file: Path, item_file: Path, counts: bool | None) -> Ratings:
    """1M (whole stars, latin-1 titles) or 10M (half stars, UTF-8 titles): the file names are the same."""
    raw = item_file.read_bytes()
    try:
        text = raw.decode("utf-8")
    except UnicodeDecodeError:
        text = raw.decode("latin-1")
    lines = (line.split("::") for line in _lines(text))
    catalogue = _items(item_file, lines, lambda fields: _item_with_genres(fields, "::"))
    columns = read_columns(rating_file, separator="::", header=False)
    halves = bool((columns.values % 1 == 0.5).any())
    source = f"MovieLens {'10M' if halves else '1M'}"
    return _ratings(columns, catalogue, _HALF_STARS if halves else _STARS, source, counts)


def _read_csv(rating_file: Path, item_file: Path, counts: bool | None) -> Ratings:
    with item_file.open(encoding="utf-8", newline="") as file:
        rows = csv.reader(file)
        next(rows, None)
        catalogue = _items(item_file, rows, lambda fields: _item_with_genres(fields, ","))
    columns = read_columns(rating_file, separator=",", header=True)
    return _ratings(columns, catalogue, _HALF_STARS, "MovieLens CSV", counts)


_FORMATS: tuple[tuple[str, str, Callable[[Path, Path, bool | None], Ratings]], ...] = (
    ("u.data", "u.item", _read_100k),
    ("ratings.dat", "movies.dat", _read_dat),
    ("ratings.csv", "movies.csv", _read_csv),
)


def _lines(text: str) -> Iterator[str]:
    """Non-blank lines, split at line feeds only: `str.splitlines` also splits at other characters."""
    return (line.rstrip("\r") for line in text.split("\n") if line.strip())


def _items(file: Path, lines: Iterable[list[str]], item: Callable[[list[str]], Item]) -> tuple[Item, ...]:
    items: dict[int, Item] = {}
    for number, fields in enumerate(lines, 1):
        try:
            film = item(fields)
        except (ValueError, IndexError) as error:
            raise DataError(f"{file}: film {number} cannot be read: {error}") from None
        if film.id in items:
            raise DataError(f"{file}: film {number} has the id {film.id}, as an earlier one does; remove one of them")
        items[film.id] = film
    return tuple(items.values())


def _check_count(fields: list[str], expected: int, separator: str) -> None:
    if len(fields) != expected:
        found = "1 field" if len(fields) == 1 else f"{len(fields)} fields"
        raise ValueError(f"{found}, expected {expected}, separated by {separator}")


def _item_with_genres(fields: list[str], separator: str) -> Item:
    _check_count(fields, 3, separator)
    number, title, genres = fields
    names = tuple(name for name in genres.split("|") if name and not name.startswith("("))
    return Item(id=int(number), title=title.strip(), genres=names, year=_year(title))


def _year(title: str) -> int | None:
    found = _YEAR_IN_TITLE.search(title)
    return int(found[1]) if found else None


def _ratings(
    columns: Columns, catalogue: tuple[Item, ...], scale: tuple[float, float], source: str, counts: bool | None
) -> Ratings:
    """The ratings on `scale`; with values above it in earnest, on a scale of ten, or counts. A line has to have one."""
    missing = np.isnan(columns.values)
    if missing.any():
        raise DataError(f"{source}: rating {missing.argmax() + 1} is nan; allowed are {scale[0]:g} to {scale[1]:g}")
    lowest, highest = float(columns.values.min()), float(columns.values.max())
    above = int((columns.values > scale[1]).sum())
    in_earnest = above >= max(_MIN_ABOVE, _MIN_ABOVE_SHARE * len(columns.values))
    own_scale: tuple[float, float] | None = scale
    if counts or (counts is None and in_earnest and highest > _TEN and lowest >= 0):
        own_scale, source = None, f"{source} layout, counts"
    elif in_earnest and highest <= _TEN:
        own_scale, source = (min(lowest, 1.0), _TEN), f"{source} layout, ratings up to 10"
    return Ratings(
        users=columns.users,
        items=columns.items,
        values=columns.values,
        times=columns.times,
        catalogue=catalogue,
        scale=own_scale,
        source=source,
    )
