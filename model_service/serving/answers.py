"""From a question to the bytes that answer it, for one model: kept ones at once, the others through the queue."""

from collections.abc import Sequence
from typing import Any

import orjson

from model_service.serving.kept import Answer, KeptAnswers, ready
from model_service.serving.metrics import Counters
from model_service.serving.recommender import Recommendations, Recommender, TopRequest
from model_service.serving.waiting import Question, Queue


class Answers:
    """The answers of one model; kept ones go with it."""

    def __init__(self, recommender: Recommender, counters: Counters, *, keep_bytes: int, most_waiting: int) -> None:
        self.kept = KeptAnswers(keep_bytes)
        self.queue = Queue(self._answer, counters, most=most_waiting)
        self._recommender = recommender
        self._counters = counters

    async def recommend(self, question: Question) -> Answer:
        """The answer to `question`, kept from now on unless it is for someone unknown; raises OverloadedError."""
        answer = await self.queue.ask(question)
        if answer.cold_start:
            self._counters.cold_start()
        else:
            self.kept.keep(target(question), answer)
        self._counters.told(answer.scores, answer.score_sum, kept=False)
        return answer

    def _answer(self, questions: Sequence[Question]) -> list[Answer]:
        requests = [TopRequest(who=question.uid, n=question.n) for question in questions]
        found = self._recommender.recommend_many(requests)
        return [self._ready(question, one) for question, one in zip(questions, found, strict=True)]

    def _ready(self, question: Question, found: Recommendations) -> Answer:
        body = orjson.dumps(told(found, who=f"user {question.uid}"))
        scores = [score for _, score in found.ranked]
        return ready(body, self._recommender.version, scores, cold_start=found.cold_start)


def told(found: Recommendations, *, who: str) -> dict[str, Any]:
    """What is said about recommendations: titles with stars, and why they are popular films where they are."""
    answer: dict[str, Any] = {"success": True, "response": found.ranked}
    if found.cold_start:
        answer["cold_start"] = True
        answer["reason"] = f"{who} is not in the model's data: these are popular films"
    return answer


def target(question: Question, *, default_n: int = 10) -> bytes:
    """The request target that asks `question`, in the one way of writing it under which answers are kept."""
    n = "" if question.n == default_n else f"&n={question.n}"
    return f"/?uid={question.uid}{n}".encode()
