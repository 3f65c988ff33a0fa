"""Names of columns."""

import pytest

from model_service.data.roles import ITEM_NAMES, NAMES, find, normalised, repeated


@pytest.mark.parametrize(
    "name", ["user_id", "User-ID", "USERID", " user id ", "user_id:token", '"userId"', "\ufeffuser_id"]
)
def test_a_name_is_known_however_it_is_spelt(name: str) -> None:
    assert normalised(name) == "userid"


def test_the_more_certain_name_is_found_first() -> None:
    assert find(["user", "user_id"], NAMES["user"]) == 1
    assert find(["name", "title"], ITEM_NAMES["title"]) == 1
    assert find(["x"], NAMES["user"]) is None


def test_names_that_are_the_same_but_for_their_spelling_are_repeated() -> None:
    assert repeated(["userId", "user_id", "item"], {"user": 0, "item": 2}) == ["user"]
