"""A model whose ids are texts, end to end: `007` and `7` are two people, and every id that is told can be asked for."""

import http.client
import json
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import quote

import numpy as np
import pytest

from model_service.artifact import write_artifact
from model_service.catalogue import Item
from model_service.ids import Ids
from model_service.serving.fast_path import parse_fast_path
from model_service.serving.recommender import RecommendRequest
from model_service.serving.settings import Settings
from tests.model_service.client import Client, serving
from tests.model_service.conftest import Trained
from tests.model_service.make import make_weights
from tests.model_service.process import free_port, service

IN_PATHS = ["a/b", "a", "a/similar", "similar", "/", "a//b/", "a?b=c", "a#b", "100%", "a%2Fb", "a;b=c", "a+b", "a&b"]
IN_PATHS += [" two  blanks ", ".", "..", "a/../b", "Ünïcode näme", "電影", "<img src=x onerror=alert(1)>", "\\"]
ODD = Ids.of(["007", "7", "x,y", "18446744073709551617", "080442957X", *IN_PATHS])


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """User and film of each row belong together: everyone rated the film with their own id, and no other."""
    count = len(ODD)
    weights = make_weights(
        np.eye(count, dtype=np.float32), np.eye(count, dtype=np.float32), [[row] for row in range(count)]
    )
    weights = replace(
        weights, user_ids=ODD.values, user_id_offsets=ODD.offsets, item_ids=ODD.values, item_id_offsets=ODD.offsets
    )
    folder = tmp_path_factory.mktemp("model") / "artifact"
    write_artifact(
        folder,
        weights=weights,
        items=[
            Item(id=id_, title="Hamlet" if id_ in ("7", "x,y") else f"Film {id_}", genres=("Drama",)) for id_ in ODD
        ],
        data={"scale": [1.0, 5.0]},
        hyperparameters={"c_vector": 0.1, "c_bias": 0.1, "ranking": {"highest_rating": 5.0}},
        metrics={},
        libraries={},
    )
    return folder


@pytest.fixture(scope="module")
def client(folder: Path) -> Iterator[Client]:
    with serving(Settings(artifact_dir=folder)) as made:
        yield made


@pytest.fixture(scope="module")
def server(folder: Path) -> Iterator[int]:
    port = free_port()
    with service(folder, port, WORKERS="1"):
        yield port


@pytest.mark.parametrize("id_", ODD)
def test_everyone_is_told_all_films_but_their_own(client: Client, id_: str) -> None:
    for answer in (
        client.get(f"/?uid={quote(id_, safe='')}&ids=text&n=100"),
        client.post("/", json={"uid": id_, "ids": "text", "n": 100}),
        client.post("/recommendations", json={"uid": id_, "n": 100}),
    ):
        assert "cold_start" not in answer.json(), answer.text
        assert {*answer.json()["ids"]} == {*ODD} - {id_}


def test_an_unknown_user_is_named(client: Client) -> None:
    answer = client.get("/?uid=%2B7").json()
    assert answer["cold_start"]
    assert "user +7 is not" in answer["reason"]
    assert client.get("/?uid=banana").json()["cold_start"]


@pytest.mark.parametrize("id_", ODD)
def test_films_and_people_are_found_by_the_path_with_their_encoded_id(id_: str, client: Client, server: int) -> None:
    def ask(path: str) -> dict[str, Any]:
        """The answer in this process, which is that of the server to the path as it is."""
        with closing(http.client.HTTPConnection("127.0.0.1", server, timeout=10)) as connection:
            connection.request("GET", path)
            told: dict[str, Any] = json.load(connection.getresponse())
        assert client.get(path.replace(".", "%2E")).json() == told  # httpx resolves dots
        return told

    path = quote(id_, safe="")
    assert ask(f"/items/{path}")["item"]["id"] == id_
    similar = ask(f"/items/{path}/similar?n=100")
    assert (similar["item"]["id"], {*similar["ids"]}) == (id_, {*ODD} - {id_})
    person = ask(f"/users/{path}")
    assert (person["uid"], [film["id"] for film in person["rated"]]) == (id_, [id_])
    assert ask(f"/ui/users/{path}")["uid"] == id_


def test_a_slash_that_is_not_encoded_ends_an_id(client: Client) -> None:
    assert client.get("/items/a/similar").json()["item"]["id"] == "a"
    for path in ("/items/a/b", "/users/a/b", "/ui/users/a/b", "/items/a/similar/similar"):
        assert client.get(path).status_code == 404
    assert "'a/c'" in client.get("/items/a%2Fc").json()["error"]
    moved = client.get("/items/7/")
    assert (moved.status_code, moved.headers["location"]) == (307, "../7")


def test_users_are_listed_page_by_page(client: Client) -> None:
    told, after = [], {}
    while page := client.get("/users", params={"n": 3, **after}).json()["users"]:
        told += page
        after = {"after": page[-1]}
    assert told == [*ODD]


def test_a_list_in_a_body_is_not_split_at_commas(client: Client) -> None:
    body = {"uid": "7", "exclude": ["x,y", 7], "ids": "data", "n": 100}
    assert {*client.post("/", json=body).json()["ids"]} == {*ODD} - {"7", "x,y"}
    assert "x,y" in client.get("/?uid=7&exclude=x,y&exclude=007&ids=data&n=100").json()["ids"]
    assert "007" not in client.get("/?uid=7&exclude=x,y&exclude=007&ids=data&n=100").json()["ids"]


def test_a_title_of_two_films_is_asked_back_and_an_id_goes_before_a_title(client: Client) -> None:
    twice = client.post("/recommendations", json={"ratings": [{"title": "hamlet"}]})
    assert (twice.status_code, twice.json()["error"]) == (
        422,
        "2 films have the title 'hamlet': give the id, one of 7, x,y",
    )
    assert client.post("/recommendations", json={"uid": "007", "exclude": ["Hamlet"]}).status_code == 422
    assert "7" not in client.post("/recommendations", json={"uid": "007", "exclude": ["7"]}).json()["ids"]


def test_predictions_tell_the_ids_they_were_asked_for(client: Client) -> None:
    asked = [{"uid": one, "id": other} for one in ("7", "007") for other in ("7", "a/b")]
    told = client.post("/predict", json={"pairs": asked}).json()["predictions"]
    assert [{"uid": one["uid"], "id": one["id"]} for one in told] == asked


@pytest.mark.parametrize("id_", [7.5, True, None, "", "a\n", "\ud800", "x" * 257])
def test_what_cannot_be_an_id_is_refused(client: Client, id_: object) -> None:
    content = json.dumps({"pairs": [{"uid": id_, "id": "7"}]}).encode()
    assert client.post("/predict", content=content).status_code == 422


def test_the_form_of_ids_is_one_of_two(client: Client) -> None:
    answer = client.get("/?uid=7&ids=number")
    assert (answer.status_code, "ids has to be data or text" in answer.json()["error"]) == (422, True)


def test_the_fast_path_and_the_cache_keep_ids_apart() -> None:
    for target in (b"/?uid=007", b"/?uid=7", b"/?uid=-0", b"/?uid=7&n=3"):
        request = parse_fast_path(target)
        assert request is not None
        assert request.cache_key == target
    assert [parse_fast_path(target) for target in (b"/?uid=+7", b"/?uid=7.0", b"/?uid=banana")] == [None] * 3
    assert parse_fast_path(b"/?uid=b.a~n_a-na", numbers=False) == RecommendRequest("b.a~n_a-na")
    assert [parse_fast_path(target, numbers=False) for target in (b"/?uid=a%20b", b"/?uid=a+b", b"/?uid=")] == [
        None
    ] * 3
    assert RecommendRequest("a&n=3").cache_key is None


def test_in_a_model_of_numbers_ids_are_numbers_or_texts_as_asked(trained: Trained) -> None:
    with serving(Settings(artifact_dir=trained.folder)) as numbers:
        plain, texts = (numbers.get(f"/?uid=20&ids={form}").json()["ids"] for form in ("data", "text"))
        assert [str(id_) for id_ in plain] == texts
        assert all(isinstance(id_, int) for id_ in plain)
        assert "ids" not in numbers.get("/?uid=20").json()
        for uid in ("020", "-0", str(2**63)):
            answer = numbers.get(f"/?uid={uid}").json()
            assert f"user {uid} is not" in answer["reason"]
        assert [numbers.get(f"/?uid={uid}").status_code for uid in ("banana", "7.5", "", "%2B7")] == [422] * 4
        same = [numbers.request("POST", "/", content=b'{"uid": %b}' % uid).json() for uid in (b"20", b"20.0", b'"20"')]
        assert same == [numbers.get("/?uid=20").json()] * 3
