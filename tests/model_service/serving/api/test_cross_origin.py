"""What pages of other origins may read: on every route and every status, and nothing unless it is set."""

from collections.abc import Iterator

import pytest

from model_service.serving.recommender import Recommender
from model_service.serving.settings import Settings
from tests.model_service.client import Client, serving
from tests.model_service.conftest import Trained
from tests.model_service.process import ask, connect, free_port, read_answer, service

ONE, OTHER, STRANGER = "https://films.example.com", "http://localhost:3000", "https://evil.example"
EXPOSED = "x-model-version, x-request-id, retry-after"
PREFLIGHT = {"access-control-request-method": "POST", "access-control-request-headers": "content-type"}
STATUSES = [
    ("GET", "/?uid=20", b"", 200),
    ("GET", "/?uid=x", b"", 422),
    ("GET", "/items/1/similar", b"", 200),
    ("GET", "/ui", b"", 200),
    ("GET", "/ui/", b"", 307),
    ("GET", "/nothing", b"", 404),
    ("DELETE", "/users", b"", 405),
    ("POST", "/predict", b"{", 400),
    ("POST", "/predict", b" " * 20_000, 413),
    ("HEAD", "/health", b"", 200),
]


@pytest.fixture(scope="module")
def client(trained: Trained) -> Iterator[Client]:
    with serving(Settings(artifact_dir=trained.folder, cors_origins=(ONE, OTHER))) as client:
        yield client


@pytest.mark.parametrize(("method", "path", "body", "status"), STATUSES)
def test_a_page_of_an_allowed_origin_may_read_every_answer(
    method: str, path: str, body: bytes, status: int, client: Client
) -> None:
    for origin in (ONE, OTHER):
        answer = client.request(method, path, content=body, headers={"origin": origin})
        assert answer.status_code == status
        assert answer.headers["access-control-allow-origin"] == origin
        assert answer.headers["access-control-expose-headers"] == EXPOSED
        assert "origin" in answer.headers["vary"]
        assert "access-control-allow-credentials" not in answer.headers
    for headers in ({"origin": STRANGER}, {"origin": "null"}, {"origin": f"{ONE}.evil.example"}, {}):
        answer = client.request(method, path, content=body, headers=headers)
        assert answer.status_code == status
        assert answer.headers["vary"] == "origin"
        assert not [name for name in answer.headers if name.startswith("access-control")]


def test_a_preflight_tells_what_is_allowed_and_a_stranger_nothing(client: Client) -> None:
    allowed = client.request("OPTIONS", "/recommendations", headers={"origin": ONE, **PREFLIGHT})
    assert (allowed.status_code, allowed.content) == (204, b"")
    assert allowed.headers["access-control-allow-origin"] == ONE
    assert allowed.headers["access-control-allow-methods"] == "GET, HEAD, POST"
    assert allowed.headers["access-control-allow-headers"] == "content-type, x-request-id"
    assert allowed.headers["access-control-max-age"] == "7200"
    assert allowed.headers["vary"] == "origin"
    stranger = client.request("OPTIONS", "/recommendations", headers={"origin": STRANGER, **PREFLIGHT})
    assert stranger.status_code == 204
    assert not [name for name in stranger.headers if name.startswith("access-control")]
    no_preflight = client.request("OPTIONS", "/recommendations", headers={"origin": ONE})
    assert (no_preflight.status_code, no_preflight.headers["allow"]) == (405, "POST")


def test_any_origin_gets_an_answer_that_is_the_same_for_all(trained: Trained) -> None:
    with serving(Settings(artifact_dir=trained.folder, cors_origins=("*",))) as client:
        for headers in ({"origin": STRANGER}, {}):
            answer = client.get("/users", headers=headers)
            assert answer.headers["access-control-allow-origin"] == "*"
            assert "vary" not in answer.headers
        assert client.request("OPTIONS", "/", headers={"origin": ONE, **PREFLIGHT}).status_code == 204


def test_without_the_setting_no_answer_has_a_cors_header_and_a_preflight_is_a_405(trained: Trained) -> None:
    with serving(Settings(artifact_dir=trained.folder)) as client:
        for method, path, body, _ in STATUSES:
            answer = client.request(method, path, content=body, headers={"origin": ONE})
            assert not [name for name in answer.headers if name.startswith("access-control") or name == "vary"]
        refused = client.request("OPTIONS", "/", headers={"origin": ONE, **PREFLIGHT})
        assert (refused.status_code, refused.headers["allow"]) == (405, "GET, POST, HEAD")
        assert refused.json()["success"] is False


def test_a_fault_of_ours_may_be_read_too(trained: Trained, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("planted")

    with serving(Settings(artifact_dir=trained.folder, cors_origins=(ONE,))) as client:
        monkeypatch.setattr(Recommender, "recommend_many", fail)
        answer = client.get("/?uid=20", headers={"origin": ONE})
    assert (answer.status_code, answer.headers["access-control-allow-origin"]) == (500, ONE)


def test_a_cached_answer_names_the_origin_that_asks_and_not_the_one_that_asked_before(trained: Trained) -> None:
    port = free_port()
    with service(trained.folder, port, WORKERS="1", CORS_ORIGINS=f"{ONE}, {OTHER}"), connect(port) as connection:
        bodies = set()
        for origin in (ONE, OTHER, STRANGER, "", ONE):
            line = f"Origin: {origin}\r\n" if origin else ""
            connection.sendall(f"GET /?uid=20 HTTP/1.1\r\nHost: x\r\n{line}\r\n".encode())
            status, headers, body = read_answer(connection)
            bodies.add(body)
            expected = origin if origin in (ONE, OTHER) else None
            assert (status, headers.get("access-control-allow-origin"), headers["vary"]) == (200, expected, "origin")
            assert ("access-control-expose-headers" in headers) is (expected is not None)
        assert len(bodies) == 1
        assert "\nrecommender_cache_hits_total 4\n" in ask(port, "/metrics")[2].decode()


_FULL = """
import sys, time
from model_service.serving.recommender import Recommender
from model_service.serving.batching import MicroBatcher
from model_service.serving.errors import OverloadedError
def full(self, *_):
    self._recorder.record_rejection()
    raise OverloadedError
MicroBatcher.submit = full
from model_service.serving.__main__ import main
sys.exit(main())
"""


def test_a_page_may_read_that_the_service_is_overloaded(trained: Trained) -> None:
    port = free_port()
    with service(trained.folder, port, program=_FULL, WORKERS="1", CORS_ORIGINS=ONE):
        for target in ("/?uid=20", "/?uid=20&order=stars"):
            status, headers, _ = ask(port, target, f"Origin: {ONE}")
            assert (status, headers["access-control-allow-origin"], headers["retry-after"]) == (503, ONE, "1")
