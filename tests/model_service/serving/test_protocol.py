"""Plain questions on the wire: computed, turned away and failed by the connection itself, told as any other answer."""

import asyncio
import json
import socket
import time
from contextlib import AbstractContextManager, suppress

import pytest
import uvloop

from model_service.serving.fast_path import is_bodyless_keep_alive, parse_single_get
from model_service.serving.server import ConnectionAcceptor
from tests.model_service.conftest import Trained
from tests.model_service.process import FAILING, ask, connect, ended, free_port, read_answer, service

_SLOW = """
import sys, time
from model_service.serving.recommender import Recommender
quick = Recommender.recommend_many
def slow(self, requests):
    time.sleep(0.005 * len(requests))
    return quick(self, requests)
Recommender.recommend_many = slow
from model_service.serving.__main__ import main
sys.exit(main())
"""
_FULL = """
import sys
from model_service.serving.batching import MicroBatcher
MicroBatcher.full = property(lambda self: True)
from model_service.serving.__main__ import main
sys.exit(main())
"""


def _plain(uid: int, *lines: str) -> bytes:
    return "\r\n".join((f"GET /?uid={uid} HTTP/1.1", "Host: x", *lines, "", "")).encode()


def test_a_computed_answer_is_that_of_the_framework_to_the_last_byte_but_for_the_date(trained: Trained) -> None:
    port = free_port()
    with service(trained.folder, port, WORKERS="1", RESPONSE_CACHE_MIB="0"):
        direct = ask(port, "/?uid=7", "X-Request-ID: mine")
        framework = ask(port, "/?n=10&uid=7", "X-Request-ID: mine")
    for answer in (direct, framework):
        assert answer[1].pop("date").endswith(" GMT")
    assert direct == framework


def test_a_full_queue_is_told_at_once_on_a_connection_that_stays(trained: Trained) -> None:
    port = free_port()
    with service(trained.folder, port, program=_SLOW, WORKERS="1", RESPONSE_CACHE_MIB="0", MAX_QUEUE_SIZE="2"):
        crowd = [connect(port) for _ in range(60)]
        for uid, connection in enumerate(crowd, 1):
            connection.sendall(_plain(uid, f"X-Request-ID: r{uid}"))
        answers = [read_answer(connection) for connection in crowd]
        turned_away = [(uid, answer) for uid, answer in enumerate(answers, 1) if answer[0] == 503]
        assert len(turned_away) > 10
        for uid, (_, headers, body) in turned_away:
            assert headers["retry-after"] == "1"
            assert headers["x-request-id"] == f"r{uid}"
            assert headers["x-model-version"] == trained.metadata.short_version
            assert headers["date"].endswith(" GMT")
            assert "too many requests are waiting" in json.loads(body)["error"]
        again = crowd[turned_away[0][0] - 1]
        again.sendall(_plain(5))
        assert read_answer(again)[0] == 200
        told = ask(port, "/metrics")[2].decode()
        for connection in crowd:
            connection.close()
    counted = dict(line.rsplit(" ", 1) for line in told.splitlines() if not line.startswith("#"))
    assert float(counted["recommender_rejections_total"]) == len(turned_away)


def _full(trained: Trained, port: int) -> AbstractContextManager[object]:
    """The service with a queue that has no place."""
    return service(trained.folder, port, program=_FULL, WORKERS="1", RESPONSE_CACHE_MIB="0")


def test_turned_away_unparsed_or_parsed_it_is_told_the_same(trained: Trained) -> None:
    port = free_port()
    request = _plain(5, "X-Request-ID: mine", "X-Amzn-Trace-Id: Root=1")
    with _full(trained, port):
        with connect(port) as connection:
            connection.sendall(request)
            unparsed = read_answer(connection)
            connection.sendall(request[:20])
            time.sleep(0.1)
            connection.sendall(request[20:])
            parsed = read_answer(connection)
        told = ask(port, "/metrics")[2].decode()
    for answer in (unparsed, parsed):
        assert answer[1].pop("date")
    assert unparsed == parsed
    assert unparsed[0] == 503
    assert unparsed[1]["x-request-id"] == "mine"
    assert "recommender_rejections_total 2\n" in told
    assert 'recommender_requests_total{status="5xx"} 2\n' in told


def test_what_looks_like_a_question_within_another_request_is_none(trained: Trained) -> None:
    port = free_port()
    body = _plain(5)
    head = f"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: {17_000 + len(body)}\r\n\r\n".encode()
    with _full(trained, port), connect(port) as connection:
        connection.sendall(head + b"x" * 17_000)
        time.sleep(0.2)  # the body is too long, which is answered before the rest of it has come
        connection.sendall(body)
        time.sleep(0.2)
        received = b""
        connection.settimeout(0.5)
        with suppress(TimeoutError, ConnectionError):
            while piece := connection.recv(1 << 16):
                received += piece
    assert received.count(b"HTTP/1.1 ") == 1
    assert received.startswith(b"HTTP/1.1 413")


@pytest.mark.parametrize(
    "line", ["Connection: close", "Content-Length: 0", "Expect: 100-continue", "Transfer-Encoding: x"]
)
def test_what_is_more_than_a_plain_question_is_parsed_however_full_the_queue_is(line: str) -> None:
    found = parse_single_get(_plain(5, line))
    assert found is not None
    assert not is_bodyless_keep_alive(found[1])


def test_a_connection_that_is_kept_alive_in_so_many_words_is_a_plain_one() -> None:
    found = parse_single_get(_plain(5, "Connection: Keep-Alive", "X-Forwarded-For: 10.0.0.1"))
    assert found is not None
    assert is_bodyless_keep_alive(found[1])


@pytest.mark.parametrize(
    "data",
    [
        b"GET /?uid=5 HTTP/1.1\r\n\r\n",
        b"GET /?uid=5 HTTP/1.0\r\nHost: x\r\n\r\n",
        b"HEAD /?uid=5 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /?uid=5 HTTP/1.1\nHost: x\n\n",
        b"GET /?uid=5 HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n",
        b"GET /?uid=5 HTTP/1.1\r\nHost : x\r\n\r\n",
        b"GET /?uid=5 HTTP/1.1\r\nHost: x\r\n\r\nGET /",
        b"GET /?uid=5 HTTP/1.1\r\nHost: x\r\nA: \xff\r\n\r\n",
        b"GET /?uid=5 HTTP/1.1\r\nHost: x\r\nA: b\rc\r\n\r\n",
    ],
)
def test_only_the_whole_head_of_one_get_is_read_without_the_parser(data: bytes) -> None:
    assert parse_single_get(data) is None


def test_a_question_that_fails_is_a_500_with_a_line_in_the_log_and_spoils_nothing(trained: Trained) -> None:
    port = free_port()
    with service(trained.folder, port, program=FAILING, WORKERS="1", RESPONSE_CACHE_MIB="0") as process:
        with connect(port) as connection:
            connection.sendall(_plain(13, "X-Request-ID: mine").replace(b"uid=13", b"uid=13&n=3"))
            status, headers, body = read_answer(connection)
            assert (status, headers["x-request-id"]) == (500, "mine")
            assert json.loads(body) == {"success": False, "error": "the service failed; its log says why"}
            connection.sendall(_plain(14))
            assert read_answer(connection)[0] == 200
        lines = ended(process)
    failures = [line for line in lines if line["message"] == "a request failed"]
    assert len(failures) == 1
    assert "ZeroDivisionError: planted" in str(failures[0])


def test_a_client_that_goes_while_it_waits_takes_nobody_along(trained: Trained) -> None:
    port = free_port()
    with service(trained.folder, port, program=_SLOW, WORKERS="1", RESPONSE_CACHE_MIB="0"):
        with connect(port) as staying:
            for uid in range(1, 6):
                with connect(port) as leaving:
                    leaving.sendall(_plain(uid))
            staying.sendall(_plain(6))
            assert read_answer(staying)[0] == 200
        assert ask(port, "/?uid=7")[0] == 200


def test_what_is_under_way_when_the_service_ends_is_answered_and_its_connection_closed(trained: Trained) -> None:
    port = free_port()
    with service(trained.folder, port, program=_SLOW, WORKERS="1", RESPONSE_CACHE_MIB="0") as process:
        with connect(port) as first, connect(port) as second:
            first.sendall(_plain(1))
            second.sendall(_plain(2) + _plain(3))
            time.sleep(0.01)
            process.terminate()
            for connection in (first, second):
                assert read_answer(connection)[0] == 200
                rest = connection.recv(1 << 16)
                assert rest == b"" or rest.startswith((b"HTTP/1.1 200", b"HTTP/1.1 503"))
        process.communicate(timeout=30)
        assert process.returncode == 0


def test_newcomers_are_taken_in_together_however_busy_the_process_is() -> None:
    async def program() -> int:
        loop, listener = asyncio.get_running_loop(), socket.create_server(("127.0.0.1", 0), backlog=100)
        made: list[asyncio.Protocol] = []

        class Noted(asyncio.Protocol):
            def connection_made(self, transport: asyncio.BaseTransport) -> None:
                made.append(self)

        clients = [socket.create_connection(listener.getsockname()) for _ in range(50)]
        acceptor, turns = ConnectionAcceptor(listener, Noted), 0
        while len(made) < len(clients) and turns < 100:
            await asyncio.sleep(0)
            turns += 1
        acceptor.close()
        await acceptor.wait_closed()
        for client in clients:
            client.close()
        await asyncio.sleep(0.05)
        assert loop.is_running()
        return turns

    assert uvloop.run(program()) < 20
