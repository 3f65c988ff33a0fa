"""Options of reading ratings, for the command lines of `model_service.data` and `model_service.training`."""

import argparse
import re
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Final, Literal

Duplicates = Literal["latest", "mean", "sum", "first", "refuse"]
DUPLICATES: Final = ("latest", "mean", "sum", "first", "refuse")
SEPARATORS: Final = {"comma": ",", "semicolon": ";", "tab": "\t", "pipe": "|", "colons": "::", "blank": " "}
NOTHING: Final = "none"
EMPTY: Final = "empty"


@dataclass(frozen=True, kw_only=True)
class ReadOptions:
    """How to read ratings; None: found out.

    user, item, value, time: a column by name or by number from 1; "none" for a value or a time that is not to be read.
    items: the file of titles. separator: as in SEPARATORS, or the characters. scale: lowest and highest rating.
    missing: values that mean "seen, not rated", as they are written; "empty" is an empty field.
    """

    user: str | None = None
    item: str | None = None
    value: str | None = None
    time: str | None = None
    items: Path | None = None
    separator: str | None = None
    header: bool | None = None
    encoding: str | None = None
    values: Literal["stars", "counts"] | None = None
    scale: tuple[float, float] | None = None
    missing: tuple[str, ...] | None = None
    duplicates: Duplicates | None = None
    skip_bad_lines: bool = False

    @property
    def missing_texts(self) -> frozenset[str]:
        """The fields that mean "seen, not rated"."""
        return frozenset("" if text == EMPTY else text for text in self.missing or ())


def add_options(parser: argparse.ArgumentParser, *, required: bool = False) -> None:
    """Add `--data` and the options of reading to a command line; required: whether `--data` is."""
    parser._negative_number_matcher = re.compile(r"-\d")  # so that -10..10 and -1,99 are values, and no options
    group = parser.add_argument_group("the data")
    add = group.add_argument
    omitted = "" if required else "; synthetic ones if omitted"
    what = f"ratings: a folder, a file, .gz or .zip{omitted}"
    add("--data", type=Path, metavar="PATH", required=required, help=what)
    for name in ("user", "item", "value", "time"):
        nothing = f", or {NOTHING}" if name in ("value", "time") else ""
        add(f"--{name}", metavar="COLUMN", help=f"the column of the {name}, by name or number{nothing}")
    add("--items", type=Path, metavar="FILE", help="the file of titles, genres and years")
    add("--separator", type=_separator, metavar="TEXT", help=f"{', '.join(SEPARATORS)}, or the characters")
    add("--header", choices=("yes", "no"), help="whether the first line has the columns' names")
    add("--encoding", metavar="NAME", type=_encoding, help="of text files, such as utf-8 or cp1252")
    add("--values", choices=("stars", "counts"), help="what the value column holds")
    add("--scale", type=_scale, metavar="LOW..HIGH", help="the lowest and the highest rating, such as 1..5")
    add("--missing", type=_missing, metavar="VALUES", help="values of a film that was seen and not rated: -1,empty")
    add("--duplicates", choices=DUPLICATES, help="what counts when a user has an item twice")
    add("--bad-lines", choices=("refuse", "skip"), default="refuse", help="what to do with lines that cannot be read")


def read_options(arguments: argparse.Namespace) -> ReadOptions:
    """The options that `add_options` parsed."""
    names = ("user", "item", "value", "time", "items", "separator", "encoding", "values", "scale", "missing")
    given = {name: getattr(arguments, name) for name in (*names, "duplicates")}
    header = None if arguments.header is None else arguments.header == "yes"
    return ReadOptions(**given, header=header, skip_bad_lines=arguments.bad_lines == "skip")


def as_arguments(options: ReadOptions) -> list[str]:
    """The arguments of a command line that give these options."""
    arguments: list[str] = []
    for field in fields(options):
        value = getattr(options, field.name)
        if value is None or value is False:
            continue
        if field.name == "skip_bad_lines":
            arguments += ["--bad-lines", "skip"]
        elif field.name == "header":
            arguments += ["--header", "yes" if value else "no"]
        elif field.name == "scale":
            arguments += [f"--scale={value[0]:g}..{value[1]:g}"]
        elif field.name == "missing":
            arguments += [f"--missing={','.join(value)}"]
        else:
            arguments += [f"--{field.name}", value.name if isinstance(value, Path) else str(value)]
    return arguments


def _separator(text: str) -> str:
    separator = SEPARATORS.get(text, text.replace("\\t", "\t"))
    if not separator or len(separator) > 2 or separator.isalnum() or set(separator) & set('"\n\r'):
        raise argparse.ArgumentTypeError(f"{text!r} separates nothing; one of {', '.join(SEPARATORS)}, or a character")
    return separator


def _encoding(text: str) -> str:
    try:
        "".encode(text)
    except (LookupError, ValueError):
        raise argparse.ArgumentTypeError(f"{text!r} is no encoding; such as utf-8, cp1252, latin-1, utf-16") from None
    return text


def _scale(text: str) -> tuple[float, float]:
    match = re.fullmatch(r"(-?[\d.]+)(?:\.\.|:|,)(-?[\d.]+)", text)
    try:
        low, high = (float(part) for part in match.groups()) if match else (0.0, 0.0)
    except ValueError:
        low = high = 0.0
    if not low < high:
        raise argparse.ArgumentTypeError(f"{text!r} is no scale; LOW..HIGH such as 1..5 or 0.5..5")
    return low, high


def _missing(text: str) -> tuple[str, ...]:
    return tuple(part.strip() for part in text.split(","))
