"""Health checks of targets: their thresholds, their matcher, and the probe against a real HTTP server."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, HTTPServer
from typing import Any

import pytest

from local.emulator.health_checks import Health, matches, probe

GROUP = {"HealthyThresholdCount": 2, "UnhealthyThresholdCount": 3, "HealthCheckPath": "/ready", "Matcher": {}}


def _after(*problems: str | None) -> str:
    health = Health()
    for problem in problems:
        health.record(GROUP, problem)
    return health.state


def test_a_new_target_is_healthy_after_its_first_passed_check() -> None:
    assert _after() == "initial"
    assert _after(None) == "healthy"


def test_a_new_target_is_unhealthy_only_after_the_threshold_of_failures() -> None:
    assert _after("503", "503") == "initial"
    assert _after("503", "503", "503") == "unhealthy"


def test_one_failure_among_passes_starts_the_count_again() -> None:
    assert _after("503", "503", None) == "healthy"


def test_a_healthy_target_stays_so_until_the_threshold_of_failures() -> None:
    assert _after(None, "503", "503") == "healthy"
    assert _after(None, "503", "503", "503") == "unhealthy"


def test_an_unhealthy_target_has_to_pass_the_healthy_threshold() -> None:
    assert _after("503", "503", "503", None) == "unhealthy"
    assert _after("503", "503", "503", None, None) == "healthy"


@pytest.mark.parametrize(
    ("matcher", "status", "passes"),
    [("200", 200, True), ("200", 204, False), ("200,202", 202, True), ("200-299", 250, True), ("200-299", 302, False)],
)
def test_a_matcher_is_read_as_the_load_balancer_reads_it(matcher: str, status: int, passes: bool) -> None:
    assert matches(matcher, status) is passes


@pytest.fixture
def server() -> Iterator[tuple[str, int]]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path == "/ready" else 503)
            self.end_headers()

        def log_message(self, format: str, *args: Any) -> None:
            """Quiet."""

    with HTTPServer(("127.0.0.1", 0), Handler) as http:
        thread = threading.Thread(target=http.serve_forever, daemon=True)
        thread.start()
        yield "127.0.0.1", http.server_port
        http.shutdown()
        thread.join()


def test_the_probe_requests_the_groups_path(server: tuple[str, int]) -> None:
    assert probe(GROUP, server) is None
    assert probe({**GROUP, "HealthCheckPath": "/other"}, server) == "Health checks failed with these codes: [503]"


def test_the_probe_returns_why_there_was_no_response() -> None:
    assert probe(GROUP, ("127.0.0.1", 1)) == "Health checks failed: ConnectionRefusedError"
