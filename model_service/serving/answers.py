"""From a question to the bytes that answer it, for one model: kept ones at once, the others through the queue."""

from collections.abc import Sequence
from typing import Any

import numpy as np
import orjson

from model_service.serving.batching import MicroBatcher, RecommendRequest
from model_service.serving.cache import EncodedResponse, ResponseCache, encode_response
from model_service.serving.recommender import Recommendations, Recommender, TopRequest
from model_service.serving.search import TitleIndex
from model_service.serving.telemetry.metrics import Counters


class Answers:
    """The answers of one model; kept ones go with it."""

    def __init__(
        self,
        recommender: Recommender,
        titles: TitleIndex,
        counters: Counters,
        *,
        keep_bytes: int,
        most_waiting: int,
    ) -> None:
        self.cache = ResponseCache(keep_bytes)
        self.batcher = MicroBatcher(self._answer, counters, most=most_waiting)
        self._recommender = recommender
        self._titles = titles
        self._counters = counters

    async def recommend(self, question: RecommendRequest) -> EncodedResponse:
        """The answer to `question`; raises OverloadedError."""
        answer = await self.batcher.ask(question)
        self.given(question, answer)
        return answer

    def given(self, question: RecommendRequest, answer: EncodedResponse) -> None:
        """Count an answer that was computed, and keep it from now on where the question has a target."""
        if answer.cold_start:
            self._counters.record_cold_start()
        elif isinstance(question.who, int) and question == RecommendRequest(question.who, question.n):
            self.cache.put(_target(question.who, question.n), answer)
        self._counters.record_scores(answer.scores, answer.score_sum, kept=False)

    def _answer(self, questions: Sequence[RecommendRequest]) -> list[EncodedResponse]:
        found = self._recommender.recommend_many([self._request(question) for question in questions])
        return [self._ready(question, one) for question, one in zip(questions, found, strict=True)]

    def _request(self, question: RecommendRequest) -> TopRequest:
        exclude = np.array(question.exclude, np.int32) if question.exclude else None
        only = None if question.genre is None else self._titles.mask(question.genre)
        return TopRequest(who=question.who, n=question.n, exclude=exclude, mask=only)

    def _ready(self, question: RecommendRequest, found: Recommendations) -> EncodedResponse:
        body: dict[str, Any] = {"success": True, "response": found.ranked}
        if found.cold_start:
            body["cold_start"] = True
            body["reason"] = f"user {question.who} is not in the model's data: these are popular films"
        if question.with_ids:
            body["ids"] = [self._recommender.items[row].id for row in found.rows]
        scores = [score for _, score in found.ranked]
        return encode_response(orjson.dumps(body), self._recommender.version, scores, cold_start=found.cold_start)


def _target(uid: int, n: int) -> bytes:
    """The request target that asks for this, in the one way of writing it under which answers are kept."""
    return f"/?uid={uid}".encode() if n == 10 else f"/?uid={uid}&n={n}".encode()
