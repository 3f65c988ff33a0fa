"""Which files of a data set hold the ratings, which one the items, and what the data set is called."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from model_service.data import parquet
from model_service.data.dialect import SAMPLE_BYTES, Dialect, detect_dialect
from model_service.data.files import DataFile
from model_service.data.items import is_item_file
from model_service.data.netflix import is_netflix
from model_service.data.options import ReadOptions
from model_service.data.ratings import DataError
from model_service.data.roles import NAMES, normalised, roles_by_name

Format = Literal["text", "parquet", "netflix"]

TABLE: Final = "table"
_NO_DATA: Final = re.compile(
    r"(readme|license|licence|changelog|allbut|mku|movielens[-_]|u\.(info|genre|user|occupation))|"
    r"\.(md|pdf|html?|png|jpe?g|py|sh|pl|ipynb|json|jsonl|yaml|yml|xml|bib|log|docx?|xlsx?|npy|npz|pkl|pt|user|kg|link|net)$"
)
_RATINGS: Final = re.compile(r"(ratings?|u\.data|.*\.inter|combined_data_\d+|mv_\d+|bx-book-ratings)(\.|$)")
_TELLING: Final = re.compile(
    r"rating|inter|event|play|click|listen|purchase|order|history|log|review|transaction|feedback"
)
_OTHER: Final = re.compile(r"movie|item|book|artist|title|tag|genre|link|genome|friend|trust|user[s_.]?[a-z]*$")


@dataclass(frozen=True, kw_only=True)
class RatingFile:
    """A file of ratings with its dialect, None but for text; columns: its header, None without one."""

    file: DataFile
    format: Format
    dialect: Dialect | None
    names: tuple[str, ...] | None

    @property
    def trusted(self) -> bool:
        """Whether the file's name alone tells the order of its columns."""
        return self.names is None and self.file.base in ("u.data", "ratings.dat")


@dataclass(frozen=True, kw_only=True)
class Layout:
    """The files of ratings, read as one, the candidates for the items, and the files that are not read."""

    name: str
    ratings: Sequence[RatingFile]
    items: Sequence[DataFile]
    unused: Sequence[str]


def find_layout(files: Sequence[DataFile], options: ReadOptions, where: str) -> Layout:
    """The layout of a data set; raises DataError when no file holds ratings, or several do that differ."""
    if len(files) == 1:
        rating = _open(files[0], options)
        return Layout(name=_name([rating], files), ratings=[rating], items=[], unused=[])
    useful = [file for file in files if not _NO_DATA.search(file.base)]
    items = [file for file in useful if is_item_file(file)]
    candidates: dict[tuple[object, ...], list[RatingFile]] = {}
    scores: dict[tuple[object, ...], int] = {}
    reasons = []
    for file in useful:
        if file in items and not _RATINGS.match(file.base):
            continue
        try:
            found = _open(file, options)
        except DataError as error:
            reasons.append(str(error))
            if _RATINGS.match(file.base):
                raise
            continue
        _refuse_columns_in_folders(found)
        score = _score(found)
        if score > 0:
            key = _family(found)
            candidates.setdefault(key, []).append(found)
            scores[key] = score
    if not scores:
        there = ", ".join(file.name for file in files[:10])
        why = f" ({reasons[0]})" if reasons else ""
        raise DataError(
            f"no file of {where} is known to hold ratings: {there}{why}. "
            "To fix it: give --data the file, and --user, --item, --value and --time where its columns are not known"
        )
    best = max(scores.values())
    winners = [key for key, score in scores.items() if score == best]
    if len(winners) > 1:
        named = ", ".join(candidates[key][0].file.name for key in winners)
        raise DataError(f"several files of {where} may hold the ratings: {named}. To fix it: give --data one of them")
    ratings = candidates[winners[0]]
    names = [one.file.name for one in ratings]
    twice = next((name for name in names if names.count(name) > 1), None) if len({*names}) < len(names) else None
    if twice is not None:
        raise DataError(f"{twice} is in {where} twice, packed and unpacked. To fix it: give --data one of them")
    _check_parts(ratings, [one for key, found in candidates.items() if key != winners[0] for one in found])
    items = [file for file in items if file not in [one.file for one in ratings]]
    used = {*(one.file.name for one in ratings), *(file.name for file in items)}
    unused = [file.name for file in files if file.name not in used]
    return Layout(name=_name(ratings, files), ratings=ratings, items=items, unused=unused)


def _open(file: DataFile, options: ReadOptions) -> RatingFile:
    sample = file.head(SAMPLE_BYTES)
    if sample[:4] == parquet.MAGIC:
        return RatingFile(file=file, format="parquet", dialect=None, names=parquet.column_names(file))
    if is_netflix(sample):
        return RatingFile(file=file, format="netflix", dialect=None, names=None)
    dialect = detect_dialect(file, options)
    return RatingFile(file=file, format="text", dialect=dialect, names=dialect.names)


def _refuse_columns_in_folders(found: RatingFile) -> None:
    """Raise DataError when a folder such as `rating=5` holds a column that the file lacks."""
    names = found.names or ()
    for part in found.file.name.split("/")[:-1]:
        key, equals, _ = part.partition("=")
        if equals and any(normalised(key) in NAMES[role] for role in ("user", "item", "value")) and key not in names:
            raise DataError(
                f"{found.file.name}: the column {key!r} is in the names of folders only, which are not read. To fix "
                "it: write one table, as pandas.read_parquet(folder).to_parquet(file) does"
            )


def _score(found: RatingFile) -> int:
    """How likely a file holds the ratings; 0: it does not."""
    base = found.file.base
    score = 8 if _RATINGS.match(base) else 0
    if found.format == "netflix":
        return score + 8
    if found.names is not None:
        roles = roles_by_name(found.names)
        if not {"user", "item"} <= roles.keys():
            return 1 if score else 0
        return score + 2 + 2 * ("value" in roles) + ("time" in roles)
    if score or _TELLING.search(base):
        return score + 2
    columns = found.dialect.columns if found.dialect else 0
    plural = base.rsplit(".", 1)[0]
    if not 2 <= columns <= 4 or (_OTHER.search(plural) and not re.match(r"user[s]?[_-]", plural)):
        return 0
    return 1


def _family(found: RatingFile) -> tuple[object, ...]:
    """Files of the same family are parts of one table."""
    columns = found.dialect.columns if found.dialect else None
    if found.format == "parquet":
        return found.format, found.names
    return found.format, found.names, columns, _numberless(found.file.base)


def _check_parts(ratings: Sequence[RatingFile], others: Sequence[RatingFile]) -> None:
    """Raise DataError when a file is called as the parts of the ratings are, and has other columns."""
    parts = {_numberless(one.file.base): one.file.name for one in ratings}
    for other in others:
        part = parts.get(_numberless(other.file.base))
        if part is not None:
            raise DataError(
                f"{other.file.name} is called like {part}, and has other columns or another header. To fix it: give "
                "both the same header, or give --data one of them"
            )


def _numberless(base: str) -> str:
    return re.sub(r"\d+", "#", base)


def _name(ratings: Sequence[RatingFile], files: Sequence[DataFile]) -> str:
    base = ratings[0].file.base
    first = ratings[0]
    if first.format == "netflix":
        return "Netflix Prize"
    if first.format == "parquet":
        return "Parquet"
    if base == "u.data":
        return "MovieLens 100k"
    if base.endswith(".inter"):
        return "RecBole"
    if base == "ratings.dat" and first.names is None:
        return "MovieLens 1M and 10M"
    columns = tuple(name.lower() for name in first.names or ())
    if columns[:3] == ("userid", "movieid", "rating"):
        return "MovieLens CSV"
    if columns == ("user_id", "book_id", "rating") and "books.csv" in {file.base for file in files}:
        return "goodbooks"
    return "Book-Crossing" if columns == ("user-id", "isbn", "book-rating") else TABLE
