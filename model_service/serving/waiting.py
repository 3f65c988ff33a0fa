"""The bounded queue before the recommender: whatever waits is scored in one pass, and nobody waits for company."""

import asyncio
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from itertools import islice
from typing import Final, NamedTuple, Protocol

from model_service.serving.errors import OverloadedError
from model_service.serving.kept import Answer
from model_service.serving.metrics import Counters
from model_service.serving.scoring.fold_in import Person

MOST_TOGETHER: Final = 64
_MOST_WAITING_SECONDS: Final = 0.08
_MOST_BLOCKING_SECONDS: Final = 0.05  # of passes in this thread: whoever comes meanwhile is only read afterwards
_LEAST_PLACES: Final = 8
_AWAY_SECONDS: Final = 1e-3  # shorter passes are sooner done than handed over: threads take turns of 5 ms
_SMOOTHING: Final = 0.2


class Question(NamedTuple):
    """The `n` best films for a user, by id, or for a person folded in; of a genre, without the films in `exclude`.

    genre is one that there is; exclude are rows; with_ids to be told the films' ids beside their titles. A person
    equals nobody but itself.
    """

    who: int | Person
    n: int
    genre: str | None = None
    exclude: tuple[int, ...] = ()
    with_ids: bool = False


class Answering(Protocol):
    """Makes the answers of one pass, in the order of the questions."""

    def __call__(self, questions: Sequence[Question]) -> list[Answer]: ...


class Waiter(Protocol):
    """Who waits for an answer; a future is one."""

    def done(self) -> bool:
        """Whether nobody waits any more."""

    def set_result(self, answer: Answer, /) -> None:
        """Here is the answer."""

    def set_exception(self, error: BaseException, /) -> None:
        """There will be none."""


class Queue:
    """Questions that wait for the recommender.

    Where a single answer takes longer than 1 ms, passes run in a thread: the process goes on answering others. Room is
    there for as many as are answered within 0.08 s then, 0.05 s otherwise, at the speed seen of late, and never for
    more than `most`.
    """

    def __init__(self, answering: Answering, counters: Counters, *, most: int) -> None:
        self._answering = answering
        self._counters = counters
        self._most = most
        self._waiting: dict[Question, list[Waiter]] = {}
        self._busy = False
        self._seconds_each = 0.0
        self._away = False
        self._thread = ThreadPoolExecutor(1, "scoring")

    def warm_up(self, questions: Sequence[Question]) -> None:
        """Answer `questions`, together and the first one alone, to see how long each takes; nobody is told."""
        self._away = self._quickest(questions[:1]) > _AWAY_SECONDS
        self._seconds_each = self._quickest(questions) / len(questions)

    def _quickest(self, questions: Sequence[Question]) -> float:
        """Seconds for a pass, the least of three: whatever else the machine does makes it longer, never shorter."""
        return min(self._timed(questions)[1] for _ in range(3))

    def _timed(self, questions: Sequence[Question]) -> tuple[list[Answer], float]:
        """The answers of a pass and the seconds that it took."""
        started = time.perf_counter()
        return self._answering(questions), time.perf_counter() - started

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def places(self) -> int:
        """How many different questions may wait at the speed seen of late."""
        seconds = _MOST_WAITING_SECONDS if self._away else _MOST_BLOCKING_SECONDS
        return max(_LEAST_PLACES, min(self._most, int(seconds / max(self._seconds_each, 1e-9))))

    @property
    def full(self) -> bool:
        """Whether no further question may wait at this moment."""
        return len(self._waiting) >= self.places

    async def ask(self, question: Question) -> Answer:
        """The answer, when it has been computed; raises OverloadedError at once when no place is left."""
        future: asyncio.Future[Answer] = asyncio.get_running_loop().create_future()
        self.enter(question, future)
        return await future

    def enter(self, question: Question, waiter: Waiter) -> None:
        """Have `waiter` told the answer when it has been computed; raises OverloadedError when no place is left."""
        same = self._waiting.get(question)
        if same is not None:
            same.append(waiter)
        elif self.full:
            self._counters.overloaded()
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
            questions = list(islice(self._waiting, MOST_TOGETHER))
            taken = [self._waiting.pop(question) for question in questions]
            if self._away:
                passing = asyncio.get_running_loop().run_in_executor(self._thread, self._timed, questions)
                passing.add_done_callback(partial(self._come_back, taken))
                return
            try:
                answers, seconds = self._timed(questions)
            except Exception as error:
                self._fail(taken, error)
            else:
                self._tell(taken, answers, seconds)
        self._busy = False

    def _come_back(self, taken: Sequence[list[Waiter]], passed: asyncio.Future[tuple[list[Answer], float]]) -> None:
        """A pass in the other thread has ended."""
        error = passed.exception()
        if error is None:
            self._tell(taken, *passed.result())
        else:
            self._fail(taken, error)
        self._next()

    def _tell(self, taken: Sequence[list[Waiter]], answers: Sequence[Answer], seconds: float) -> None:
        self._counters.batch()
        self._learn(seconds, len(taken))
        for waiters, answer in zip(taken, answers, strict=True):
            for waiter in waiters:
                if not waiter.done():
                    waiter.set_result(answer)

    def _fail(self, taken: Sequence[list[Waiter]], error: BaseException) -> None:
        for waiter in (one for waiters in taken for one in waiters if not one.done()):
            waiter.set_exception(error)

    def _learn(self, seconds: float, answers: int) -> None:
        weight = _SMOOTHING * answers / MOST_TOGETHER  # a few together take longer each, and say little of many
        self._seconds_each += weight * (seconds / answers - self._seconds_each)
