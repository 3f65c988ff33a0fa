"""Ten thousand requests from someone who wishes it ill: no failure of ours, no growth, and good ones still answered."""

import json
import random
from collections import Counter
from pathlib import Path

from tests.model_service.conftest import Trained
from tests.model_service.process import ask, connect, ended, free_port, read_answer, service

REQUESTS = 10_000
_PATHS = ["/", "/recommendations", "/predict", "/items", "/items/1/similar", "/users/1", "/model", "/docs", "/../x"]
_VALUES = ["1", "-1", "", "0x1", "1e9", "NaN", "9" * 40, "%00", "%ff", "%F0%9F%8E%AC", "'", '"', "<b>", "a" * 3000]
_METHODS = [*["GET"] * 6, *["POST"] * 6, "PUT", "HEAD", "OPTIONS", "BREW"]
_NAMES = ["uid", "n", "genre", "exclude", "q", "after", "", "UID", "__proto__"]
_BODIES = [
    "",
    "{",
    "[]",
    "null",
    '"x"',
    "[" * 5000,
    '{"a":' * 3000,
    '{"uid": 1e999}',
    '{"uid": NaN}',
    '{"ratings": [{"id": 1, "stars": 5}], "n": 3}',
    '{"ratings": [{"id": 1, "stars": 1e308}]}',
    '{"ratings": [{"title": "\\ud800", "stars": 3}]}',
    '{"ratings": [{"title": "\\u0000", "stars": 3}]}',
    '{"ratings": ' + json.dumps([{"id": row, "stars": 3} for row in range(1, 120)]) + "}",
    '{"pairs": ' + json.dumps([{"uid": 2**63 - 1, "id": 1}] * 300) + "}",
    '{"uid": 1, "exclude": ' + json.dumps(list(range(1, 151))) + "}",
    '{"uid": 1, "exclude": ["\\n", ""]}',
    '{"uid": 1, "genre": "\\n"}',
    '{"uid": 1, "n": 100, "n": 1}',
    "\x00" * 50,
    "x" * 20_000,
]
_HEADERS = [
    "X-Request-Id: " + "z" * 4000,
    "X-Request-Id: \x7f",
    "X-Amzn-Trace-Id: Root=1",
    "Content-Type: application/x-www-form-urlencoded",
    "Accept-Encoding: gzip;q=NaN",
    "Upgrade: websocket\r\nConnection: Upgrade",
    "Expect: 100-continue",
    "Host: [::1",
    "Transfer-Encoding: chunked",
    "Cookie: " + "c" * 5000,
    "Range: bytes=0-1",
]


def _hostile(source: random.Random) -> bytes:
    """A request that somebody may send: mostly well-formed HTTP with values that are not, sometimes no HTTP at all."""
    if source.random() < 0.05:
        return source.randbytes(source.randint(1, 300)) + b"\r\n\r\n"
    query = "&".join(f"{source.choice(_NAMES)}={source.choice(_VALUES)}" for _ in range(source.randint(0, 4)))
    body = source.choice(_BODIES).encode("utf-8", "surrogatepass") if source.random() < 0.6 else b""
    lines = [f"{source.choice(_METHODS)} {source.choice(_PATHS)}?{query} HTTP/1.1"]
    lines += ["Host: x", "Connection: close", *source.sample(_HEADERS, source.randint(0, 2))]
    if body and source.random() < 0.9:
        lines.append(f"Content-Length: {len(body) + source.choice([0, 0, 0, 0, -1])}")
    return "\r\n".join((*lines, "", "")).encode() + body


def _status(port: int, sent: bytes) -> int:
    """The status of the first answer, 0 when there is none."""
    with connect(port) as connection:
        connection.settimeout(0.2)  # a body that is announced and does not come is waited for longer
        try:
            connection.sendall(sent)
            answer = connection.recv(4096)
        except (TimeoutError, ConnectionError):
            return 0
    return int(answer.split(b" ", 2)[1]) if answer.startswith(b"HTTP/1.1 ") else 0


def _resident_mib(process: int) -> float:
    status = Path(f"/proc/{process}/status").read_text()
    return int(status.split("VmRSS:")[1].split()[0]) / 1024


def test_ten_thousand_hostile_requests_change_nothing(trained: Trained) -> None:
    port, source = free_port(), random.Random(20)  # noqa: S311 the same requests each time
    statuses: Counter[int] = Counter()
    with service(trained.folder, port, WORKERS="1", LOG_LEVEL="ERROR") as process, connect(port) as friend:
        expected = ask(port, "/?uid=20")[2]
        for number in range(REQUESTS):
            statuses[_status(port, _hostile(source))] += 1
            if number == REQUESTS // 4:
                settled = _resident_mib(process.pid)
            if number % 500 == 0:
                friend.sendall(b"GET /?uid=20 HTTP/1.1\r\nHost: x\r\n\r\n")
                assert read_answer(friend)[2] == expected
        assert not {status for status in statuses if status >= 500}, statuses
        assert {200, 400, 404, 405, 413, 422} <= set(statuses)
        assert statuses[0] < REQUESTS / 10, "too many were not answered for this to tell anything"
        assert _resident_mib(process.pid) - settled < 4
        assert ended(process) == []
