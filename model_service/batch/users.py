"""The users to score: all of the data, or those that a file lists."""

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray

from model_service.batch.errors import BatchError
from model_service.weights import Weights

_MIN, _MAX = -(2**63), 2**63 - 1


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


def all_users(weights: Weights) -> Users:
    """Every user of the data."""
    return Users(rows=np.arange(len(weights.user_ids)), ids=id_array(weights.user_ids), checksum=None)


def listed_users(weights: Weights, file: Path) -> Users:
    """The users that `file` lists, one id a line, each once, in the file's order; raises BatchError."""
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except OSError as error:
        raise BatchError(f"--users {file} cannot be read: {error.strerror}") from None
    except UnicodeDecodeError:
        raise BatchError(f"--users {file} is not a text in UTF-8: it has to list one user id a line") from None
    listed = {line.strip(): number for number, line in reversed(list(enumerate(lines, 1))) if line.strip()}
    ids = sorted(listed, key=lambda id_: listed[id_])
    if not ids:
        raise BatchError(f"--users {file} lists no users: it has to list one user id a line")
    checksum = hashlib.sha256("\n".join(ids).encode()).hexdigest()
    rows, array = rows_of(weights.user_ids, ids, lambda id_: f"--users {file}, line {listed[id_]}")
    return Users(rows=rows, ids=array, checksum=checksum)


def id_array(ids: NDArray[np.int64]) -> Any:
    """All ids as a pyarrow array, in the order of the rows: int64 where all are whole numbers, else texts."""
    return pa.array(ids)


def rows_of(ids: NDArray[np.int64], given: list[str], where: Any) -> tuple[NDArray[np.int64], Any]:
    """The rows of the `given` ids, -1 for those that `ids` lacks, and the given ones as a pyarrow array.

    Raises BatchError, which names `where(id)`, for one that the array's type cannot hold.
    """
    numbers = []
    for id_ in given:
        number = int(id_) if id_.removeprefix("-").isdecimal() else None
        if number is None or not _MIN <= number <= _MAX:
            raise BatchError(f"{where(id_)}: {id_[:100]!r} is not a whole number, as all user ids of the data are")
        numbers.append(number)
    values = np.array(numbers, np.int64)
    rows = np.minimum(ids.searchsorted(values), len(ids) - 1)
    return np.where(ids[rows] == values, rows, -1), pa.array(values)
