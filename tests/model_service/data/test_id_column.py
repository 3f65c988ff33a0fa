"""Columns of ids."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from model_service.data.id_column import IdColumn

_TEXTS = st.lists(st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=6), min_size=1, max_size=40)


def _texts(column: IdColumn) -> list[str]:
    return [column.ids[row] for row in column.rows.tolist()]


@given(_TEXTS, st.data())
def test_a_column_tells_the_ids_it_was_made_of(texts: list[str], data: st.DataObject) -> None:
    column = IdColumn.of(texts)
    assert _texts(column) == texts
    positions = data.draw(st.lists(st.integers(0, len(texts) - 1), min_size=1))
    part = column.take(np.array(positions))
    assert _texts(part) == [texts[position] for position in positions]
    assert {*part.ids} == {*_texts(part)}
    assert _texts(IdColumn.concatenated([column, part])) == [*texts, *_texts(part)]


@given(st.lists(st.integers(-(2**62), 2**62) | st.integers(-5, 5), min_size=1))
def test_numbers_in_an_array_are_the_same_column_as_their_texts(numbers: list[int]) -> None:
    column = IdColumn.of(np.array(numbers, np.int64))
    assert _texts(column) == [str(number) for number in numbers] == _texts(IdColumn.of([*map(str, numbers)]))
