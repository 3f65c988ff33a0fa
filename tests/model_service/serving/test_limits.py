"""The limits of a connection and of all connections together: heads, pipelines, probes, memory, the log's volume."""

import json
import resource
import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, suppress
from pathlib import Path

import pytest

from model_service.serving import healthcheck
from model_service.serving.bounded_protocol import MAX_FRAMING_BYTES, MAX_HEAD_BYTES, MAX_HEADERS, MAX_LINE_BYTES
from model_service.serving.connections import Admission, ConnectionTable
from tests.model_service.conftest import Trained
from tests.model_service.process import FAILING, ask, connect, free_port, read_answer, service

_MAX_RESIDENT_MIB = 200
_SLOW = """
import sys, time
from model_service.serving.recommender import Recommender
quick = Recommender.recommend_many
def slow(self, requests):
    time.sleep(0.3)
    return quick(self, requests)
Recommender.recommend_many = slow
from model_service.serving.__main__ import main
sys.exit(main())
"""
_FEW = """
import sys
from model_service.serving import connections
connections.MAX_CONNECTIONS, connections.PROBE_CONNECTIONS = 3, 2
from model_service.serving.__main__ import main
sys.exit(main())
"""
_GET = b"GET /?uid=20 HTTP/1.1\r\nHost: x\r\n"
_POST = b"POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n"


@pytest.fixture(scope="module")
def port(trained: Trained) -> Iterator[int]:
    port = free_port()
    with service(trained.folder, port, WORKERS="1", LOG_LEVEL="ERROR"):
        yield port


def _first_answer(port: int, sent: bytes, piece: int) -> tuple[int, dict[str, str], bytes]:
    """The first answer to `sent`, in pieces of so many bytes; what it is told while it still sends counts."""
    with connect(port) as connection:
        with suppress(ConnectionError):
            for start in range(0, len(sent), piece):
                connection.sendall(sent[start : start + piece])
        return read_answer(connection)


def _header(name: str, length: int) -> bytes:
    """A header line of `length` bytes, its end included."""
    return f"{name}: ".encode() + b"v" * (length - len(name) - 4) + b"\r\n"


_SIGN_IN = b"".join(_header(f"X-Amzn-Oidc-Part{part}", 7000) for part in range(4))


@pytest.mark.parametrize("piece", [100, 1000, 10**6])
@pytest.mark.parametrize(
    ("head", "status"),
    [
        (_GET + _SIGN_IN + b"\r\n", 200),
        (_GET + _header("A", MAX_LINE_BYTES) + b"\r\n", 200),
        (_GET + b"".join(_header(f"A{n}", 15_000) for n in range(4)) + b"\r\n", 200),
        (_GET + b"a:\r\n" * (MAX_HEADERS - 1) + b"\r\n", 200),
        (_GET + b"a:\r\n" * MAX_HEADERS + b"\r\n", 431),
        (_GET + _header("A", MAX_LINE_BYTES + 1) + b"\r\n", 431),
        (_GET + b"".join(_header(f"A{n}", 15_000) for n in range(5)) + b"\r\n", 431),
        (_GET + b"A: " + b"v" * MAX_HEAD_BYTES, 431),
        (_GET + b"v" * MAX_HEAD_BYTES, 431),
        (b"GET /?uid=" + b"9" * 16_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", 422),
        (b"GET /?uid=" + b"9" * MAX_LINE_BYTES + b" HTTP/1.1\r\nHost: x\r\n\r\n", 414),
        (b"GET /" + b"9" * MAX_HEAD_BYTES, 414),
    ],
)
def test_a_head_is_answered_up_to_its_limits_and_refused_beyond(
    head: bytes, status: int, piece: int, port: int, trained: Trained
) -> None:
    answered, headers, body = _first_answer(port, head, piece)
    assert answered == status
    assert headers["x-model-version"] == trained.metadata.short_version
    if status in (414, 431):
        assert headers["connection"] == "close"
        assert json.loads(body)["success"] is False
        assert str(MAX_LINE_BYTES) in json.loads(body)["error"]


@pytest.mark.parametrize("piece", [1000, 10**6])
@pytest.mark.parametrize(
    ("sent", "status"),
    [
        (_POST + b"".join(b"1\r\n%c\r\n" % byte for byte in b'{"uid": 20}' + b" " * 15_000) + b"0\r\n\r\n", 200),
        (_POST + b'b\r\n{"uid": 20}\r\n0\r\nA: b\r\n\r\n', 200),
        (_POST + b"b\r\n{", 431),
        (_POST + b"b;", 431),
        (_POST + b"1\r\n1\r\n0\r\nA: ", 431),
        (_POST + b"1\r\n1\r\n0\r\n" + b"a:\r\n" * 1000, 431),
    ],
)
def test_the_framing_of_a_chunked_body_is_bounded(sent: bytes, status: int, piece: int, port: int) -> None:
    endless = sent if status == 200 or sent.endswith(b"{") else sent + b"x" * (MAX_FRAMING_BYTES + 20_000)
    if sent.endswith(b"{"):
        endless, status = sent + b"x" * 17_000, 400  # the chunk is longer than it says
    assert _first_answer(port, endless, piece)[0] == status


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET /?uid=20 HTTP/1.1\r\n\r\n", 400),
        (b"GET /?uid=20 HTTP/1.1\r\nA: b\r\n\r\n", 400),
        (b"GET /health HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n", 400),
        (b"GET /?uid=20 HTTP/1.1\r\nHost: x\r\nHost: x\r\n\r\n", 400),
        (b"GET /?uid=20 HTTP/1.0\r\nHost: x\r\nHost: x\r\n\r\n", 400),
        (b"GET /?uid=20 HTTP/1.0\r\n\r\n", 200),
        (b"GET /?uid=20 HTTP/1.1\r\nHost: 10.0.0.7:8080\r\n\r\n", 200),
        (b"GET /ready HTTP/1.1\r\nHost: 10.0.0.7:8080\r\n\r\n", 200),
    ],
)
def test_a_request_names_one_host(head: bytes, status: int, port: int) -> None:
    answered, _, body = _first_answer(port, head, len(head))
    assert answered == status
    if status == 400:
        assert json.loads(body)["error"] == "an HTTP/1.1 request has to have one Host header"


def test_three_thousand_requests_of_one_packet_are_answered_in_order(port: int) -> None:
    targets = [
        ("/health", f"/?uid={number % 90 + 1}&n={number % 7 + 1}", f"/?n={number % 9 + 1}&uid=7")
        for number in range(1000)
    ]
    asked = [target for three in targets for target in three]
    sent = b"".join(
        f"GET {target} HTTP/1.1\r\nHost: x\r\nX-Request-Id: r{number}\r\n\r\n".encode()
        for number, target in enumerate(asked)
    )
    with connect(port) as connection, connection.makefile("rb") as received:
        connection.settimeout(120)
        sender = threading.Thread(target=connection.sendall, args=(sent,))
        sender.start()
        for number, target in enumerate(asked):
            headers = dict(
                line.decode().rstrip().split(": ", 1) for line in iter(received.readline, b"\r\n") if b": " in line
            )
            body = json.loads(received.read(int(headers["content-length"])))
            assert headers["x-request-id"] == f"r{number}"
            wanted = int(target.split("n=")[1].split("&")[0]) if "n=" in target else 0
            assert len(body.get("response", ())) == wanted
        sender.join()


def test_what_ends_in_the_middle_of_a_pipeline_is_answered_after_what_came_before(trained: Trained) -> None:
    own = free_port()
    with service(trained.folder, own, program=_SLOW, WORKERS="1"), connect(own) as connection:
        connection.sendall(b"GET /?uid=20 HTTP/1.1\r\nHost: x\r\n\r\nno request\r\n\r\n")
        assert read_answer(connection)[0] == 200
        assert read_answer(connection)[0] == 400
        assert connection.recv(1) == b""


@pytest.mark.parametrize(
    "sent",
    [
        b"GET /?uid=21 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /?n=3&uid=21 HTTP/1.1\r\nHost: x\r\n\r\n",
        b"GET /?uid=22 HTTP/1.1\r\nHost: x\r\n\r\n" * 3 + b"GET /?n=4&uid=22 HTTP/1.1\r\nHost: x\r\n\r\n",
        b'POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\n{"uid": 23}',
    ],
)
def test_a_client_that_closes_its_half_gets_its_answers_and_then_the_end(sent: bytes, trained: Trained) -> None:
    own = free_port()
    with service(trained.folder, own, program=_SLOW, WORKERS="1", RESPONSE_CACHE_MIB="0") as process:
        before = _descriptors(process.pid)
        with connect(own) as connection:
            connection.sendall(sent)
            connection.shutdown(socket.SHUT_WR)
            for _ in range(sent.count(b"Host")):
                assert read_answer(connection)[0] == 200
            assert connection.recv(1) == b""
        with connect(own) as partial:
            partial.sendall(sent[:-3])
            partial.shutdown(socket.SHUT_WR)
            while partial.recv(1 << 16):
                pass
        for _ in range(20):
            with connect(own) as vanished:
                vanished.sendall(sent)
        assert _eventually(lambda: _descriptors(process.pid) <= before)


def test_two_thousand_idle_connections_give_way_to_probes_and_requests(trained: Trained) -> None:
    own = free_port()
    with service(trained.folder, own, WORKERS="1") as process, ExitStack() as stack:
        _need_descriptors(2500)
        idle = [stack.enter_context(connect(own)) for _ in range(2000)]
        for connection in idle[:1000]:
            connection.sendall(_GET + b"\r\n")
        for connection in idle[:1000]:
            assert read_answer(connection)[0] == 200
        for path in ("/ready", "/health"):
            assert healthcheck.check(own, path) is None
        time.sleep(1.1)  # until then a new connection may still send its first request
        for path in ("/ready", "/health", "/?uid=20"):
            for _ in range(20):
                assert healthcheck.check(own, path) is None
        assert _descriptors(process.pid) < 2100
        idle[999].sendall(_GET + b"\r\n")
        assert read_answer(idle[999])[0] == 200
        first = next(connection for connection in idle if _is_closed(connection))
        assert first in idle[1000:1100], "the one that is quiet for longest goes first"


def test_where_every_connection_is_busy_probes_are_answered_and_nothing_else(trained: Trained) -> None:
    own = free_port()
    with service(trained.folder, own, program=_FEW, WORKERS="1"), ExitStack() as stack:
        busy = [stack.enter_context(connect(own)) for _ in range(3)]
        time.sleep(0.2)  # the connection that told the service to be up has ended
        for connection in busy:
            connection.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 11\r\n\r\n{")
        time.sleep(0.2)
        for _ in range(10):
            assert [ask(own, path)[0] for path in ("/health", "/ready")] == [200, 200]
            status, headers, body = ask(own, "/?uid=20", "X-Request-Id: mine")
            assert (status, headers["retry-after"], headers["connection"]) == (503, "1", "close")
            assert headers["x-request-id"] == "mine"
            assert "too many connections" in json.loads(body)["error"]
        for connection in busy:
            connection.sendall(b'"uid": 20}')
            assert read_answer(connection)[0] == 200


class _Connection:
    def __init__(self, quiet_since: float) -> None:
        self.quiet_since, self.buffered, self.closed = quiet_since, 0, False

    def shed(self) -> None:
        self.closed = True
        TABLE[0].account(self, 0)


TABLE: list[ConnectionTable] = []


def test_the_table_closes_the_quietest_for_a_place_and_the_greatest_for_memory(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("model_service.serving.connections.MAX_CONNECTIONS", 3)
    monkeypatch.setattr("model_service.serving.connections.MAX_BUFFERED_BYTES", 100)
    first, second, busy = _Connection(1.0), _Connection(2.0), _Connection(float("inf"))
    connections = [second, busy, first]
    TABLE[:] = [ConnectionTable(connections)]
    assert TABLE[0].admit(3.5) is Admission.REQUESTS
    connections.append(_Connection(float("inf")))
    assert TABLE[0].admit(3.5) is Admission.REQUESTS
    assert [one.closed for one in (first, second, busy)] == [True, False, False]
    first.quiet_since, second.quiet_since = float("inf"), 2.6
    assert TABLE[0].admit(3.5) is Admission.PROBES, "the second one has not been quiet for a second"
    first.quiet_since = second.quiet_since = float("inf")
    assert TABLE[0].admit(3.5) is Admission.PROBES
    TABLE[0].account(second, 60)
    TABLE[0].account(busy, 40)
    assert not second.closed
    TABLE[0].account(busy, 41)
    assert (second.closed, busy.closed, TABLE[0].buffered) == (True, False, 41)


_FLOODS: dict[str, tuple[bytes, bytes, bool]] = {
    "endless header": (_GET + b"A: ", b"v" * 260_000, True),
    "tiny headers": (_GET, b"a:\r\n" * 65_000, True),
    "heads that stop": (_GET + b"".join(_header(f"A{n}", 15_000) for n in range(4)), b"", True),
    "trailers": (_POST + b"1\r\n1\r\n0\r\nA: ", b"v" * 260_000, True),
    "bodies that stop": (b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 16000\r\n\r\n" + b" " * 15_990, b"", True),
    "pipelines": (b"", b"GET /health HTTP/1.1\r\nHost:x\r\n\r\n" * 8250, True),
    "pipelines, unread": (b"", b"GET /health HTTP/1.1\r\nHost:x\r\n\r\n" * 8250, False),
    "answers, unread": (b"", b"GET /?uid=20&n=100 HTTP/1.1\r\nHost:x\r\n\r\n" * 6500, False),
    "pages, unread": (b"GET /docs/swagger-ui-bundle.js HTTP/1.1\r\nHost: x\r\n\r\n" * 3, b"", False),
}


@pytest.mark.parametrize("flood", _FLOODS)
def test_no_flood_of_any_number_of_connections_takes_the_memory(flood: str, trained: Trained) -> None:
    own = free_port()
    first, then, reads = _FLOODS[flood]
    _need_descriptors(2500)
    with service(trained.folder, own, WORKERS="1", LOG_LEVEL="ERROR") as process:
        for count in (1, 4, 60, 500, 2000):
            _flood(own, count, first + then, reads=reads)
            assert _peak_resident_mib(process.pid) < _MAX_RESIDENT_MIB, f"{count} connections"
        assert _eventually(lambda: healthcheck.check(own, "/ready") is None)
        assert ask(own, "/?uid=20")[0] == 200


def _flood(port: int, count: int, sent: bytes, *, reads: bool) -> None:
    """Send `sent` on so many connections, as far as they take it, without reading if not `reads`; close them."""
    left: dict[socket.socket, int] = {}
    for _ in range(count):
        connection = connect(port)
        if not reads:
            connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.setblocking(False)
        left[connection] = 0
    opened = list(left)
    idle_rounds = 0
    while left and idle_rounds < 5:
        progress = False
        for connection in list(left):
            try:
                if reads:
                    with suppress(BlockingIOError):
                        while connection.recv(1 << 16):
                            progress = True
                left[connection] += connection.send(sent[left[connection] : left[connection] + 65_536])
                progress = True
            except BlockingIOError:
                continue
            except OSError:
                del left[connection]
                continue
            if left[connection] == len(sent):
                del left[connection]
        idle_rounds = 0 if progress else idle_rounds + 1
        time.sleep(0 if progress else 0.1)
    for connection in opened:
        connection.close()


@pytest.mark.parametrize("unlike", ["leave", "no request", "not found", "failing"])
def test_a_thousand_clients_that_misbehave_fill_no_log(unlike: str, trained: Trained) -> None:
    own = free_port()
    sent = {
        "leave": b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n" * 20 + b"GET /items?q=a HTTP/1.1\r\nHost: x\r\n\r\n" * 20,
        "no request": b"no request\r\n\r\n",
        "not found": b"GET /" + b"x" * 16_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n",
        "failing": b"GET /?uid=20&n=3 HTTP/1.1\r\nHost: x\r\n\r\n",
    }[unlike]
    program = FAILING if unlike == "failing" else None
    lines: list[str] = []
    with service(trained.folder, own, program=program, WORKERS="1", LOG_LEVEL="DEBUG") as process:
        assert process.stdout is not None
        reader = threading.Thread(target=lines.extend, args=(process.stdout,))
        reader.start()
        for _ in range(1000):
            with connect(own) as connection:
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # leaves with a reset
                connection.sendall(sent)
                if unlike != "leave":
                    read_answer(connection)
        assert _eventually(lambda: healthcheck.check(own, "/ready") is None)
        process.terminate()
        reader.join(30)
    assert sum(map(len, lines)) < 400_000
    tracebacks = [line for line in lines if '"exception"' in line]
    assert bool(tracebacks) == (unlike == "failing")
    assert len(tracebacks) < 30


def _eventually(holds: Callable[[], bool]) -> bool:
    deadline = time.monotonic() + 30
    while not holds():
        if time.monotonic() > deadline:
            return False
        time.sleep(0.1)
    return True


def _is_closed(connection: socket.socket) -> bool:
    connection.setblocking(False)
    try:
        return connection.recv(1, socket.MSG_PEEK) in (b"", b"H")
    except BlockingIOError:
        return False
    except OSError:
        return True


def _need_descriptors(count: int) -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft < count <= hard:
        resource.setrlimit(resource.RLIMIT_NOFILE, (count, hard))


def _descriptors(process: int) -> int:
    return len(list(Path(f"/proc/{process}/fd").iterdir()))


def _peak_resident_mib(process: int) -> float:
    status = Path(f"/proc/{process}/status").read_text()
    return int(status.split("VmHWM:")[1].split()[0]) / 1024
