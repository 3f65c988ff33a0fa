"""What the page is told: hand-made vectors, so that who likes what and why is known beforehand."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from model_service.artifact import write_artifact
from model_service.catalogue import Item
from model_service.serving.settings import Settings
from model_service.serving.ui.explanations import _noun
from tests.model_service.client import Client, serving
from tests.model_service.make import make_weights

STATIC = Path(__file__).parents[4] / "model_service" / "serving" / "ui" / "static"
DIRECTIONS = {"space": (1.0, 0.0), "romance": (0.0, 1.0)}
FILMS = [f"{kind} {number}" for kind in DIRECTIONS for number in range(20)]


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Client]:
    """Forty films of two kinds. User 7 likes space and rated 15 of those films and 2 of the others; user 9 is new."""
    vectors = np.array([DIRECTIONS[film.split()[0]] for film in FILMS], np.float32)
    vectors[:, 0] += np.tile(np.arange(20) / 200, 2).astype(np.float32)
    seen = [*range(15), 20, 21]
    weights = make_weights(
        np.array([[1, -1], [0, 0]], np.float32),
        vectors,
        [seen, []],
        user_ids=np.array([7, 9]),
        first_item_id=100,
        values=np.array([1 + row % 5 for row in range(15)] + [2, 2], np.float32),
    )
    folder = tmp_path_factory.mktemp("model") / "artifact"
    write_artifact(
        folder,
        weights=weights,
        items=[Item(id=str(100 + row), title=title, genres=(title.split()[0],)) for row, title in enumerate(FILMS)],
        data={"scale": [1.0, 5.0]},
        hyperparameters={"c_vector": 0.1, "c_bias": 0.1, "ranking": {"highest_rating": 5.0}},
        metrics={},
        libraries={},
    )
    with serving(Settings(artifact_dir=folder)) as made:
        yield made


def test_what_was_rated_is_told_with_the_ratings_that_were_given_and_never_recommended(client: Client) -> None:
    told = client.get("/ui/users/7").json()
    given = [film["value"] for film in told["rated_items"]]
    assert (told["known"], told["rated"], len(given)) == (True, 17, 17)
    assert given == [5, 5, 5, 4, 4, 4, 3, 3, 3, 2, 2, 2, 2, 2, 1, 1, 1]
    assert [film["title"] for film in told["rated_items"][:3]] == ["space 4", "space 9", "space 14"]
    rated = {*FILMS[:15], *FILMS[20:22]}
    assert not rated & {film["title"] for film in told["recommended"]}
    assert [film["title"] for film in told["recommended"][:5]] == [f"space {number}" for number in (19, 18, 17, 16, 15)]


def test_a_film_is_explained_by_the_rated_films_that_add_most_to_its_score(client: Client) -> None:
    told = client.get("/ui/users/7").json()
    for film in told["recommended"][:5]:
        assert [reason["title"] for reason in film["because"]] == ["space 14", "space 9"]
        assert all(0 < reason["share"] <= 1 for reason in film["because"])


def test_the_page_s_recommendations_are_those_of_the_api(client: Client) -> None:
    told = client.get("/ui/users/7").json()
    api = client.get("/?uid=7").json()["response"]
    assert [[film["title"], film["stars"]] for film in told["recommended"]] == api


def test_somebody_who_rated_nothing_gets_films_without_reasons(client: Client) -> None:
    for uid, known in ((9, True), (12345, False)):
        told = client.get(f"/ui/users/{uid}").json()
        assert (told["known"], told["rated"], told["rated_items"]) == (known, 0, [])
        assert len(told["recommended"]) == 10
        assert not any(film["because"] for film in told["recommended"])


def test_examples_are_users_of_the_data(client: Client) -> None:
    assert client.get("/ui/users").json() | {"model_version": ""} == {
        "success": True,
        "model_version": "",
        "users": 2,
        "films": 40,
        "noun": "item",
        "has_stars": True,
        "scale": [1.0, 5.0],
        "examples": [7, 9],
    }


RATINGS = [{"id": 114, "stars": 5}, {"id": 101, "stars": 4}, {"id": 120, "stars": 1}]


def test_a_new_user_gets_what_the_api_recommends_by_their_ratings_and_why(client: Client) -> None:
    told = client.post("/ui/recommendations?ids=text", json={"ratings": RATINGS}).json()
    api = client.post("/recommendations", json={"ratings": RATINGS, "ids": "text"}).json()
    assert [[film["title"], film["stars"]] for film in told["recommended"]] == api["response"]
    assert [film["id"] for film in told["recommended"]] == api["ids"]
    assert (told["known"], told["rated"]) == (True, 3)
    best = told["recommended"][0]
    assert best["title"].startswith("space")
    assert [reason["title"] for reason in best["because"]] == ["space 14", "space 1"]


@pytest.mark.parametrize(
    ("body", "message"),
    [
        ({"ratings": []}, "ratings: "),
        ({}, "ratings: field required"),
        ({"ratings": [{"id": 99}]}, "no film has the id '99'"),
        ({"ratings": [{"id": 101, "stars": 6}]}, "stars has to be from 1 to 5"),
        ({"ratings": [{"id": 101}, {"id": "101"}]}, "a film is rated twice"),
    ],
)
def test_ratings_that_are_not_allowed_are_refused_as_the_api_does(
    client: Client, body: dict[str, object], message: str
) -> None:
    for path in ("/ui/recommendations", "/ui/items/101"):
        answer = client.post(path, json=body)
        assert answer.status_code == 422
        assert message in answer.json()["error"]


def test_a_film_is_told_with_what_its_user_gave_or_is_predicted_to_give(client: Client) -> None:
    seen = client.get("/ui/items/104?uid=7").json()
    assert (seen["seen"], seen["value"], seen["because"]) == (True, 5.0, [])
    assert seen["item"] == {"id": 104, "title": "space 4", "genres": ["space"], "ratings": 1}
    similar = client.get("/items/104/similar").json()
    assert [film["title"] for film in seen["similar"]] == [title for title, _ in similar["response"]]
    assert [film["id"] for film in seen["similar"]] == similar["ids"]

    other = client.get("/ui/items/119?uid=7").json()
    predicted = client.post("/predict", json={"pairs": [{"uid": 7, "id": 119}]}).json()["predictions"][0]
    assert (other["seen"], other["value"], other["stars"]) == (False, None, predicted["stars"])
    assert [reason["title"] for reason in other["because"]] == ["space 14", "space 9"]


def test_a_film_is_told_to_new_and_to_unknown_users(client: Client) -> None:
    rated = client.post("/ui/items/114", json={"ratings": RATINGS}).json()
    assert (rated["known"], rated["seen"], rated["value"]) == (True, True, 5.0)
    new = client.post("/ui/items/119", json={"ratings": RATINGS}).json()
    assert (new["known"], new["seen"], [reason["title"] for reason in new["because"]]) == (
        True,
        False,
        ["space 14", "space 1"],
    )
    for query in ("", "?uid=12345", "?uid=banana"):
        unknown = client.get(f"/ui/items/119{query}").json()
        assert (unknown["known"], unknown["seen"], unknown["because"]) == (False, False, [])
        assert unknown["stars"] == client.post("/predict", json={"pairs": [{"uid": 555, "id": 119}]}).json()[
            "predictions"
        ][0]["stars"]  # fmt: skip
    assert client.get("/ui/items/1?uid=7").status_code == 404
    assert "as in /ui/items/1" in client.get("/ui/items/x").json()["error"]


@pytest.mark.parametrize(
    ("data", "noun"),
    [
        ({"source": "synthetic (seed 0)"}, "film"),
        ({"source": "MovieLens CSV (ml-25m)"}, "film"),
        ({"source": "Book-Crossing (data)", "input": {"columns": {"item": 'column 2 "ISBN"'}}}, "book"),
        ({"source": "data", "input": {"columns": {"item": 'column 2 "artistID"', "user": '"movie_id"'}}}, "artist"),
        ({"source": "data", "input": {"columns": {"item": 'column 2 "item_id"'}}}, "item"),
        ({"source": "data", "input": None}, "item"),
        ({}, "item"),
    ],
)
def test_items_are_called_what_their_data_calls_them(data: dict[str, object], noun: str) -> None:
    assert _noun(data) == noun


@pytest.mark.parametrize("uid", ["x", "1.5", "", "-", "\uff19", "%00"])
def test_a_user_that_is_no_number_is_refused_with_an_example(client: Client, uid: str) -> None:
    answer = client.get(f"/ui/users/{uid}")
    assert answer.status_code in (404, 307) if not uid else answer.status_code == 422
    assert uid in ("", "%00") or "the user's id has to be a whole number, as in 7" in answer.json()["error"]


@pytest.mark.parametrize(
    ("path", "type_"),
    [
        ("/ui", "text/html"),
        ("/ui/page.css", "text/css"),
        *((f"/ui/{file.name}", "text/javascript") for file in STATIC.glob("*.js")),
        ("/ui/icon.svg", "image/svg+xml"),
    ],
)
def test_every_file_comes_with_its_type_and_a_policy_that_lets_nothing_else_in(
    client: Client, path: str, type_: str
) -> None:
    answer = client.get(path)
    assert answer.status_code == 200
    assert answer.headers["content-type"].startswith(type_)
    policy = dict(part.split(" ", 1) for part in answer.headers["content-security-policy"].split("; "))
    assert policy["default-src"] == "'none'"
    assert "unsafe" not in answer.headers["content-security-policy"]
    assert {value for name, value in policy.items() if name.endswith("-src")} == {"'none'", "'self'"}
    assert answer.headers["x-content-type-options"] == "nosniff"
    assert answer.headers["x-model-version"] != "none"
    assert answer.headers["cache-control"] == "no-cache"
    again = client.get(path, headers={"if-none-match": answer.headers["etag"]})
    assert (again.status_code, again.content, again.headers["etag"]) == (304, b"", answer.headers["etag"])
    assert client.get(path, headers={"if-none-match": '"other"'}).status_code == 200


def test_the_files_name_no_other_host_and_hold_no_code_that_the_policy_would_stop() -> None:
    for file in STATIC.iterdir():
        text = file.read_text().replace("http://www.w3.org/2000/svg", "")
        assert not re.search(r"https?:|//[a-z]", text), file.name
    page = (STATIC / "page.html").read_text()
    assert not re.search(r"<style|\sstyle=|\son\w+=|<script>", page)
    assert not re.search(r"""(href|src|action|data)="/""", page)
    scripts = list(STATIC.glob("*.js"))
    assert len(scripts) > 1
    for script in scripts:
        text = script.read_text()
        assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|eval\(", text), script.name
        assert not re.search(r"""["'`]/""", text), f"{script.name} has an address that is not relative"
