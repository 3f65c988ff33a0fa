"""The files of a batch run: one row for each recommended item, as Parquet or CSV."""

from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pyarrow.parquet
from numpy.typing import NDArray

from model_service.serving.recommender import RowLists

COLUMNS: Final = ("user_id", "item_id", "rank", "stars")
TITLE: Final = "title"


def join(lists: Sequence[RowLists]) -> RowLists:
    """The lists of consecutive blocks of users as one."""
    stars = [one.stars for one in lists if one.stars is not None]
    return RowLists(
        rows=np.concatenate([one.rows for one in lists]),
        lengths=np.concatenate([one.lengths for one in lists]),
        stars=np.concatenate(stars) if stars else None,
    )


def table(user_ids: Any, lists: RowLists, item_ids: Any, titles: Any | None) -> Any:
    """A row for each item: user_id, item_id, rank from 1, stars (null without stars), and the title where asked for.

    user_ids: (B,) of the lists' users. item_ids, titles: (I,) of all items.
    """
    firsts = np.cumsum(lists.lengths) - lists.lengths
    ranks = np.arange(1, len(lists.rows) + 1) - firsts.repeat(lists.lengths)
    columns = [
        _small(user_ids.take(pa.array(np.arange(len(lists.lengths)).repeat(lists.lengths)))),
        _small(item_ids.take(pa.array(lists.rows))),
        pa.array(ranks.astype(np.int32)),
        pa.nulls(len(ranks), pa.float64()) if lists.stars is None else pa.array(lists.stars),
    ]
    if titles is None:
        return pa.table(columns, names=[*COLUMNS])
    return pa.table([*columns, titles.take(pa.array(lists.rows))], names=[*COLUMNS, TITLE])


def _small(ids: Any) -> Any:
    """Texts with the short offsets that every reader of Parquet knows: those of one part are below 2 GiB."""
    return ids.cast(pa.string()) if pa.types.is_large_string(ids.type) else ids


def _parquet(rows: Any, into: Any) -> None:
    pyarrow.parquet.write_table(rows, into)


def _csv(rows: Any, into: Any) -> None:
    pyarrow.csv.write_csv(rows, into)


ENCODERS: Mapping[str, Callable[[Any, Any], None]] = {"parquet": _parquet, "csv": _csv}
"""What writes a table, by the format's name, which is the files' suffix."""


def encode(rows: Any, format_: str) -> bytes:
    """The content of a file."""
    buffer = pa.BufferOutputStream()
    ENCODERS[format_](rows, buffer)
    return bytes(buffer.getvalue())


def titles_of(items: Sequence[Any]) -> Any:
    """(I,) the titles of all items as a pyarrow array."""
    return pa.array([item.title for item in items], pa.string())


def user_blocks(rows: NDArray[np.int64], size: int) -> list[NDArray[np.int64]]:
    """`rows` in blocks of `size`, the last one shorter."""
    return [rows[first : first + size] for first in range(0, len(rows), size)]
