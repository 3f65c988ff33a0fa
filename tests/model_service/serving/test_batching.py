"""Kept answers, and the queue before the recommender."""

import asyncio
import threading
import time
from collections.abc import Sequence

import pytest
from hypothesis import given
from hypothesis import strategies as st

from model_service.serving import batching
from model_service.serving.batching import MicroBatcher
from model_service.serving.cache import EncodedResponse, ResponseCache, encode_response
from model_service.serving.errors import OverloadedError
from model_service.serving.recommender import RecommendRequest
from model_service.serving.telemetry.metrics import Metrics
from model_service.serving.telemetry.recorder import RequestRecorder


def _answer(uid: int, length: int = 100) -> EncodedResponse:
    return encode_response(b"%d" % uid + b" " * length, "0123456789ab", [float(uid)])


@given(st.lists(st.tuples(st.integers(0, 30), st.integers(0, 3000)), max_size=200), st.integers(0, 20_000))
def test_kept_answers_are_those_that_were_given_and_stay_within_their_bound(
    asked: list[tuple[int, int]], most: int
) -> None:
    kept = ResponseCache(most)
    latest: dict[bytes, EncodedResponse] = {}
    for uid, length in asked:
        target = b"/?uid=%d" % uid
        found = kept.get(target)
        assert found is None or found is latest[target]
        if found is None:
            latest[target] = _answer(uid, length)
            kept.put(target, latest[target])
        assert kept.bytes_held <= most


def test_what_is_asked_for_outlives_what_is_not() -> None:
    kept = ResponseCache(20_000)
    kept.put(b"often", _answer(1))
    kept.put(b"once", _answer(2))
    for uid in range(1000):
        kept.put(b"/?uid=%d" % uid, _answer(uid))
        assert kept.get(b"often") is not None
    assert kept.get(b"once") is None
    assert 10 < len(kept) < 40


def test_keeping_nothing_is_possible() -> None:
    kept = ResponseCache(0)
    kept.put(b"/?uid=1", _answer(1))
    assert kept.get(b"/?uid=1") is None


class _Recommender:
    """Answers with the user's id; remembers its passes; as slow and as broken as it is told to be."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.passes: list[list[RecommendRequest]] = []
        self.threads: set[str] = set()
        self.seconds = seconds
        self.error: Exception | None = None

    def __call__(self, questions: Sequence[RecommendRequest]) -> list[EncodedResponse]:
        self.threads.add(threading.current_thread().name)
        if self.error is not None:
            raise self.error
        time.sleep(self.seconds)
        self.passes.append(list(questions))
        return [_answer(question.user) for question in questions if isinstance(question.user, int)]


def _queue(recommender: _Recommender, most: int = 1000) -> MicroBatcher:
    queue = MicroBatcher(recommender, ResponseCache(0), RequestRecorder(Metrics().row()), max_queue_size=most)
    queue.warm_up([RecommendRequest("0", 10)])
    recommender.passes.clear()
    recommender.threads.clear()
    return queue


async def _ask(queue: MicroBatcher, uids: Sequence[int]) -> list[int | OverloadedError]:
    found = await asyncio.gather(*(queue.recommend(RecommendRequest(uid, 10)) for uid in uids), return_exceptions=True)
    return [int(one.body) if isinstance(one, EncodedResponse) else one for one in found]  # type: ignore[misc]


def test_all_who_ask_at_once_share_one_pass_and_the_same_question_is_computed_once() -> None:
    recommender = _Recommender()
    assert asyncio.run(_ask(_queue(recommender), [5, 6, 5, 7, 6])) == [5, 6, 5, 7, 6]
    assert [[question.user for question in one] for one in recommender.passes] == [[5, 6, 7]]
    assert recommender.threads == {"MainThread"}


def test_one_alone_does_not_wait_for_company() -> None:
    recommender = _Recommender()
    assert asyncio.run(_ask(_queue(recommender), [5])) == [5]
    assert len(recommender.passes) == 1


def test_slow_passes_run_aside_and_who_came_meanwhile_is_in_the_next_one() -> None:
    recommender = _Recommender(seconds=0.01)
    queue = _queue(recommender)

    async def program() -> list[int | OverloadedError]:
        first = asyncio.ensure_future(_ask(queue, [1]))
        await asyncio.sleep(0.005)
        return [*await _ask(queue, [2, 3]), *await first]

    assert asyncio.run(program()) == [2, 3, 1]
    assert [len(one) for one in recommender.passes] == [1, 2]
    assert "MainThread" not in recommender.threads


def test_a_full_queue_turns_away_at_once_and_is_over_when_the_load_is() -> None:
    recommender = _Recommender(seconds=0.001)
    queue = _queue(recommender, most=20)
    started = time.perf_counter()
    found = asyncio.run(_ask(queue, range(100)))
    assert found[:20] == list(range(20))
    assert all(isinstance(one, OverloadedError) for one in found[20:])
    assert time.perf_counter() - started < 1
    assert asyncio.run(_ask(queue, [1])) == [1]


def test_a_slow_recommender_gets_a_short_queue() -> None:
    assert _queue(_Recommender(seconds=0.02)).capacity == 8
    assert 8 < _queue(_Recommender(seconds=0.002)).capacity <= 50
    assert _queue(_Recommender(), most=300).capacity == 300


def test_more_than_fit_one_pass_take_several() -> None:
    recommender = _Recommender()
    many = list(range(batching.MAX_BATCH_SIZE + 1))
    assert asyncio.run(_ask(_queue(recommender), many)) == many
    assert [len(one) for one in recommender.passes] == [batching.MAX_BATCH_SIZE, 1]


@pytest.mark.parametrize("seconds", [0.0, 0.002])
def test_a_failing_pass_fails_those_who_were_in_it_and_nobody_after(seconds: float) -> None:
    recommender = _Recommender(seconds)
    queue = _queue(recommender)
    recommender.error = ZeroDivisionError("planted")
    assert [str(one) for one in asyncio.run(_ask(queue, [1, 2]))] == ["planted"] * 2
    recommender.error = None
    assert asyncio.run(_ask(queue, [3])) == [3]
