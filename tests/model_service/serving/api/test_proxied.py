"""Behind a load balancer: redirects that keep the client's own host, and a path prefix."""

import json
from collections.abc import Iterator
from urllib.parse import urljoin

import pytest

from model_service.serving.settings import Settings
from tests.model_service.client import Client, serving
from tests.model_service.conftest import Trained
from tests.model_service.process import ask, connect, free_port, read_answer, service

PREFIX = "/films/v1"
BROWSER = {"accept": "text/html,application/xhtml+xml,application/xml;q=0.9,image/avif,*/*;q=0.8"}
FORGED = {"host": "evil.example", "x-forwarded-host": "evil.example", "x-forwarded-prefix": "/evil"}


@pytest.fixture(scope="module")
def client(trained: Trained) -> Iterator[Client]:
    with serving(Settings(artifact_dir=trained.folder)) as client:
        yield client


@pytest.fixture(scope="module")
def prefixed(trained: Trained) -> Iterator[Client]:
    with serving(Settings(artifact_dir=trained.folder, root_path=PREFIX)) as client:
        yield client


@pytest.mark.parametrize(
    ("method", "path", "target"),
    [
        ("GET", "/ui/", "/ui"),
        ("GET", "/docs/", "/docs"),
        ("GET", "/ui/?uid=20", "/ui?uid=20"),
        ("GET", "/items/1/similar/?n=3", "/items/1/similar?n=3"),
        ("GET", "/items/a%2Fb/", "/items/a%2Fb"),
        ("POST", "/predict/", "/predict"),
    ],
)
def test_a_redirect_leaves_host_port_and_scheme_to_the_client(
    method: str, path: str, target: str, client: Client, prefixed: Client
) -> None:
    for one, prefix in ((client, ""), (prefixed, PREFIX)):
        answer = one.request(method, prefix + path, headers={**FORGED, "x-forwarded-proto": "https"})
        assert answer.status_code == 307, answer.text
        assert "evil" not in answer.headers["location"]
        base = f"https://films.example.com:8443{prefix}"
        assert urljoin(base + path, answer.headers["location"]) == base + target


def test_a_slash_too_many_where_there_is_nothing_is_a_404(client: Client) -> None:
    for path in ("/nothing/", "/ui//", "/items/1/similar/x/"):
        assert client.get(path).status_code == 404, path


def test_a_browser_without_a_uid_gets_the_page_and_other_clients_what_is_missing(client: Client) -> None:
    answer = client.get("/", headers=BROWSER)
    assert (answer.status_code, answer.headers["location"], answer.headers["vary"]) == (307, "ui", "accept")
    assert "text/html" in client.get("/ui").headers["content-type"]
    for accept in ("", "*/*", "application/json", "application/json, text/html;q=0.9", "text/html;q=0"):
        told = client.get("/", headers={"accept": accept})
        assert (told.status_code, told.headers["vary"]) == (422, "accept"), accept
        assert "uid is missing" in told.json()["error"]
    assert client.get("/?uid=20", headers=BROWSER).json() == client.get("/?uid=20").json()
    assert client.post("/", headers=BROWSER).status_code == 422
    assert client.get("/?uid=", headers=BROWSER).status_code == 422


def test_everything_is_below_the_prefix_and_probes_are_outside_too(prefixed: Client) -> None:
    for path in ("/?uid=20", "/items/1/similar", "/users", "/ui", "/ui/page.js", "/docs", "/openapi.json", "/model"):
        assert prefixed.get(PREFIX + path).status_code == 200, path
        outside = prefixed.get(path)
        assert outside.status_code == 404, path
        assert f"begins with {PREFIX}" in outside.json()["error"]
        assert outside.headers["x-model-version"]
    for path in ("/health", "/ready", "/metrics"):
        assert prefixed.get(path).status_code == prefixed.get(PREFIX + path).status_code == 200
    assert prefixed.get(f"{PREFIX}x/users").status_code == 404
    assert prefixed.post(f"{PREFIX}/predict", json={"pairs": [{"uid": 20, "id": 1}]}).status_code == 200


def test_the_prefix_itself_and_a_browser_there_end_at_the_page(prefixed: Client) -> None:
    bare = prefixed.get(f"{PREFIX}?uid=20")
    assert bare.status_code == 307
    assert urljoin(f"https://x{PREFIX}?uid=20", bare.headers["location"]) == f"https://x{PREFIX}/?uid=20"
    page = prefixed.get(f"{PREFIX}/", headers=BROWSER)
    assert urljoin(f"https://x{PREFIX}/", page.headers["location"]) == f"https://x{PREFIX}/ui"


def test_the_description_names_the_prefix_once_and_no_host(client: Client, prefixed: Client) -> None:
    described = prefixed.get(f"{PREFIX}/openapi.json", headers=FORGED).json()
    assert described["servers"] == [{"url": PREFIX}]
    assert described["paths"] == client.get("/openapi.json", headers=FORGED).json()["paths"]
    assert "servers" not in client.get("/openapi.json").json()


def test_a_page_links_nothing_by_an_absolute_path(prefixed: Client) -> None:
    for path in ("/ui", "/docs", "/ui/page.js"):
        text = prefixed.get(PREFIX + path).text
        assert not [quote for quote in "\"'`" if f"{quote}/ui" in text or f"{quote}/items" in text], path
        assert 'href="/' not in text
        assert 'src="/' not in text


def test_the_fast_path_serves_below_the_prefix_and_counts_and_caches_as_without(trained: Trained) -> None:
    port = free_port()
    with service(trained.folder, port, WORKERS="1", ROOT_PATH=PREFIX):
        with connect(port) as connection:
            request = f"GET {PREFIX}/?uid=20&n=3 HTTP/1.1\r\nHost: x\r\n\r\n".encode()
            for _ in range(2):
                connection.sendall(request)
                status, _, body = read_answer(connection)
                assert (status, len(json.loads(body)["response"])) == (200, 3)
        assert ask(port, "/?uid=20&n=3")[0] == 404
        assert ask(port, f"{PREFIX}x/?uid=20&n=3")[0] == ask(port, "//evil.example/")[0] == 404
        metrics = ask(port, "/metrics")[2].decode()
        assert "\nrecommender_cache_hits_total 1\n" in metrics
        assert ask(port, f"{PREFIX}/ready")[0] == ask(port, "/ready")[0] == 200
        assert ask(port, "/metrics")[2].decode().count("recommender_request_seconds_count 5\n") == 1
