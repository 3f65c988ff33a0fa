"""Films as the recommender reads them: decoded once, and kept up to a bound."""

from collections.abc import Sequence
from typing import Final, overload

from model_service.catalogue import Item

MOST_KEPT: Final = 16_384  # about 6 MB


def keep_items(items: Sequence[Item]) -> Sequence[Item]:
    """`items`, all of them decoded where they are few, and otherwise those that were asked for of late."""
    return tuple(items) if len(items) <= MOST_KEPT else KeptItems(items)


class KeptItems(Sequence[Item]):
    """`items`, of which those that were asked for are kept decoded; when MOST_KEPT are, they are dropped together."""

    def __init__(self, items: Sequence[Item]) -> None:
        self._items = items
        self._kept: dict[int, Item] = {}

    def __len__(self) -> int:
        return len(self._items)

    @overload
    def __getitem__(self, row: int) -> Item: ...
    @overload
    def __getitem__(self, row: slice) -> Sequence[Item]: ...
    def __getitem__(self, row: int | slice) -> Item | Sequence[Item]:
        if isinstance(row, slice):
            return self._items[row]
        found = self._kept.get(row)
        if found is None:
            if len(self._kept) >= MOST_KEPT:
                self._kept = {}
            found = self._kept[row] = self._items[row]
        return found
