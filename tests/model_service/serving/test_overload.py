"""Twice the load that the service can take: told at once, and over when the load is."""

import threading
import time

from tests.model_service.conftest import Trained
from tests.model_service.process import ask, connect, free_port, read_answer, service

CLIENTS = 40
SECONDS = 3.0
_SLOW = """
import sys, time
from model_service.serving.recommender import Recommender
quick = Recommender.recommend_many
def slow(self, requests):
    time.sleep(0.010 * len(requests))  # a hundred answers a second
    return quick(self, requests)
Recommender.recommend_many = slow
from model_service.serving.__main__ import main
sys.exit(main())
"""


def _client(port: int, number: int, until: float, seen: list[tuple[int, float]]) -> None:
    """Asks for users of its own, 5 times a second: together twice what the service can answer."""
    with connect(port) as connection:
        uid = number
        while time.monotonic() < until:
            started = time.monotonic()
            connection.sendall(f"GET /?uid={uid % 120 + 1} HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            status, headers, _ = read_answer(connection)
            if status == 503:
                assert headers["retry-after"] == "1"
            seen.append((status, time.monotonic() - started))
            uid += CLIENTS
            time.sleep(max(0.0, 0.2 - (time.monotonic() - started)))


def test_every_answer_is_200_or_503_none_is_late_and_a_second_later_it_is_as_quick_as_before(
    trained: Trained,
) -> None:
    port = free_port()
    seen: list[tuple[int, float]] = []
    with service(trained.folder, port, program=_SLOW, WORKERS="1", RESPONSE_CACHE_MIB="0"):
        until = time.monotonic() + SECONDS
        clients = [threading.Thread(target=_client, args=(port, number, until, seen)) for number in range(CLIENTS)]
        for client in clients:
            client.start()
        for client in clients:
            client.join()
        time.sleep(1)
        started = time.monotonic()
        assert ask(port, "/?uid=20")[0] == 200
        assert time.monotonic() - started < 1
        refused = float(ask(port, "/metrics")[2].split(b"\nrecommender_rejections_total ")[1].split()[0])
    answered = sorted(seconds for status, seconds in seen if status == 200)
    turned_away = sorted(seconds for status, seconds in seen if status == 503)
    assert len(answered) + len(turned_away) == len(seen)
    assert len(answered) > 0.5 * 100 * SECONDS, "it answers as many as it can"
    assert len(turned_away) == refused > 0.1 * len(seen)
    assert answered[int(0.99 * len(answered))] < 1, "nobody waits as long as a queue without an end would take"
    assert turned_away[len(turned_away) // 2] < answered[len(answered) // 2], "turned away sooner than answered"
