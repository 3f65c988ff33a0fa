"""Films as the recommender reads them: decoded once, and kept up to a bound."""

from collections.abc import Sequence
from typing import Final, overload

from model_service.catalogue import Item

MAX_CACHED_ITEMS: Final = 16_384  # about 6 MB


def cache_items(items: Sequence[Item]) -> Sequence[Item]:
    """`items`, all of them decoded where they are few, and otherwise those that were asked for of late."""
    return tuple(items) if len(items) <= MAX_CACHED_ITEMS else CachedItems(items)


class CachedItems(Sequence[Item]):
    """`items`, of which those that were asked for are kept decoded, up to MAX_CACHED_ITEMS."""

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
            if len(self._kept) >= MAX_CACHED_ITEMS:
                self._kept = {}
            found = self._kept[row] = self._items[row]
        return found
