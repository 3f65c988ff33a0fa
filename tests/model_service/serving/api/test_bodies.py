"""All routes read bodies alike; ids as text on every route; HEAD; the headers of the pages."""

import json
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from model_service.artifact import write_artifact
from model_service.catalogue import Item
from model_service.ids import Ids
from model_service.serving.settings import Settings
from tests.model_service.client import Client, serving
from tests.model_service.conftest import Trained
from tests.model_service.make import make_weights

LARGE = [2**53 + number for number in range(1, 13)]


@pytest.fixture(scope="module")
def client(trained: Trained) -> Iterator[Client]:
    with serving(Settings(artifact_dir=trained.folder)) as client:
        yield client


BODIES = {"/": '"uid": 20', "/recommendations": '"uid": 20', "/predict": '"pairs": [{"uid": 20, "id": 1}]'}
"""The members of a valid body of each route that takes one."""


@pytest.mark.parametrize(
    ("form", "encoding", "status", "message"),
    [
        ("{%}", "utf-8", 200, ""),
        ("{%}", "utf-8-sig", 200, ""),
        ("{%}", "utf-16", 200, ""),
        (" \r\n\t{%}\n", "utf-8", 200, ""),
        ("{%, %}", "utf-8", 422, "more than once"),
        ('{%, "ids": NaN}', "utf-8", 400, "the body is no JSON, which has no NaN"),
        ('{%, "ids": -Infinity}', "utf-8", 400, "which has no -Infinity"),
        ("{%} x", "utf-8", 400, "the body is no JSON; send for example"),
        ("{%,}", "utf-8", 400, "the body is no JSON; send for example"),
        ("{%}\0", "utf-8", 400, "the body is no JSON; send for example"),
        ('{%, "ids": "é"}', "latin-1", 400, "the body is no JSON; send for example"),
        ('{%, "ids": ' + "[" * 7000 + "]" * 7000 + "}", "utf-8", 400, "the body is no JSON; send for example"),
        ("[{%}]", "utf-8", 422, "the body has to be a JSON object; send for example"),
        ('"{}"', "utf-8", 422, "the body has to be a JSON object; send for example"),
    ],
)
@pytest.mark.parametrize("path", BODIES)
def test_a_body_is_read_alike_on_every_route_whatever_its_content_type(
    path: str, form: str, encoding: str, status: int, message: str, client: Client
) -> None:
    body = form.replace("%", BODIES[path]).encode(encoding)
    for content_type in ("application/json", "text/plain", "application/x-www-form-urlencoded", "nonsense", None):
        headers = {} if content_type is None else {"content-type": content_type}
        answer = client.post(path, content=body, headers=headers)
        assert answer.status_code == status, (content_type, answer.text)
        if message:
            assert answer.json()["success"] is False
            assert message in answer.json()["error"]


@pytest.mark.parametrize("path", BODIES)
def test_a_name_is_given_once_however_deep_it_is(path: str, client: Client) -> None:
    answer = client.post(path, content='{%, "x": [{"a": 1, "a": 1}]}'.replace("%", BODIES[path]))
    assert (answer.status_code, answer.json()["error"]) == (422, "the body gives 'a' more than once")


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """A service whose users and films have ids that JavaScript's numbers do not hold."""
    yield from _large(tmp_path_factory.mktemp("large") / "artifact")


def _large(folder: Path) -> Iterator[Client]:
    ids = Ids.of([str(id_) for id_ in LARGE])
    vectors = np.eye(len(ids), dtype=np.float32) + 0.1
    weights = make_weights(vectors, vectors, [[row] for row in range(len(ids))])
    write_artifact(
        folder,
        weights=replace(weights, user_ids=np.array(LARGE), item_ids=np.array(LARGE)),
        items=[Item(id=id_, title=f"Film {id_}", genres=("Drama",)) for id_ in ids],
        data={"scale": [1.0, 5.0]},
        hyperparameters={"c_vector": 0.1, "c_bias": 0.1, "ranking": {"highest_rating": 5.0}},
        metrics={},
        libraries={},
    )
    with serving(Settings(artifact_dir=folder)) as client:
        yield client


def _ids(answer: Any) -> Iterator[Any]:
    """The values of all names that tell ids."""
    if isinstance(answer, dict):
        for name, value in answer.items():
            if name in ("id", "uid"):
                yield value
            elif name in ("ids", "users", "examples") and isinstance(value, list):
                yield from value
            else:
                yield from _ids(value)
    elif isinstance(answer, list):
        for value in answer:
            yield from _ids(value)


@pytest.mark.parametrize(
    ("method", "path", "body"),
    [
        ("GET", f"/?uid={LARGE[0]}&ids=text", None),
        ("POST", "/", {"uid": str(LARGE[0]), "ids": "text"}),
        ("POST", "/?ids=text", {"uid": str(LARGE[0])}),
        ("POST", "/recommendations", {"uid": str(LARGE[0]), "ids": "text"}),
        ("POST", "/recommendations", {"ratings": [{"id": str(LARGE[1]), "stars": 5}], "ids": "text"}),
        ("POST", "/predict", {"pairs": [{"uid": str(LARGE[0]), "id": str(LARGE[1])}], "ids": "text"}),
        ("GET", "/items?ids=text", None),
        ("GET", f"/items/{LARGE[0]}?ids=text", None),
        ("GET", f"/items/{LARGE[0]}/similar?ids=text", None),
        ("GET", f"/users/{LARGE[0]}?ids=text", None),
        ("GET", f"/ui/users/{LARGE[0]}?ids=text", None),
        ("GET", "/ui/users?ids=text", None),
        ("GET", f"/users?after={LARGE[2]}&ids=text", None),
    ],
)
def test_a_browser_gets_every_id_as_it_is(method: str, path: str, body: object, large: Client) -> None:
    answer = large.request(method, path, json=body)
    assert answer.status_code == 200
    told = set(_ids(answer.json()))
    assert told
    assert told <= {str(id_) for id_ in LARGE}


def test_a_number_that_is_not_exact_is_no_id(large: Client) -> None:
    assert large.post("/", content=b'{"uid": 20.0}').status_code == 200
    for number in (f"{LARGE[0]}.0", "9.007199254740993e15", "1e18"):
        answer = large.post("/", content=f'{{"uid": {number}}}')
        assert answer.status_code == 422, number
        assert "uid has to be a whole number" in answer.json()["error"]
    assert large.post("/predict", json={"pairs": [{"uid": LARGE[0], "id": LARGE[1]}]}).status_code == 200


def test_head_is_get_without_the_body_on_every_route(client: Client) -> None:
    described = client.get("/openapi.json").json()["paths"]
    paths = [path.format(uid=20, id=1) for path, methods in described.items() if "get" in methods]
    paths = [*["/?uid=20" if path == "/" else path for path in paths if path != "/metrics"], "/openapi.json", "/docs"]
    for path in [*paths, "/docs/swagger-ui.css", "/ui", "/ui/page.js", "/ui/users", "/ui/users/20", "/ui/", "/nothing"]:
        got, head = client.get(path), client.request("HEAD", path)
        assert head.content == b""
        assert head.status_code == got.status_code, path
        own = ("x-request-id",)
        assert {name: value for name, value in head.headers.items() if name not in own} == {
            name: value for name, value in got.headers.items() if name not in own
        }
        assert int(head.headers["content-length"]) == len(got.content)
    assert client.request("HEAD", "/predict").headers["allow"] == "POST"
    assert client.request("HEAD", "/metrics").status_code == 200


def test_pages_load_their_own_files_only_and_are_framed_by_none(client: Client) -> None:
    for path in ("/ui", "/docs"):
        headers = client.get(path).headers
        policy = dict(part.strip().split(" ", 1) for part in headers["content-security-policy"].split(";"))
        assert policy["default-src"] == policy["frame-ancestors"] == policy["base-uri"] == "'none'"
        assert policy["script-src"].startswith("'self'")
        assert "unsafe" not in policy["script-src"]
        assert policy["connect-src"] == "'self'"
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"


def test_the_page_is_told_in_words_that_an_id_cannot_be_one(client: Client) -> None:
    answer = client.get("/ui/users/banana?ids=text")
    assert answer.status_code == 422
    assert json.loads(answer.text)["error"] == "the user's id has to be a whole number, as in 1; it is 'banana'"
