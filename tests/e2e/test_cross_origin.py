"""The service in a real browser: asked by pages of another origin, and behind a proxy that forwards a path prefix.

Neither needs the stack: the service is a process, the proxy and the other origin are servers of this test.
"""

from __future__ import annotations

import http.client
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import numpy as np
import pytest
from playwright.sync_api import Browser, expect

from model_service.artifact import write_artifact
from model_service.catalogue import Item
from tests.e2e.browser import chromium
from tests.model_service.make import make_weights
from tests.model_service.process import free_port, service

pytestmark = pytest.mark.e2e

PREFIX = "/recommender"
FILMS = 30
ASK = """async ([url, options]) => {
    try {
        const reply = await fetch(url, options);
        const names = ["x-model-version", "x-request-id", "retry-after"];
        return [reply.status, await reply.json(), names.map((name) => reply.headers.get(name))];
    } catch (error) {
        return String(error);
    }
}"""


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with chromium() as made:
        yield made


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    made = tmp_path_factory.mktemp("model") / "artifact"
    vectors = np.eye(FILMS, dtype=np.float32) + 0.1
    write_artifact(
        made,
        weights=make_weights(vectors, vectors, [[row] for row in range(FILMS)]),
        items=[Item(id=str(row + 1), title=f"The film {row + 1}", genres=("Drama",)) for row in range(FILMS)],
        data={"scale": [1.0, 5.0]},
        hyperparameters={"c_vector": 0.1, "c_bias": 0.1, "ranking": {"highest_rating": 5.0}},
        metrics={},
        libraries={},
    )
    return made


class _EmptyPage(BaseHTTPRequestHandler):
    """A page without content: the origin from which a test asks."""

    def do_GET(self) -> None:
        self.send_response(200)
        self.send_header("content-type", "text/html")
        self.send_header("content-length", "0")
        self.end_headers()

    def log_message(self, *_: Any) -> None:
        """No output."""


class _Proxy(BaseHTTPRequestHandler):
    """Forwards the path as it was sent, as the load balancer's rule does, and answers 404 to others itself."""

    target: int

    def do_GET(self) -> None:
        if self.path != PREFIX and not self.path.startswith(f"{PREFIX}/"):
            self.send_error(404)
            return
        upstream = http.client.HTTPConnection("127.0.0.1", self.target, timeout=30)
        headers = {**self.headers, "connection": "close", "x-forwarded-for": "203.0.113.7", "x-forwarded-proto": "http"}
        upstream.request("GET", self.path, headers=headers)
        answer = upstream.getresponse()
        content = answer.read()
        self.send_response(answer.status)
        for name, value in answer.getheaders():
            if name not in ("date", "connection"):
                self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)
        upstream.close()

    def log_message(self, *_: Any) -> None:
        """No output."""


@contextmanager
def _server(handler: type[BaseHTTPRequestHandler]) -> Iterator[str]:
    """The origin at which `handler` answers."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = Thread(target=server.serve_forever)
    thread.start()
    try:
        yield f"http://localhost:{server.server_port}"
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


def _asked(browser: Browser, origin: str, url: str, **options: Any) -> Any:
    with browser.new_context() as context:
        page = context.new_page()
        page.goto(origin)
        return page.evaluate(ASK, [url, options])


def test_a_page_of_an_allowed_origin_gets_recommendations_and_reads_what_is_wrong(
    browser: Browser, folder: Path
) -> None:
    port = free_port()
    api = f"http://127.0.0.1:{port}"
    with _server(_EmptyPage) as origin, service(folder, port, WORKERS="1", CORS_ORIGINS=origin):
        for _ in range(2):  # computed, then cached
            status, answer, (version, request_id, _retry) = _asked(browser, origin, f"{api}/?uid=20&n=3")
            assert (status, len(answer["response"]), len(version)) == (200, 3, 12)
            assert request_id
        json_headers = {"content-type": "application/json", "x-request-id": "mine"}
        body = '{"pairs": [{"uid": "20", "id": "1"}], "ids": "text"}'
        status, answer, (_version, request_id, _retry) = _asked(
            browser, origin, f"{api}/predict", method="POST", headers=json_headers, body=body
        )
        assert (status, answer["predictions"][0]["uid"], request_id) == (200, "20", "mine")
        status, answer, _ = _asked(browser, origin, f"{api}/?uid=banana")
        assert (status, answer["success"]) == (422, False)
        status, answer, _ = _asked(browser, origin, f"{api}/nothing")
        assert (status, answer["success"]) == (404, False)


@pytest.mark.parametrize("allowed", ["", "https://films.example.com"])
def test_a_page_of_another_origin_gets_nothing(allowed: str, browser: Browser, folder: Path) -> None:
    port = free_port()
    api = f"http://127.0.0.1:{port}"
    with _server(_EmptyPage) as origin, service(folder, port, WORKERS="1", CORS_ORIGINS=allowed):
        assert "Failed to fetch" in _asked(browser, origin, f"{api}/?uid=20")
        asked = {"method": "POST", "headers": {"content-type": "application/json"}, "body": '{"uid": 20}'}
        assert "Failed to fetch" in _asked(browser, origin, f"{api}/recommendations", **asked)
        status, answer, _ = _asked(browser, f"{api}/health", f"{api}/?uid=20")
        assert (status, len(answer["response"])) == (200, 10)


def test_page_and_openapi_page_work_below_a_prefix(browser: Browser, folder: Path) -> None:
    port = free_port()
    handler = type("Proxy", (_Proxy,), {"target": port})
    with service(folder, port, WORKERS="1", ROOT_PATH=PREFIX), _server(handler) as origin, browser.new_context() as tab:
        complaints: list[str] = []
        page = tab.new_page()
        page.on("console", lambda message: complaints.append(f"{message.type}: {message.text}"))
        page.on("response", lambda reply: complaints.append(reply.url) if reply.status >= 400 else None)
        page.goto(f"{origin}{PREFIX}")
        expect(page.locator("#recommended > li")).to_have_count(10)
        assert page.url.startswith(f"{origin}{PREFIX}/ui")
        page.get_by_label("User").fill("7")
        page.get_by_role("button", name="Show").click()
        expect(page.locator("#status")).to_have_text("10 items for user 7")
        assert page.url == f"{origin}{PREFIX}/ui?uid=7"
        page.locator("#recommended .title a").first.click()
        expect(page.locator("#similar > li")).to_have_count(10)
        assert page.url.startswith(f"{origin}{PREFIX}/ui?")
        page.go_back()
        page.reload()
        expect(page.locator("#status")).to_have_text("10 items for user 7")

        page.get_by_role("link", name="API", exact=True).click()
        operation = page.locator("#operations-default-health_health_get")
        expect(operation).to_be_visible()
        assert page.url == f"{origin}{PREFIX}/docs"
        operation.locator(".opblock-summary-control").click()
        operation.get_by_role("button", name="Try it out").click()
        with page.expect_response(lambda reply: reply.url.endswith("/health")) as reply:
            operation.get_by_role("button", name="Execute").click()
        assert (reply.value.url, reply.value.status) == (f"{origin}{PREFIX}/health", 200)
        assert complaints == []
