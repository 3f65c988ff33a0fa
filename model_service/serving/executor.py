"""Work that takes too long for the event loop and is asked too seldom for a queue of its own."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from model_service.serving.errors import OverloadedError
from model_service.serving.telemetry.metrics import Counters

_MOST_WAITING: Final = 32
_T = TypeVar("_T")


class BoundedExecutor:
    """One thread; of more than 32 who wait for it the next one is turned away."""

    def __init__(self, counters: Counters) -> None:
        self._counters = counters
        self._thread = ThreadPoolExecutor(1, "aside")
        self._waiting = 0

    async def run(self, work: Callable[[], _T]) -> _T:
        """What `work` returns or raises; raises OverloadedError at once when too many wait."""
        if self._waiting >= _MOST_WAITING:
            self._counters.record_rejection()
            raise OverloadedError
        self._waiting += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        finally:
            self._waiting -= 1
