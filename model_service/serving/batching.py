"""Bounded micro-batching queue without a batching delay."""

import asyncio
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from typing import Final, Protocol

from model_service.serving.cache import EncodedResponse, ResponseCache
from model_service.serving.errors import OverloadedError
from model_service.serving.recommender import RecommendRequest
from model_service.serving.telemetry.recorder import RequestRecorder

MAX_BATCH_SIZE: Final = 64
_MIN_CAPACITY: Final = 8
_MAX_OFFLOADED_WAIT_SECONDS: Final = 0.08
_MAX_BLOCKING_SECONDS: Final = 0.05  # for batches on the event loop, which reads no sockets meanwhile
_OFFLOAD_SECONDS: Final = 1e-3  # a shorter batch costs less than the hand-over: the GIL switches every 5 ms
_EWMA_WEIGHT: Final = 0.2


class ComputeBatch(Protocol):
    """Computes the responses of one batch, in the order of the requests."""

    def __call__(self, requests: Sequence[RecommendRequest]) -> list[EncodedResponse]: ...


class Waiter(Protocol):
    """The receiver of a response; an asyncio.Future is one."""

    def done(self) -> bool:
        """Whether the response is no longer awaited."""

    def set_result(self, response: EncodedResponse, /) -> None:
        """Deliver the response."""

    def set_exception(self, error: BaseException, /) -> None:
        """Deliver the error in place of a response."""


class MicroBatcher:
    """Collects the requests that arrive while a batch is computed into the next one; equal requests are computed once.

    Batches run on the event loop, or on one thread where a single response takes longer than 1 ms. The capacity is the
    number of requests that are computed within 0.05 s (0.08 s on the thread) at the recent latency, and never above
    `max_queue_size`. On completion responses are cached and counted.
    """

    def __init__(
        self, compute: ComputeBatch, cache: ResponseCache, recorder: RequestRecorder, *, max_queue_size: int
    ) -> None:
        self._compute = compute
        self._cache = cache
        self._recorder = recorder
        self._max_queue_size = max_queue_size
        self._queue: dict[RecommendRequest, list[Waiter]] = {}
        self._running = False
        self._offload = False
        self._latency_ewma = 0.0  # seconds per response
        self._thread = ThreadPoolExecutor(1, "scoring")

    def warm_up(self, requests: Sequence[RecommendRequest]) -> None:
        """Measure the latency of `requests` as a batch, and of the first one alone; the responses are discarded."""
        self._offload = self._min_seconds(requests[:1]) > _OFFLOAD_SECONDS
        self._latency_ewma = self._min_seconds(requests) / len(requests)

    def __len__(self) -> int:
        return len(self._queue)

    @property
    def capacity(self) -> int:
        """How many different requests may be queued at the recent latency."""
        seconds = _MAX_OFFLOADED_WAIT_SECONDS if self._offload else _MAX_BLOCKING_SECONDS
        return max(_MIN_CAPACITY, min(self._max_queue_size, int(seconds / max(self._latency_ewma, 1e-9))))

    @property
    def full(self) -> bool:
        """Whether a further request would be rejected."""
        return len(self._queue) >= self.capacity

    async def recommend(self, request: RecommendRequest) -> EncodedResponse:
        """The response to `request`; raises OverloadedError at once when the queue is full."""
        future: asyncio.Future[EncodedResponse] = asyncio.get_running_loop().create_future()
        self.submit(request, future)
        return await future

    def submit(self, request: RecommendRequest, waiter: Waiter) -> None:
        """Queue `request` and deliver its response to `waiter`; raises OverloadedError when the queue is full."""
        waiters = self._queue.get(request)
        if waiters is not None:
            waiters.append(waiter)
        elif self.full:
            self._recorder.record_rejection()
            raise OverloadedError
        else:
            self._queue[request] = [waiter]
            if not self._running:
                self._running = True
                asyncio.get_running_loop().call_soon(self._run)

    def _run(self) -> None:
        """Run batches until the queue is empty.

        Drain the queue before reading sockets; otherwise each loop iteration serves one batch and rejects the rest.
        """
        while self._queue:
            requests = list(islice(self._queue, MAX_BATCH_SIZE))
            batch = [(request, self._queue.pop(request)) for request in requests]
            if self._offload:
                loop = asyncio.get_running_loop()
                offloaded = loop.run_in_executor(self._thread, self._timed_compute, requests)
                offloaded.add_done_callback(partial(self._on_offloaded_done, batch))
                return
            try:
                responses, seconds = self._timed_compute(requests)
            except Exception as error:
                self._fail(batch, error)
            else:
                self._complete(batch, responses, seconds)
        self._running = False

    def _on_offloaded_done(
        self,
        batch: Sequence[tuple[RecommendRequest, list[Waiter]]],
        offloaded: "asyncio.Future[tuple[list[EncodedResponse], float]]",
    ) -> None:
        error = offloaded.exception()
        if error is None:
            self._complete(batch, *offloaded.result())
        else:
            self._fail(batch, error)
        self._run()

    def _complete(
        self,
        batch: Sequence[tuple[RecommendRequest, list[Waiter]]],
        responses: Sequence[EncodedResponse],
        seconds: float,
    ) -> None:
        """Cache and count the responses of a batch, and deliver them."""
        self._recorder.record_batch()
        self._update_latency_ewma(seconds, len(batch))
        for (request, waiters), response in zip(batch, responses, strict=True):
            key = request.cache_key
            if key is not None and not response.cold_start:
                self._cache.put(key, response)
            for waiter in waiters:
                if not waiter.done():
                    self._recorder.record_computed(response)
                    waiter.set_result(response)

    def _fail(self, batch: Sequence[tuple[RecommendRequest, list[Waiter]]], error: BaseException) -> None:
        for waiter in (waiter for _, waiters in batch for waiter in waiters if not waiter.done()):
            waiter.set_exception(error)

    def _update_latency_ewma(self, seconds: float, size: int) -> None:
        weight = (
            _EWMA_WEIGHT * size / MAX_BATCH_SIZE
        )  # the latency per response of a small batch says little of a full one
        self._latency_ewma += weight * (seconds / size - self._latency_ewma)

    def _timed_compute(self, requests: Sequence[RecommendRequest]) -> tuple[list[EncodedResponse], float]:
        started = time.perf_counter()
        return self._compute(requests), time.perf_counter() - started

    def _min_seconds(self, requests: Sequence[RecommendRequest]) -> float:
        """The least of three timings: other load on the machine only ever adds to one."""
        return min(self._timed_compute(requests)[1] for _ in range(3))
