"""Which column of a table is the user, the item, the value, the time; of a file of items the id, title, genres, year."""

import re
from collections.abc import Mapping, Sequence
from typing import Final

from model_service.data.options import NOTHING
from model_service.data.problems import Problems, quoted

_PEOPLE = (
    "user users uid u customer member reviewer visitor viewer listener reader player person account profile client"
)
_THINGS = (
    "item items iid i movie film book isbn asin parentasin product track song artist album anime game app place venue "
    "poi business restaurant recipe joke article news video show series course hotel listing content document doc ad"
)
_COUNTS = (
    "weight count counts plays play playcount playscount numplays listens listencount listeningcount clicks clickcount "
    "views viewcount hours hoursplayed playtime watchtime watchratio frequency freq quantity purchases strength "
    "confidence interactions times"
)
_STARS = (
    "rating ratings rate score stars star bookrating userrating ratingval ratingvalue overall grade value preference "
    "feedback liked like likes thumb thumbs thumbsup vote label response eventvalue"
)
_TIMES = (
    "timestamp time datetime ts date t unixreviewtime createdat eventtime eventtimestamp ratedat updatedat "
    "timestamps creationtimestamp reviewtime day"
)
_TITLES = "title name itemname movietitle booktitle originaltitle productname tracktitle trackname artistname gametitle"
_GENRES = "genres genre genreslist category categories class type tags"
_YEARS = (
    "year releaseyear yearofpublication originalpublicationyear publicationyear releasedate released published date"
)


def _with_ids(words: str) -> tuple[str, ...]:
    """Names of ids before the bare words: `userid` is more likely an id than `user`."""
    names = words.split()
    return (*(f"{name}id" for name in names), *names, *(f"{name}ids" for name in names))


NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "user": (*_with_ids(_PEOPLE), "usersha1", "userindex", "username"),
    "item": (*_with_ids(_THINGS), "itemindex", "sku", "url", "moviename", "artistname", "gamename", "title", "name"),
    "value": (*_STARS.split(), *_COUNTS.split()),
    "time": tuple(_TIMES.split()),
}
"""Names of the columns of a file of ratings, normalised, the more certain ones first.

Among them those of MovieLens, goodbooks, Book-Crossing, HetRec, RecBole, LensKit (user_id, item_id), RecTools (user_id,
item_id, weight, datetime), Amazon Personalize (USER_ID, ITEM_ID, EVENT_VALUE, TIMESTAMP) and Amazon Reviews.
"""
ITEM_NAMES: Final[Mapping[str, tuple[str, ...]]] = {
    "title": tuple(_TITLES.split()),
    "genres": tuple(_GENRES.split()),
    "year": tuple(_YEARS.split()),
}
COUNT_NAMES: Final = frozenset(_COUNTS.split())
COMPULSORY: Final = ("user", "item")


def normalised(name: str) -> str:
    """A column's name in lower case, letters and digits only, without RecBole's type (`user_id:token`)."""
    return re.sub(r"[^a-z0-9]", "", re.sub(r":(token|float)(_seq)?$", "", name.strip().lower()))


def find(names: Sequence[str], accepted: Sequence[str]) -> int | None:
    """The position of the column whose name comes first in `accepted`; None when there is none."""
    plain = [normalised(name) for name in names]
    return next((plain.index(name) for name in accepted if name in plain), None)


def roles_by_name(names: Sequence[str]) -> dict[str, int]:
    """Positions by role, of the roles that a header's names tell; an item's title is used as id only without one."""
    found: dict[str, int] = {}
    for role, accepted in NAMES.items():
        free = [name if position not in found.values() else "" for position, name in enumerate(names)]
        position = find(free, accepted)
        if position is not None:
            found[role] = position
    return found


def repeated(names: Sequence[str], roles: Mapping[str, int]) -> list[str]:
    """The roles whose column's name occurs more than once in the header."""
    plain = [normalised(name) for name in names]
    return [role for role, position in roles.items() if plain.count(plain[position]) > 1]


def roles_by_hand(
    given: Mapping[str, str | None], names: Sequence[str] | None, columns: int, problems: Problems, file: str
) -> dict[str, int | None]:
    """Positions of the columns that the options name, None for "none"; adds a problem for each that is not there."""
    found: dict[str, int | None] = {}
    for role, column in given.items():
        if column is None:
            continue
        if column == NOTHING and role not in COMPULSORY:
            found[role] = None
            continue
        position = _position(column, names, columns)
        if position is None:
            there = ", ".join(map(quoted, names)) if names else f"columns 1 to {columns}"
            problems.add(f"{file} has no column {quoted(column)}", fix=f"--{role} with one of {there}")
        else:
            found[role] = position
    return found


def _position(column: str, names: Sequence[str] | None, columns: int) -> int | None:
    if names and column in names:
        return list(names).index(column)
    if names and normalised(column) and normalised(column) in (plain := [normalised(name) for name in names]):
        return plain.index(normalised(column))
    number = int(column) if re.fullmatch(r"[0-9]{1,4}", column) else 0
    return number - 1 if 1 <= number <= columns else None
