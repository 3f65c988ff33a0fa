"""Runs slow, infrequent work on one bounded thread."""

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Final, TypeVar

from model_service.serving.errors import OverloadedError
from model_service.serving.telemetry.recorder import RequestRecorder

_MAX_QUEUE_SIZE: Final = 32
_T = TypeVar("_T")


class BoundedExecutor:
    """One thread with a queue of 32; further work is rejected."""

    def __init__(self, recorder: RequestRecorder) -> None:
        self._recorder = recorder
        self._thread = ThreadPoolExecutor(1, "executor")
        self._queued = 0

    async def run(self, work: Callable[[], _T]) -> _T:
        """The result of `work`, or what it raises; raises OverloadedError at once when the queue is full."""
        if self._queued >= _MAX_QUEUE_SIZE:
            self._recorder.record_rejection()
            raise OverloadedError
        self._queued += 1
        try:
            return await asyncio.get_running_loop().run_in_executor(self._thread, work)
        finally:
            self._queued -= 1
