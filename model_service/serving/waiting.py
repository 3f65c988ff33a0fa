"""The bounded queue before the recommender: whatever waits is scored in one pass, and nobody waits for company."""

import asyncio
import time
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Final, NamedTuple, Protocol

from model_service.serving.errors import OverloadedError
from model_service.serving.kept import Answer
from model_service.serving.metrics import Counters
from model_service.serving.scoring.fold_in import Person

MOST_TOGETHER: Final = 64
_MOST_WAITING_SECONDS: Final = 0.08
_LEAST_PLACES: Final = 8
_AWAY_SECONDS: Final = 0.3e-3  # a handover to a thread and back costs about 0.1 ms
_SMOOTHING: Final = 0.2
_IN_A_ROW_SECONDS: Final = 0.01  # of passes before the process looks again for what has come


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
    """Questions that wait for the recommender, each with everybody who asked it.

    Room is there for as many as can be answered within 0.08 s, at the speed seen of late, and never for more than
    `most`. Where a single answer takes longer than 0.3 ms, passes run in a thread: the process goes on
    answering others.
    """

    def __init__(self, answering: Answering, counters: Counters, *, most: int) -> None:
        self._answering = answering
        self._counters = counters
        self._most = most
        self._waiting: dict[Question, list[Waiter]] = {}
        self._busy = False
        self._before: tuple[float, int] | None = None  # when the pass before this one began, and how many it answered
        self._seconds_each = 0.0
        self._away = False
        self._thread = ThreadPoolExecutor(1, "scoring")

    def warm_up(self, questions: Sequence[Question]) -> None:
        """Answer `questions`, together and the first one alone, to see how long each takes; nobody is told."""
        self._away = self._quickest(questions[:1]) > _AWAY_SECONDS
        self._seconds_each = self._quickest(questions) / len(questions)

    def _quickest(self, questions: Sequence[Question]) -> float:
        """Seconds for a pass, the least of three: whatever else the machine does makes it longer, never shorter."""
        seconds = []
        for _ in range(3):
            started = time.perf_counter()
            self._answering(questions)
            seconds.append(time.perf_counter() - started)
        return min(seconds)

    def __len__(self) -> int:
        return len(self._waiting)

    @property
    def places(self) -> int:
        """How many different questions may wait at this moment."""
        return max(_LEAST_PLACES, min(self._most, int(_MOST_WAITING_SECONDS / max(self._seconds_each, 1e-9))))

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
        elif len(self._waiting) >= self.places:
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

        Passes here go on for a while before more requests are read: under overload those who wait would otherwise be
        answered 64 for each time that everybody else is turned away.
        """
        began = time.perf_counter()
        while self._waiting and time.perf_counter() - began < _IN_A_ROW_SECONDS:
            taken = {question: self._waiting.pop(question) for question in list(self._waiting)[:MOST_TOGETHER]}
            questions, started = list(taken), time.perf_counter()
            if self._before is not None:
                self._learn(started - self._before[0], self._before[1])
            self._before = started, len(taken)
            if self._away:
                pending = asyncio.get_running_loop().run_in_executor(self._thread, self._answering, questions)
                pending.add_done_callback(partial(self._come_back, taken))
                return
            try:
                self._tell(taken, self._answering(questions))
            except Exception as error:
                self._fail(taken, error)
        self._go_on()

    def _come_back(self, taken: Mapping[Question, list[Waiter]], done: asyncio.Future[list[Answer]]) -> None:
        """A pass in the thread has ended."""
        error = done.exception()
        if error is None:
            self._tell(taken, done.result())
        else:
            self._fail(taken, error)
        self._go_on()

    def _tell(self, taken: Mapping[Question, list[Waiter]], answers: Sequence[Answer]) -> None:
        self._counters.batch()
        for waiters, answer in zip(taken.values(), answers, strict=True):
            for waiter in waiters:
                if not waiter.done():
                    waiter.set_result(answer)

    def _fail(self, taken: Mapping[Question, list[Waiter]], error: BaseException) -> None:
        for waiter in (one for waiters in taken.values() for one in waiters if not one.done()):
            waiter.set_exception(error)

    def _go_on(self) -> None:
        """See to those who came meanwhile."""
        self._busy = bool(self._waiting)
        if self._busy:
            asyncio.get_running_loop().call_soon(self._next)
        elif self._before is not None:
            self._learn(time.perf_counter() - self._before[0], self._before[1])
            self._before = None

    def _learn(self, seconds: float, answers: int) -> None:
        """It took so long for so many; under load that is from one pass to the next, all else that is done included."""
        weight = _SMOOTHING * answers / MOST_TOGETHER  # a few together take longer each, and say little of many
        self._seconds_each += weight * (seconds / answers - self._seconds_each)
