"""Reads the blocks of the Netflix Prize: a line `1:` with the film, then lines `user,value,date`.

Source: the README of the Netflix Prize data; Kaggle's copy joins the blocks in combined_data_1.txt to _4.txt.
"""

import io
import re
from array import array
from typing import Final

import numpy as np
from tqdm import tqdm

from model_service.data.dialect import SAMPLE_BYTES, detect_encoding
from model_service.data.files import DataFile
from model_service.data.problems import Problems, quoted
from model_service.data.table import Codes, Table
from model_service.data.times import date_parser

_ITEM: Final = re.compile(r"(\d+)\s*:", re.ASCII)
_RATING: Final = re.compile(r"([^,:]+?)\s*,\s*([+-]?\d+(?:\.\d+)?)\s*,\s*(\d{4}-\d\d-\d\d)", re.ASCII)
_FIX: Final = "--bad-lines skip leaves such lines out"


def is_netflix(sample: bytes) -> bool:
    """Whether a file starts with a block: `1:`, then `user,value,date`; blocks before it may be empty."""
    text = sample.decode(detect_encoding(sample), "replace")
    lines = [line for line in map(str.strip, re.split(r"\r\n|\n|\r", text)) if line]
    first = next((line for line in lines if not _ITEM.fullmatch(line)), "")
    return bool(_RATING.fullmatch(first)) and first != lines[0]


def read_netflix(file: DataFile, problems: Problems, *, skip: bool) -> Table:
    """The rows of a file of blocks; lines that cannot be read are added to `problems`, or left out with `skip`."""
    users, items = Codes(), Codes()
    parse = date_parser(["2005-09-06"])
    dates: dict[str, int] = {}
    user_codes, item_codes, lines = array("i"), array("i"), array("q")
    values, times = array("f"), array("q")
    skipped: dict[str, int] = {}
    blank = 0
    item: int | None = None

    def bad(clause: str, number: int, line: str) -> None:
        if skip:
            skipped[clause] = skipped.get(clause, 0) + 1
        else:
            problems.add(clause, f"{file.name}, line {number}: {quoted(line)}", fix=_FIX)

    encoding = detect_encoding(file.head(SAMPLE_BYTES))
    with file.open() as raw, io.TextIOWrapper(raw, encoding=encoding, errors="replace", newline=None) as text:
        for number, padded in enumerate(
            tqdm(text, desc=f"reading {file.name}", unit=" lines", unit_scale=True, delay=2), 1
        ):
            line = padded.strip()
            if not line:
                blank += 1
            elif block := _ITEM.fullmatch(line):
                item = items(block[1])
            elif (found := _RATING.fullmatch(line)) is None:
                bad("the line is neither `film:` nor `user,value,date`", number, line)
            elif item is None:
                bad("the line stands before the first `film:`", number, line)
            else:
                user, value, date = found.groups()
                try:
                    if date not in dates and parse is not None:
                        dates[date] = parse(date)
                except ValueError:
                    bad("the date is none", number, line)
                    continue
                user_codes.append(users(user))
                item_codes.append(item)
                values.append(float(value))
                times.append(dates[date])
                lines.append(number)
    return Table(
        users=users.column(user_codes),
        items=items.column(item_codes),
        values=np.array(values, np.float32),
        times=np.array(times, np.int64),
        lines=np.array(lines, np.int64),
        skipped=skipped,
        blank_lines=blank,
    )
