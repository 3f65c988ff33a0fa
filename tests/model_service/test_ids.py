"""Ids: order, look-up and what is refused."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_service.ids import Ids, whole_number

ODD = ["007", "7", "Ünïcode näme", "a/b", "x,y", "18446744073709551617", "080442957X"]
_TEXTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)


@given(st.sets(_TEXTS, min_size=1, max_size=80) | st.sets(st.integers(-(2**63), 2**63 - 1).map(str), min_size=1))
def test_every_id_is_found_in_its_own_row_and_order_is_total(texts: set[str]) -> None:
    ids = Ids.of(texts)
    again = Ids(ids.values, ids.offsets)
    assert [again.row(text) for text in again] == list(range(len(texts)))
    assert [again.after(text) for text in again] == list(range(1, len(texts) + 1))
    assert again[:] == [*ids] == sorted(texts, key=int if ids.are_numbers else str.encode)


@given(st.lists(_TEXTS, min_size=2, max_size=40), st.booleans())
def test_ids_out_of_order_or_twice_are_refused(texts: list[str], shared: bool) -> None:
    encoded = [("a shared beginning " * shared + text).encode() for text in texts]
    values, offsets = np.frombuffer(b"".join(encoded), np.uint8), np.cumsum([0, *map(len, encoded)])
    if all(one < other for one, other in pairwise(encoded)):
        assert [text.encode() for text in Ids(values, offsets)] == encoded
    else:
        with pytest.raises(ValueError, match="increasing order"):
            Ids(values, offsets)


def test_zeros_before_a_number_make_another_id() -> None:
    ids = Ids.of(ODD)
    assert not ids.are_numbers
    assert len({ids.row(text) for text in ODD}) == len(ODD)
    assert [ids.row(text) for text in ("07", "7.0", "+7", "", "x", "\ud800")] == [None] * 6
    assert [whole_number(text) for text in ("007", "+7", "-0", "7.0", "٣", "1_0", str(2**63), "-5")] == [None] * 7 + [
        -5
    ]


@pytest.mark.parametrize(
    ("text", "offsets", "message"),
    [
        (b"\xff\xfe", [0, 1, 2], "not UTF-8"),
        ("é".encode(), [0, 1, 2], "cut a character"),
        (b"ab", [0, 0, 2], "do not increase"),
        (b"ab", [0, 1], "do not increase"),
        (b"ab", [0, 3, 2], "do not increase"),
        (b"ab", [], "do not increase"),
    ],
)
def test_damaged_texts_are_refused(text: bytes, offsets: list[int], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Ids(np.frombuffer(text, np.uint8), np.array(offsets, np.int64))


def test_numbers_far_apart_are_in_order() -> None:
    assert Ids(np.array([-(2**63), 2**63 - 1]))[:] == [str(-(2**63)), str(2**63 - 1)]
