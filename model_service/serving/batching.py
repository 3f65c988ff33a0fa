"""The bounded queue before the recommender: whatever waits is scored in one pass, and nobody waits for company."""

import asyncio
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from typing import Final, NamedTuple, Protocol

from model_service.serving.cache import EncodedResponse
from model_service.serving.errors import OverloadedError
from model_service.serving.ranking.fold_in import UserVector
from model_service.serving.telemetry.metrics import Counters

MAX_BATCH_SIZE: Final = 64
_MAX_OFFLOADED_WAIT_SECONDS: Final = 0.08
_MAX_BLOCKING_SECONDS: Final = 0.05  # of passes in this thread: whoever comes meanwhile is only read afterwards
_MIN_CAPACITY: Final = 8
_OFFLOAD_SECONDS: Final = 1e-3  # shorter passes are sooner done than handed over: threads take turns of 5 ms
_SMOOTHING: Final = 0.2


class RecommendRequest(NamedTuple):
    """The `n` best films for a user, by id, or for a person folded in; of a genre, without the films in `exclude`.

    genre is one that there is; exclude are rows; with_ids to be told the films' ids beside their titles. A person
    equals nobody but itself.
    """

    who: int | UserVector
    n: int
    genre: str | None = None
    exclude: tuple[int, ...] = ()
    with_ids: bool = False


class Answering(Protocol):
    """Makes the answers of one pass, in the order of the questions."""

    def __call__(self, questions: Sequence[RecommendRequest]) -> list[EncodedResponse]: ...


class Waiter(Protocol):
    """Who waits for an answer; a future is one."""

    def done(self) -> bool:
        """Whether nobody waits any more."""

    def set_result(self, answer: EncodedResponse, /) -> None:
        """Here is the answer."""

    def set_exception(self, error: BaseException, /) -> None:
        """There will be none."""


class MicroBatcher:
    """Questions that wait for the recommender.

    Where a single answer takes longer than 1 ms, passes run in a thread: the process goes on answering others. Room is
    there for as many as are answered within 0.08 s then, 0.05 s otherwise, at the speed seen of late, and never for
    more than `most`.
    """

    def __init__(self, answering: Answering, counters: Counters, *, most: int) -> None:
        self._answering = answering
        self._counters = counters
        self._most = most
        self._waiting: dict[RecommendRequest, list[Waiter]] = {}
        self._busy = False
        self._seconds_each = 0.0
        self._offload = False
        self._thread = ThreadPoolExecutor(1, "scoring")

    def warm_up(self, questions: Sequence[RecommendRequest]) -> None:
        """EncodedResponse `questions`, together and the first one alone, to see how long each takes; nobody is told."""
        self._offload = self._fastest(questions[:1]) > _OFFLOAD_SECONDS
        self._seconds_each = self._fastest(questions) / len(questions)

    def _fastest(self, questions: Sequence[RecommendRequest]) -> float:
        """Seconds for a pass, the least of three: whatever else the machine does makes it longer, never shorter."""
        return min(self._timed(questions)[1] for _ in range(3))

    def _timed(self, questions: Sequence[RecommendRequest]) -> tuple[list[EncodedResponse], float]:
        """The answers of a pass and the seconds that it took."""
        started = time.perf_counter()
        return self._answering(questions), time.perf_counter() - started

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def capacity(self) -> int:
        """How many different questions may wait at the speed seen of late."""
        seconds = _MAX_OFFLOADED_WAIT_SECONDS if self._offload else _MAX_BLOCKING_SECONDS
        return max(_MIN_CAPACITY, min(self._most, int(seconds / max(self._seconds_each, 1e-9))))

    @property
    def full(self) -> bool:
        """Whether no further question may wait at this moment."""
        return len(self._waiting) >= self.capacity

    async def ask(self, question: RecommendRequest) -> EncodedResponse:
        """The answer, when it has been computed; raises OverloadedError at once when no place is left."""
        future: asyncio.Future[EncodedResponse] = asyncio.get_running_loop().create_future()
        self.submit(question, future)
        return await future

    def submit(self, question: RecommendRequest, waiter: Waiter) -> None:
        """Have `waiter` told the answer when it has been computed; raises OverloadedError when no place is left."""
        same = self._waiting.get(question)
        if same is not None:
            same.append(waiter)
        elif self.full:
            self._counters.record_rejection()
            raise OverloadedError
        else:
            self._waiting[question] = [waiter]
            if not self._busy:
                self._busy = True
                asyncio.get_running_loop().call_soon(self._next)

    def close(self) -> None:
        """End the thread; nobody may ask any more."""
        self._thread.shutdown(wait=False)

    def _next(self) -> None:
        """Begin the next pass; every request that has been read by now is part of it.

        In this thread, one pass follows the other until nobody waits, and only then more requests are read: under
        overload they would otherwise be answered 64 for each time that everybody else is turned away.
        """
        while self._waiting:
            questions = list(islice(self._waiting, MAX_BATCH_SIZE))
            taken = [self._waiting.pop(question) for question in questions]
            if self._offload:
                passing = asyncio.get_running_loop().run_in_executor(self._thread, self._timed, questions)
                passing.add_done_callback(partial(self._on_batch_done, taken))
                return
            try:
                answers, seconds = self._timed(questions)
            except Exception as error:
                self._fail(taken, error)
            else:
                self._tell(taken, answers, seconds)
        self._busy = False

    def _on_batch_done(
        self, taken: Sequence[list[Waiter]], passed: asyncio.Future[tuple[list[EncodedResponse], float]]
    ) -> None:
        """A pass in the other thread has ended."""
        error = passed.exception()
        if error is None:
            self._tell(taken, *passed.result())
        else:
            self._fail(taken, error)
        self._next()

    def _tell(self, taken: Sequence[list[Waiter]], answers: Sequence[EncodedResponse], seconds: float) -> None:
        self._counters.record_batch()
        self._update_latency_ewma(seconds, len(taken))
        for waiters, answer in zip(taken, answers, strict=True):
            for waiter in waiters:
                if not waiter.done():
                    waiter.set_result(answer)

    def _fail(self, taken: Sequence[list[Waiter]], error: BaseException) -> None:
        for waiter in (one for waiters in taken for one in waiters if not one.done()):
            waiter.set_exception(error)

    def _update_latency_ewma(self, seconds: float, answers: int) -> None:
        weight = _SMOOTHING * answers / MAX_BATCH_SIZE  # a few together take longer each, and say little of many
        self._seconds_each += weight * (seconds / answers - self._seconds_each)
