"""The users to score: all of the data, or those that a file lists."""

import hashlib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
from numpy.typing import NDArray

from model_service.batch.errors import BatchError
from model_service.ids import Ids, whole_number


@dataclass(frozen=True, kw_only=True, eq=False)
class Users:
    """Users in the order in which they are scored.

    rows: (U,) of the data, -1 for a user who is not in it. ids: (U,) a pyarrow array. checksum: SHA-256 of the ids that
    a file lists, None for all users of the data.
    """

    rows: NDArray[np.int64]
    ids: Any
    checksum: str | None

    def __len__(self) -> int:
        return len(self.rows)

    @property
    def unknown(self) -> int:
        """How many are not in the data."""
        return int((self.rows < 0).sum())


def all_users(ids: Ids) -> Users:
    """Every user of the data, whose `ids` are these."""
    return Users(rows=np.arange(len(ids)), ids=id_array(ids), checksum=None)


def listed_users(ids: Ids, file: Path) -> Users:
    """The users that `file` lists, one id a line, each once, in the file's order; raises BatchError."""
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise BatchError(f"--users {file} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise BatchError(f"--users {file} is not a text in UTF-8: it has to list one user id a line") from None
    listed: dict[str, int] = {}
    for number, line in enumerate(lines, 1):
        if line.strip():
            listed.setdefault(line.strip(), number)
    if not listed:
        raise BatchError(f"--users {file} lists no users: it has to list one user id a line")
    given = _array_of(ids, listed, file)
    rows = pc.index_in(given, value_set=id_array(ids)).fill_null(-1).to_numpy().astype(np.int64)
    checksum = hashlib.sha256("\n".join(listed).encode()).hexdigest()
    return Users(rows=rows, ids=given, checksum=checksum)


def id_array(ids: Ids) -> Any:
    """All ids as a pyarrow array, in the order of the rows: int64 where all are whole numbers, else texts."""
    if ids.offsets is None:
        return pa.array(ids.values)
    return pa.LargeStringArray.from_buffers(len(ids), pa.py_buffer(ids.offsets), pa.py_buffer(ids.values))


def _array_of(ids: Ids, listed: Mapping[str, int], file: Path) -> Any:
    """The listed ids, with their lines in `file`, as an array of the type of `id_array`."""
    if not ids.are_numbers:
        return pa.array(listed, pa.large_string())
    numbers = [whole_number(id_) for id_ in listed]
    for (id_, line), number in zip(listed.items(), numbers, strict=True):
        if number is None:
            raise BatchError(
                f"--users {file}, line {line}: {id_[:100]!r} is not a whole number, as all user ids of the data are"
            )
    return pa.array(numbers, pa.int64())
