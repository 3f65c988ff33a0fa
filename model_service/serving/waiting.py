"""The bounded queue before the recommender: whatever waits is scored in one pass, and nobody waits for company."""

import asyncio
import time
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
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
        self._waiting: dict[Question, list[asyncio.Future[Answer]]] = {}
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
        same = self._waiting.get(question)
        if same is not None:
            same.append(future)
        elif len(self._waiting) >= self.places:
            self._counters.overloaded()
            raise OverloadedError
        else:
            self._waiting[question] = [future]
            if not self._busy:
                self._busy = True
                future.get_loop().call_soon(self._next)
        return await future

    def close(self) -> None:
        """End the thread; nobody may ask any more."""
        self._thread.shutdown(wait=False)

    def _next(self) -> None:
        """Begin the next pass; every request that has been read by now is part of it."""
        taken = {question: self._waiting.pop(question) for question in list(self._waiting)[:MOST_TOGETHER]}
        questions = list(taken)
        loop = asyncio.get_running_loop()
        started = time.perf_counter()
        if self._before is not None:
            self._learn(started - self._before[0], self._before[1])
        if self._away:
            pending = loop.run_in_executor(self._thread, self._answering, questions)
            pending.add_done_callback(lambda done: self._settle(taken, done, started))
            return
        done: asyncio.Future[list[Answer]] = loop.create_future()
        try:
            done.set_result(self._answering(questions))
        except Exception as error:
            done.set_exception(error)
        self._settle(taken, done, started)

    def _settle(
        self,
        taken: dict[Question, list[asyncio.Future[Answer]]],
        done: asyncio.Future[list[Answer]],
        started: float,
    ) -> None:
        """Hand the answers of a pass to those who asked, and see to the ones who came meanwhile."""
        self._counters.batch()
        error = done.exception()
        answers = [None] * len(taken) if error else done.result()
        for futures, answer in zip(taken.values(), answers, strict=True):
            for future in futures:
                if future.done():
                    continue  # who asked has gone
                if answer is None:
                    future.set_exception(error or RuntimeError("no answer"))
                else:
                    future.set_result(answer)
        self._busy = bool(self._waiting)
        if self._busy:
            self._before = started, len(taken)
            done.get_loop().call_soon(self._next)
        else:
            self._before = None
            self._learn(time.perf_counter() - started, len(taken))

    def _learn(self, seconds: float, answers: int) -> None:
        """It took so long for so many; under load that is from one pass to the next, all else that is done included."""
        weight = _SMOOTHING * answers / MOST_TOGETHER  # a few together take longer each, and say little of many
        self._seconds_each += weight * (seconds / answers - self._seconds_each)
