"""The service on the wire: kept answers, pipelines, slow and hostile clients."""

import json
import re
import socket
import time
from collections.abc import Iterator
from contextlib import suppress

import pytest

from model_service.serving import bounded_protocol
from tests.model_service.conftest import Trained
from tests.model_service.process import ROOT, ask, connect, free_port, read_answer, service


@pytest.fixture(scope="module")
def port(trained: Trained) -> Iterator[int]:
    port = free_port()
    with service(trained.folder, port, WORKERS="1"):
        yield port


def _counted(port: int, name: str) -> float:
    _, _, body = ask(port, "/metrics")
    return float(next(line.split()[1] for line in body.decode().splitlines() if line.startswith(f"{name} ")))


def test_a_kept_answer_is_the_computed_one_to_the_last_byte(port: int, trained: Trained) -> None:
    kept = _counted(port, "recommender_cache_hits_total")
    computed, again = (ask(port, "/?uid=41&n=7", "X-Request-Id: mine") for _ in range(2))
    assert _counted(port, "recommender_cache_hits_total") == kept + 1
    for answer in (computed, again):
        answer[1].pop("date")
    assert computed == again
    assert again[1] == {
        "content-type": "application/json",
        "content-length": str(len(again[2])),
        "x-model-version": trained.metadata.short_version,
        "x-request-id": "mine",
    }
    assert len(json.loads(again[2])["response"]) == 7


def test_an_unknown_user_is_never_kept(port: int) -> None:
    kept = _counted(port, "recommender_cache_hits_total")
    for _ in range(3):
        assert json.loads(ask(port, "/?uid=424242")[2])["cold_start"] is True
    assert _counted(port, "recommender_cache_hits_total") == kept


@pytest.mark.parametrize("given", ["a b", "x" * 129, "caf\u00e9", ""])
def test_an_id_that_could_spoil_a_log_is_replaced_on_every_path(given: str, port: int) -> None:
    for target in ("/?uid=40", "/?uid=40", "/health"):
        _, headers, _ = ask(port, target, f"X-Request-Id: {given}")
        assert len(headers["x-request-id"]) == 16


def test_pipelined_requests_are_answered_in_their_order(port: int) -> None:
    ask(port, "/?uid=21&n=1")
    asked = ["/?uid=21&n=1", "/?uid=22&n=2", "/?uid=21&n=1", "/health", "/?uid=23&n=3", "/?uid=21&n=1", "/nothing"]
    with connect(port) as connection:
        connection.sendall(b"".join(f"GET {target} HTTP/1.1\r\nHost: x\r\n\r\n".encode() for target in asked))
        answers = [read_answer(connection) for _ in asked]
    assert [answer[0] for answer in answers] == [200] * 6 + [404]
    lengths = [len(json.loads(answer[2]).get("response", ())) for answer in answers]
    assert lengths == [1, 2, 1, 0, 3, 1, 0]


def test_a_request_in_pieces_and_one_with_a_body_are_answered_like_any_other(port: int) -> None:
    whole = ask(port, "/?uid=24&n=2")[2]
    with connect(port) as connection:
        for piece in (b"GET /?ui", b"d=24&n=2 HT", b"TP/1.1\r\nHo", b"st: x\r\n", b"\r\n"):
            connection.sendall(piece)
            time.sleep(0.02)
        assert read_answer(connection)[2] == whole
        connection.sendall(b"GET /?uid=24&n=2 HTTP/1.1\r\nHost: x\r\nContent-Length: 9\r\n\r\n")
        time.sleep(0.05)
        connection.sendall(b'{"n": 90}')
        assert read_answer(connection)[2] == whole
        connection.sendall(b"GET /?uid=24&n=2 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert read_answer(connection)[1]["connection"] == "close"
        assert connection.recv(1) == b""


@pytest.mark.parametrize("head", [b"HEAD /?uid=25 HTTP/1.1", b"GET /?uid=25 HTTP/1.0", b"POST /?uid=25 HTTP/1.1"])
def test_what_is_no_plain_get_goes_the_ordinary_way(head: bytes, port: int) -> None:
    ask(port, "/?uid=25")
    kept = _counted(port, "recommender_cache_hits_total")
    with connect(port) as connection:
        connection.sendall(head + b"\r\nHost: x\r\nConnection: close\r\n\r\n")
        answer = b""
        while chunk := connection.recv(65536):
            answer += chunk
    assert answer.split()[1] == b"200"
    assert answer.endswith(b"\r\n\r\n") is head.startswith(b"HEAD")
    assert _counted(port, "recommender_cache_hits_total") == kept


@pytest.mark.parametrize(
    "sent",
    [
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
        b"GET / HTTP/9.9\r\n\r\n",
        b"GET http://[::1 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost\x00: x\r\n\r\n",
        b"GET /%zz\xff?uid=\xff HTTP/1.1\r\nHost: x\r\n\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
    ],
)
def test_what_is_no_request_is_told_in_json_and_ends_the_connection(sent: bytes, port: int) -> None:
    with connect(port) as connection:
        connection.sendall(sent)
        status, headers, body = read_answer(connection)
        assert (status, headers["connection"]) == (400, "close")
        assert json.loads(body) == {"success": False, "error": "this is no HTTP/1.1 request"}
        assert connection.recv(1) == b""
    assert ask(port, "/?uid=20")[0] == 200


def test_a_head_that_does_not_come_ends_its_connection_and_an_idle_one_stays(
    trained: Trained,
) -> None:
    code = (
        "from model_service.serving import bounded_protocol; import sys\n"
        "bounded_protocol.HEAD_SECONDS = 0.5\n"
        "from model_service.serving.__main__ import main; sys.exit(main())\n"
    )
    own = free_port()
    with service(trained.folder, own, program=code, WORKERS="1"), connect(own) as idle, connect(own) as slow:
        idle.sendall(b"GET /?uid=20 HTTP/1.1\r\nHost: x\r\n\r\n")
        assert read_answer(idle)[0] == 200
        slow.sendall(b"GET /?uid=20 HTTP/1.1\r\nHost: x\r\n")
        slow.settimeout(5)
        assert slow.recv(1) == b""
        idle.sendall(b"GET /?uid=20 HTTP/1.1\r\nHost: x\r\n\r\n")
        assert read_answer(idle)[0] == 200


def test_keep_alive_outlasts_the_load_balancers_idle_timeout() -> None:
    sources = "".join(path.read_text() for path in (ROOT / "infra").rglob("*.py"))
    (seconds,) = re.findall(r"^IDLE_TIMEOUT_SECONDS\b.*= (\d+)", sources, re.MULTILINE)
    assert int(seconds) < bounded_protocol.KEEP_ALIVE_SECONDS


def test_a_client_that_does_not_read_does_not_grow_the_service(port: int) -> None:
    ask(port, "/?uid=26&n=100")
    with connect(port) as greedy:
        greedy.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        greedy.settimeout(0.5)
        request = b"GET /?uid=26&n=100 HTTP/1.1\r\nHost: x\r\n\r\n" * 100
        sent = 0
        with suppress(TimeoutError):
            while sent < 200_000_000:
                sent += greedy.send(request)
        assert sent < 50_000_000, "the service goes on reading what it cannot answer"
        assert ask(port, "/?uid=20")[0] == 200
