"""What is told to wrk and what it tells."""

import re

import pytest

from benchmarks.errors import BenchmarkError
from benchmarks.http_request import Request
from benchmarks.wrk import lua_table, parse_load, parse_open_loop

_OUTPUT = """Running 4s test @ http://127.0.0.1:1/
Requests/sec:   2500.00
{"requests": 10000, "duration_us": 4000000, "p50_us": 1500, "p99_us": 4200, "max_us": 9000, "failed_status": 2, \
"connect_errors": 0, "read_errors": 1, "write_errors": 0, "timeouts": 3}
"""


def test_rates_and_times_come_out_in_seconds_and_milliseconds() -> None:
    load = parse_load(_OUTPUT)
    assert (load.requests_per_second, load.p50_ms, load.p99_ms, load.max_ms) == (2500.0, 1.5, 4.2, 9.0)


def test_every_kind_of_failure_counts() -> None:
    assert parse_load(_OUTPUT).failed == 6


def test_output_without_a_summary_is_an_error_that_shows_it() -> None:
    with pytest.raises(BenchmarkError, match="unable to connect"):
        parse_load("unable to connect to 127.0.0.1:1 Connection refused\n")


def test_what_a_crowd_saw_is_told_by_status() -> None:
    log = "late 0\nlate 2000\n200 1000\nlate 4000\n200 3000\n503 500\n"
    seen = parse_open_loop({"duration_us": 2_000_000, "broken": 0}, log)
    assert seen["statuses"] == {"200": 2, "503": 1}
    assert seen["sent_per_second"] == 1.5
    assert seen["send_delay_ms"]["p50_ms"] == 2.0
    assert seen["latencies"]["200"] == {"p50_ms": 2.0, "p99_ms": 2.98, "max_ms": 3.0}
    assert seen["latencies"]["503"]["max_ms"] == 0.5
    assert parse_open_loop({"duration_us": 1, "broken": 3}, log)["statuses"]["0"] == 3


def test_lua_gets_the_bytes_that_were_meant() -> None:
    made = [Request(path="/?uid=7"), Request(path="/é", body=b'{"title": "a \\"b\\"\n"}')]
    requests = [*(request.encode() for request in made), b"\x001\xff9"]
    literals = re.findall(r'^"(.*)",?$', lua_table(requests), re.MULTILINE)
    assert [_lua_bytes(literal) for literal in literals] == requests


def _lua_bytes(literal: str) -> bytes:
    """A Lua string as Lua reads it; only decimal escapes are understood, a bare quote is refused."""
    parts = re.findall(r'\\(\d{3})|([^\\"])', literal)
    assert sum(4 if number else 1 for number, _ in parts) == len(literal)
    return b"".join(bytes([int(number)]) if number else plain.encode("ascii") for number, plain in parts)
