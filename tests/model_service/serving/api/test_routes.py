"""What can be asked beside the ten best films: someone new, pairs, films, users, the model, metrics."""

import json
from collections.abc import Iterator
from typing import Any

import pytest
from httpx import Response

from model_service.artifact import Artifact
from model_service.serving.settings import Settings
from tests.model_service.client import Client, body_example, schema_of, serving
from tests.model_service.conftest import Trained
from tests.model_service.make import rated_by


@pytest.fixture(scope="module")
def client(trained: Trained) -> Iterator[Client]:
    with serving(Settings(artifact_dir=trained.folder)) as client:
        yield client


def _refused(answer: Response, status: int, message: str) -> None:
    assert answer.status_code == status, answer.text
    assert set(answer.json()) == {"success", "error"}
    assert answer.json()["success"] is False
    assert message in answer.json()["error"]
    assert len(answer.json()["error"]) < 400


def test_someone_new_is_told_films_by_taste_and_none_that_were_rated(client: Client, artifact: Artifact) -> None:
    liked, other = [{"id": item.id, "stars": 5} for item in artifact.items[:4]], artifact.items[4:8]
    disliked = [{"title": item.title.upper(), "stars": 1} for item in other]
    answer = client.post("/recommendations", json={"ratings": [*liked, *disliked], "n": 100}).json()
    turned = [{**one, "stars": 1} for one in liked] + [{**one, "stars": 5} for one in disliked]
    opposite = client.post("/recommendations", json={"ratings": turned, "n": 100}).json()
    rated = {int(item.id) for item in artifact.items[:8]}
    assert len(answer["response"]) == len(answer["ids"]) == 100
    assert not rated & set(answer["ids"])
    assert answer["ids"] != opposite["ids"]
    titles = {int(item.id): item.title for item in artifact.items}
    assert [title for title, _ in answer["response"]] == [titles[one] for one in answer["ids"]]


def test_a_user_of_the_data_is_told_the_same_by_both_routes(client: Client) -> None:
    answer = client.post("/recommendations", json={"uid": 20, "n": 7}).json()
    assert answer["response"] == client.get("/?uid=20&n=7").json()["response"]
    unknown = client.post("/recommendations", json={"uid": 10**6}).json()
    assert unknown["cold_start"] is True
    assert unknown["response"] == client.get("/?uid=1000000").json()["response"]


def test_a_genre_and_an_exclude_list_hold_on_every_route_that_takes_them(client: Client, artifact: Artifact) -> None:
    genre = artifact.items[0].genres[0]
    of_genre = {item.title for item in artifact.items if genre in item.genres}
    whole = client.get("/?uid=20&n=100").json()["response"]
    filtered = client.get(f"/?uid=20&n=100&genre={genre.upper()}").json()["response"]
    assert filtered[:3] == [pair for pair in whole if pair[0] in of_genre][:3]
    assert {title for title, _ in filtered} <= of_genre
    similar = client.get(f"/items/{artifact.items[0].id}/similar?genre={genre}&n=100").json()["response"]
    assert {title for title, _ in similar} <= of_genre
    best = client.post("/recommendations", json={"uid": 20, "n": 3}).json()["ids"]
    without = client.post("/recommendations", json={"uid": 20, "n": 3, "exclude": best[:2]}).json()["ids"]
    assert without[0] == best[2]
    listed = ",".join(map(str, best[:2]))
    assert client.get(f"/?uid=20&n=1&exclude={listed}").json()["response"] == [whole[2]]
    assert client.get("/?uid=20&n=1&exclude=123456789").json()["response"] == [whole[0]]
    _refused(client.get("/?uid=20&genre=Opera%20buffa"), 422, "no film is of the genre 'Opera buffa'; there are ")


def test_predictions_agree_with_recommendations_and_mark_the_unknown(client: Client) -> None:
    best = client.post("/recommendations", json={"uid": 20, "n": 5}).json()
    pairs = [{"uid": 20, "id": one} for one in best["ids"]] + [{"uid": 10**6, "id": best["ids"][0]}]
    told = client.post("/predict", json={"pairs": pairs}).json()["predictions"]
    assert [one["stars"] for one in told[:5]] == [score for _, score in best["response"]]
    assert ["cold_start" in one for one in told] == [False] * 5 + [True]
    assert 1 <= told[5]["stars"] <= 5


def test_similar_films_begin_with_the_nearest_and_leave_the_film_itself_out(client: Client, artifact: Artifact) -> None:
    film = artifact.items[3]
    answer = client.get(f"/items/{film.id}/similar?n=100").json()
    cosines = [cosine for _, cosine in answer["response"]]
    assert answer["item"]["title"] == film.title
    assert film.id not in answer["ids"]
    assert len(answer["ids"]) == 100
    assert cosines == sorted(cosines, reverse=True)
    assert 1 >= cosines[0] > cosines[-1] >= -1


def test_films_are_found_by_parts_of_their_title_in_any_order_the_best_matches_first(
    client: Client, artifact: Artifact
) -> None:
    word = max(artifact.items[5].title.split(), key=len)
    expected = {int(item.id) for item in artifact.items if word.casefold() in item.title.casefold()}
    found = client.get("/items", params={"q": word.upper(), "n": 100}).json()["items"]
    assert {film["id"] for film in found} == expected
    begins = [film["title"].casefold().startswith(word.casefold()) for film in found]
    assert [film["ratings"] for film in found] == [
        -count for _, count in sorted((not first, -film["ratings"]) for first, film in zip(begins, found, strict=True))
    ]
    words = artifact.items[5].title.casefold().split()
    reversed_ = client.get("/items", params={"q": " ".join(reversed(words))}).json()["items"]
    assert reversed_[0]["title"] == artifact.items[5].title
    assert client.get("/items", params={"q": "no such film"}).json()["items"] == []
    everything = client.get("/items?n=100").json()["items"]
    assert everything[0]["ratings"] == int(artifact.weights.item_counts.max())
    one = client.get(f"/items/{artifact.items[5].id}").json()["item"]
    assert one["title"] == artifact.items[5].title


def test_a_users_own_films_are_those_of_the_data(client: Client, trained: Trained) -> None:
    rated = rated_by(trained.ratings, "20")
    answer = client.get("/users/20?n=100").json()
    assert answer["count"] == len(rated)
    assert {str(film["id"]) for film in answer["rated"]} == rated
    given = [film["value"] for film in answer["rated"]]
    assert given == sorted(
        trained.ratings.values[trained.ratings.user_rows == trained.ratings.user_ids.row("20")].tolist(), reverse=True
    )
    users = client.get("/users?after=20&n=3").json()
    assert (users["users"], users["count"]) == ([21, 22, 23], 120)
    assert client.get("/users?n=1").json()["users"] == [1]


def test_the_model_tells_where_it_came_from(client: Client, trained: Trained) -> None:
    model = client.get("/model").json()
    assert model["model_version"] == trained.metadata.model_version
    assert model["data"] == json.loads(json.dumps(dict(trained.metadata.data)))
    assert model["metrics"] == json.loads(json.dumps(dict(trained.metadata.metrics)))
    ranking = trained.metadata.hyperparameters["ranking"]
    assert (model["users"], model["items"], model["stars"]) == (120, 150, True)
    assert (model["ranker"], model["factors"]) == (ranking["ranker"], ranking["settings"]["factors"])


_REFUSED = [
    ("/recommendations", b"{", 400, "the body is no JSON"),
    ("/recommendations", b"", 400, "the body is no JSON"),
    ("/recommendations", b"[]", 422, "send for example"),
    ("/recommendations", b"{}", 422, "either uid or ratings is needed"),
    ("/recommendations", b'{"uid": 1, "ratings": [{"id": 1, "stars": 3}]}', 422, "and not both"),
    ("/recommendations", b'{"uid": 1, "user": 2}', 422, "user: extra inputs are not permitted"),
    ("/recommendations", b'{"ratings": []}', 422, "ratings: "),
    ("/recommendations", b'{"ratings": [{"id": 1, "stars": "five"}]}', 422, "ratings.0.stars: input should be"),
    ("/recommendations", b'{"ratings": [{"id": 1, "stars": 6}]}', 422, "stars has to be from 1 to 5; it is '6.0'"),
    ("/recommendations", b'{"ratings": [{"id": 1, "stars": NaN}]}', 400, "the body is no JSON, which has no NaN"),
    ("/recommendations", b'{"ratings": [{"stars": 3}]}', 422, "by id or by title"),
    ("/recommendations", b'{"ratings": [{"id": 1, "title": "x", "stars": 3}]}', 422, "one of them"),
    ("/recommendations", b'{"ratings": [{"title": "No such", "stars": 3}]}', 422, "no film has the title 'No such'"),
    ("/recommendations", b'{"ratings": [{"id": 1, "stars": 3}, {"id": 1, "stars": 4}]}', 422, "rated twice"),
    ("/recommendations", b'{"uid": 20, "n": 101}', 422, "n has to be a whole number from 1 to 100; it is '101'"),
    (
        "/recommendations",
        b'{"uid": 7.5}',
        422,
        "uid has to be a whole number or a text of 1 to 256 characters, none of them a control character; it is '7.5'",
    ),
    ("/predict", b"{}", 422, "pairs: field required"),
    ("/predict", b'{"pairs": [{"uid": 1, "id": 99999}]}', 422, "no film has the id '99999'; GET /items?q= finds"),
]


@pytest.mark.parametrize(("path", "body", "status", "message"), _REFUSED)
def test_a_bad_body_is_told(path: str, body: bytes, status: int, message: str, client: Client) -> None:
    _refused(client.post(path, content=body), status, message)


@pytest.mark.parametrize(
    ("path", "status", "message"),
    [
        ("/items?q=", 422, "q has to be a text of 1 to 100 characters; it is ''"),
        ("/items?n=0", 422, "n has to be a whole number from 1 to 100"),
        ("/items?q=a&q=b", 422, "q is given more than once"),
        ("/items/99999", 404, "no film has the id '99999'"),
        ("/items/x/similar", 422, "id has to be a whole number, as in /items/1/similar; it is 'x'"),
        ("/users/99999", 404, "user 99999 is not in the model's data; GET /users tells who is"),
        ("/users?after=x", 422, "after has to be a whole number"),
        ("/?uid=20&exclude=1,x", 422, "exclude has to be a whole number, as in /?exclude=3,14"),
    ],
)
def test_a_bad_request_is_told(path: str, status: int, message: str, client: Client) -> None:
    _refused(client.get(path), status, message)


def test_metrics_are_told_to_the_network_and_not_through_the_load_balancer(client: Client, trained: Trained) -> None:
    def value(name: str) -> float:
        text = client.get("/metrics").text
        return float(next(line for line in text.splitlines() if line.startswith(f"{name} ")).rsplit(" ", 1)[1])

    before, cold = value("recommender_request_seconds_count"), value("recommender_cold_starts_total")
    client.get("/?uid=31")
    client.get("/?uid=987654")
    client.get("/health")
    assert value("recommender_request_seconds_count") == before + 2
    assert value("recommender_cold_starts_total") == cold + 1
    assert f'version="{trained.metadata.short_version}"' in client.get("/metrics").text
    through = client.get("/metrics", headers={"X-Forwarded-For": "203.0.113.7"})
    _refused(through, 404, "within the network only")


def test_every_operation_answers_its_own_example(client: Client) -> None:
    description = client.get("/openapi.json").json()
    paths = description["paths"].items()
    operations = [(path, method, found) for path, methods in paths for method, found in methods.items()]
    assert {path for path, _, _ in operations} >= {"/recommendations", "/predict", "/items/{id}/similar", "/model"}
    for path, method, operation in operations:
        parameters = operation.get("parameters", [])
        query = {one["name"]: _example(one) for one in parameters if one["in"] == "query" and _example(one)}
        query.pop("q", None)
        places = {one["name"]: _example(one) for one in parameters if one["in"] == "path"}
        body = body_example(description, operation)
        answer = client.request(method.upper(), path.format(**places), params=query, json=body)
        assert answer.status_code == 200, (path, method, answer.text)
        assert operation["summary"]
        if "application/json" in operation["responses"]["200"]["content"]:
            schema = schema_of(description, operation["responses"]["200"])
            assert set(schema.get("required", ())) <= set(answer.json()) <= set(schema["properties"])


def _example(parameter: dict[str, Any]) -> Any:
    return parameter["schema"].get("examples", [None])[0]
