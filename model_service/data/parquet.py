"""Reads the ratings of a Parquet file, and tables of items."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import numpy as np

from model_service.data.dialect import NUMBER
from model_service.data.files import DataFile
from model_service.data.id_column import IdColumn
from model_service.data.problems import Problems, quoted
from model_service.data.ratings import DataError
from model_service.data.table import BLANKS, CONTROL, WORDS, Plan, Table

if TYPE_CHECKING:
    from pyarrow import ChunkedArray
    from pyarrow import Table as Table_
    from pyarrow.parquet import ParquetFile

MAGIC = b"PAR1"


def column_names(file: DataFile) -> tuple[str, ...]:
    """The names of the file's columns."""
    return tuple(_open(file).schema_arrow.names)


def sample(file: DataFile, rows: int = 400) -> tuple[tuple[str, ...], ...]:
    """The first rows as texts, an empty one for a null."""
    with _damage(file):
        batch = next(_open(file).iter_batches(batch_size=rows), None)
    columns = [] if batch is None else [[_text(value) for value in column.to_pylist()] for column in batch.columns]
    return tuple(zip(*columns, strict=True))


def read_parquet(file: DataFile, names: Sequence[str], plan: Plan, problems: Problems) -> Table:
    """The rows of `file`; nulls and values of a wrong type are added to `problems`."""
    wanted = {role: names[position] for role, position in _positions(plan).items()}
    for name in wanted.values():
        if [*names].count(name) > 1:
            raise DataError(f"{file.name} has several columns called {quoted(name)}; rename them")
    found = _read(file, [*wanted.values()])
    columns = {role: _plain(found.column(name)) for role, name in wanted.items()}
    return Table(
        users=_ids(file, "user", columns["user"], wanted["user"], problems),
        items=_ids(file, "item", columns["item"], wanted["item"], problems),
        values=_values(file, columns["value"], wanted["value"], plan, problems) if "value" in wanted else None,
        times=_times(file, columns["time"], wanted["time"], plan, problems) if "time" in wanted else None,
    )


def read_rows(file: DataFile) -> list[dict[str, str]]:
    """All rows as texts by column, for files of items; lists joined by `|`."""
    table = _read(file, None)
    return [{name: _text(value) for name, value in row.items()} for row in table.to_pylist()]


def _read(file: DataFile, columns: list[str] | None) -> "Table_":
    with _damage(file):
        return _open(file).read(columns=columns)


@contextmanager
def _damage(file: DataFile) -> Iterator[None]:
    """Turns the errors of pyarrow into one that names the file."""
    import pyarrow as pa

    try:
        yield
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{file.name} is damaged ({str(error).strip()}); fetch it again") from None


def _positions(plan: Plan) -> Mapping[str, int]:
    places = {"user": plan.user, "item": plan.item, "value": plan.value, "time": plan.time}
    return {role: position for role, position in places.items() if position is not None}


def _open(file: DataFile) -> "ParquetFile":
    import pyarrow as pa
    from pyarrow import parquet

    try:
        return parquet.ParquetFile(file.path if file.path is not None else pa.BufferReader(file.read()))
    except (pa.ArrowInvalid, OSError) as error:
        raise DataError(f"{file.name} is no readable Parquet file: {error}") from None


def _plain(column: "ChunkedArray") -> "ChunkedArray":
    """The column with texts of the type that pyarrow computes with; polars writes views."""
    import pyarrow as pa

    return column.cast(pa.large_string()) if pa.types.is_string_view(column.type) else column


def _text(value: object) -> str:
    if value is None:
        return ""
    if isinstance(value, float) and value.is_integer():
        return str(int(value))  # of ids and years that pandas holds so beside nulls
    if isinstance(value, list | tuple | np.ndarray):
        return "|".join(_text(one) for one in value)
    return value.isoformat() if hasattr(value, "isoformat") else str(value)


def _ids(file: DataFile, role: str, column: "ChunkedArray", name: str, problems: Problems) -> IdColumn:
    import pyarrow as pa
    from pyarrow import compute, types

    if 0 < column.null_count == len(column):
        raise DataError(f'{file.name}: the {role} ("{name}") is null in every row')
    if column.null_count:
        _report_rows(file, f'the {role} ("{name}") is null', compute.is_null(column), problems)
        column = column.fill_null(column.drop_null()[0])
    kind = column.type.value_type if types.is_dictionary(column.type) else column.type
    if types.is_floating(kind):
        fractions = compute.not_equal(column, compute.floor(column))
        if compute.any(fractions).as_py():
            _report_rows(file, f'the {role} ("{name}") is a decimal number', fractions, problems)
        exact = {16: 2.0**11, 32: 2.0**24, 64: 2.0**53}[kind.bit_width]
        beyond = compute.greater_equal(compute.abs(column), pa.scalar(exact, kind))
        if compute.any(beyond).as_py():
            clause = f'the {role} ("{name}") is too large for an id that is held as a decimal number'
            _report_rows(file, clause, beyond, problems, fix="write ids as whole numbers or texts")
        column = compute.cast(column, pa.int64(), safe=False)  # whole numbers, which pandas holds so beside nulls
    elif not (types.is_integer(kind) or types.is_string(kind) or types.is_large_string(kind)):
        raise DataError(f'{file.name}: the {role} ("{name}") is of the type {kind}; whole numbers or texts are needed')
    encoded = (column if types.is_dictionary(column.type) else column.dictionary_encode()).unify_dictionaries()
    texts = [str(value) for value in encoded.chunk(0).dictionary.to_pylist()] if encoded.num_chunks else []
    for text in texts:
        if not text.strip(BLANKS) or CONTROL.search(text):
            clause = f'the {role} ("{name}") is empty or has a control character'
            problems.add(clause, f"{file.name}: {quoted(text)}", fix="correct it")
    return IdColumn.encoded(
        [chunk.indices.to_numpy() for chunk in encoded.chunks], [text.strip(BLANKS) or "?" for text in texts]
    )


def _values(file: DataFile, column: "ChunkedArray", name: str, plan: Plan, problems: Problems) -> Any:
    from pyarrow import compute, types

    if types.is_boolean(column.type):
        column = compute.cast(column, "int8")
    if types.is_string(column.type) or types.is_large_string(column.type) or types.is_dictionary(column.type):
        texts = [_text(value).strip() for value in column.to_pylist()]
        numbers = np.array([np.nan if text in plan.missing_texts else _number(text) for text in texts])
        wrong = np.array([text not in plan.missing_texts for text in texts]) & ~np.isfinite(numbers)
    elif types.is_integer(column.type) or types.is_floating(column.type) or types.is_decimal(column.type):
        numbers = compute.cast(column, "float64", safe=False).to_numpy()
        wrong = ~np.isfinite(numbers) if "" not in plan.missing_texts else np.isinf(numbers)
        wrong |= np.abs(numbers) > np.finfo(np.float32).max
    else:
        raise DataError(f'{file.name}: the value ("{name}") is of the type {column.type}; numbers are needed')
    if wrong.any():
        _report_rows(
            file,
            f'the value ("{name}") is null or no number',
            wrong,
            problems,
            fix="--missing empty reads it as seen, not rated",
        )
    return np.where(wrong, np.nan, numbers).astype(np.float32)


def _number(text: str) -> float:
    return WORDS.get(text.lower(), float(text) if NUMBER.fullmatch(text) else float("nan"))


def _times(file: DataFile, column: "ChunkedArray", name: str, plan: Plan, problems: Problems) -> Any:
    from pyarrow import compute, types

    fix = "--time none ignores times"
    if column.null_count:
        _report_rows(file, f'the time ("{name}") is null', compute.is_null(column), problems, fix=fix)
        return np.zeros(len(column), np.int64)
    if types.is_date(column.type) or types.is_timestamp(column.type):
        return column.to_numpy().astype("datetime64[s]").astype(np.int64)
    if plan.date is None and (types.is_integer(column.type) or types.is_floating(column.type)):
        numbers = column.to_numpy()
        wrong = ~(np.abs(numbers) < 2.0**63)
        if wrong.any():
            _report_rows(file, f'the time ("{name}") is no time', wrong, problems, fix=fix)
            return np.zeros(len(column), np.int64)
        return numbers
    texts = [_text(value) for value in column.to_pylist()]
    try:
        found = np.array([plan.date(text) if plan.date else float(text) for text in texts])
        if not np.isfinite(found).all():
            raise ValueError
        return found
    except (ValueError, OverflowError):
        problems.add(f'the time ("{name}") is no time', f"{file.name}", fix=fix)
        return np.zeros(len(column), np.int64)


def _report_rows(
    file: DataFile, clause: str, wrong: Any, problems: Problems, *, fix: str = "correct or remove it"
) -> None:
    rows = np.flatnonzero(np.asarray(wrong, bool))
    for row in rows[:10].tolist():
        problems.add(clause, f"{file.name}, row {row + 1}", fix=fix)
    if len(rows) > 10:
        problems.add(clause, fix=fix, count=len(rows) - 10)
