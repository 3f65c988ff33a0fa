"""The HTTP contract: answers, every bad input by its message, readiness, the OpenAPI description."""

import json
import logging
import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from httpx import Response

from model_service.serving.recommender import Recommender
from model_service.serving.service import RecommenderService
from model_service.serving.settings import Settings
from model_service.serving.telemetry.logs import JsonFormatter
from tests.model_service.client import Client, body_example, schema_of, serving
from tests.model_service.conftest import Trained
from tests.model_service.make import rated_by


@pytest.fixture(scope="module")
def client(trained: Trained) -> Iterator[Client]:
    with serving(Settings(artifact_dir=trained.folder)) as client:
        yield client


def test_ten_best_unseen_films_by_title(client: Client, trained: Trained) -> None:
    answer = client.get("/?uid=20")
    body = answer.json()
    assert answer.status_code == 200
    assert set(body) == {"success", "response"}
    assert body["success"] is True
    assert len(body["response"]) == 10
    titles = {item.title: item.id for item in trained.ratings.catalogue}
    rated = rated_by(trained.ratings, "20")
    assert all(titles[title] not in rated for title, _ in body["response"])
    stars = [number for _, number in body["response"]]
    assert all(1 <= number <= 5 for number in stars)
    by_stars = client.get("/?uid=20&order=stars").json()["response"]
    assert sorted(by_stars) == sorted(body["response"])
    assert [number for _, number in by_stars] == sorted(stars, reverse=True)
    wrong = client.get("/?uid=20&order=best")
    assert (wrong.status_code, "order has to be rank or stars" in wrong.json()["error"]) == (422, True)


def test_query_string_get_body_and_post_body_are_the_same_request(client: Client) -> None:
    expected = client.get("/?uid=20&n=3").json()
    assert len(expected["response"]) == 3
    body = {"uid": 20, "n": 3}
    assert client.request("GET", "/", json=body).json() == expected
    assert client.post("/", json=body).json() == expected
    assert client.post("/?uid=20&n=3").json() == expected
    assert client.request("GET", "/", content=b'{"uid": 20.0, "n": 3}').json() == expected
    assert client.request("GET", "/?uid=20", json={"uid": 5, "n": 3}).json() == expected


def test_an_unknown_user_is_marked_and_told(client: Client) -> None:
    body = client.get("/?uid=987654").json()
    assert body["success"] is True
    assert body["cold_start"] is True
    assert "user 987654 is not in the model's data" in body["reason"]
    assert len(body["response"]) == 10


_BAD_QUERIES = [
    ("", 422, 'uid is missing: ask for /?uid=20 or send the JSON body {"uid": 20}'),
    ("n=5", 422, "uid is missing"),
    (
        "uid=",
        422,
        "a text of 1 to 256 characters, none of them a control character, as in /?uid=20; it is ''",
    ),
    ("uid=abc", 422, "it is 'abc'"),
    ("uid=1.5", 422, "it is '1.5'"),
    ("uid=%D9%A1", 422, "uid has to be a whole number"),
    ("uid=1_0", 422, "it is '1_0'"),
    (f"uid={'9' * 5000}", 422, "a text of 1 to 256 characters"),
    ("uid=1&uid=2", 422, "uid is given more than once"),
    ("uid=20&n=0", 422, "n has to be a whole number from 1 to 100; it is '0'"),
    ("uid=20&n=101", 422, "n has to be a whole number from 1 to 100; it is '101'"),
    ("uid=20&n=-1", 422, "it is '-1'"),
    ("uid=20&n=ten", 422, "it is 'ten'"),
    ("uid=%00", 422, r"it is '\x00'"),
]


@pytest.mark.parametrize(("query", "status", "message"), _BAD_QUERIES)
def test_a_bad_query_is_told(query: str, status: int, message: str, client: Client) -> None:
    _assert_told(client.get(f"/?{query}"), status, message)


_BAD_BODIES = [
    (b"{", 400, 'the body is no JSON; send for example {"uid": 20, "n": 10}'),
    (b"\xff\xfe\x00", 400, "the body is no JSON"),
    (b"[" * 16_000, 400, "the body is no JSON"),
    (b'{"uid": ' + b"9" * 5000 + b"}", 400, "the body is no JSON"),
    (b"[20]", 422, "the body has to be a JSON object"),
    (b"20", 422, "the body has to be a JSON object"),
    (b'{"user": 20}', 422, "uid is missing"),
    (b'{"uid": null}', 422, "it is 'None'"),
    (b'{"uid": true}', 422, "it is 'True'"),
    (b'{"uid": 1.5}', 422, "it is '1.5'"),
    (b'{"uid": NaN}', 400, "the body is no JSON, which has no NaN"),
    (b'{"uid": 1e400}', 422, "it is 'inf'"),
    (b'{"uid": [1]}', 422, "it is '[1]'"),
    (b'{"uid": "\\ud800"}', 422, r"it is '\ud800'"),
    (b'{"uid": 20, "n": 0}', 422, "n has to be a whole number from 1 to 100; it is '0'"),
    (b'{"uid": 20}' + b" " * 17_000, 413, "the body is longer than 16384 bytes"),
]


@pytest.mark.parametrize("method", ["GET", "POST"])
@pytest.mark.parametrize(("body", "status", "message"), _BAD_BODIES)
def test_a_bad_body_is_told(method: str, body: bytes, status: int, message: str, client: Client) -> None:
    _assert_told(client.request(method, "/", content=body), status, message)


def test_a_path_or_method_that_is_not_there_is_told_in_json(client: Client) -> None:
    _assert_told(client.get("/recommend"), 404, "GET /recommend: Not Found; /docs tells what there is")
    answer = client.request("DELETE", "/?uid=20")
    _assert_told(answer, 405, "DELETE /: Method Not Allowed")
    assert answer.headers["allow"]


@pytest.mark.parametrize("path", ["/?uid=20", "/?uid=x", "/health", "/ready", "/nothing", "/docs", "/openapi.json"])
def test_every_answer_carries_the_version_of_the_model(path: str, client: Client, trained: Trained) -> None:
    assert client.get(path).headers["x-model-version"] == trained.metadata.short_version


def test_a_request_keeps_the_id_that_the_load_balancer_gave_it(client: Client) -> None:
    given = {"x-amzn-trace-id": "Root=1-67891233-abcdef012345678912345678"}
    assert client.get("/health", headers=given).headers["x-request-id"] == given["x-amzn-trace-id"]
    made = {client.get("/health", headers={"x-request-id": "x" * 200}).headers["x-request-id"] for _ in range(2)}
    assert len(made) == 2
    assert all(len(value) == 16 for value in made)


def test_ready_says_which_model(client: Client, trained: Trained) -> None:
    assert client.get("/health").json() == {"success": True}
    expected = {"success": True, "model_version": trained.metadata.short_version}
    assert client.get("/ready").json() == expected


def test_without_an_artifact_it_is_alive_and_not_ready(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    with serving(Settings(artifact_dir=tmp_path / "none")) as client:
        _assert_not_ready(client, "no artifact: the folder")
    logged = [json.loads(JsonFormatter().format(record)) for record in caplog.records if record.levelname == "ERROR"]
    assert [line["message"] for line in logged] == ["no model, not ready"]
    assert "none does not exist; `make train` makes a new one" in logged[0]["problem"]


def test_with_a_flipped_byte_it_is_alive_and_not_ready(artifact_copy: Path) -> None:
    path = artifact_copy / "model.safetensors"
    content = bytearray(path.read_bytes())
    content[-1] ^= 1
    path.write_bytes(content)
    with serving(Settings(artifact_dir=artifact_copy)) as client:
        _assert_not_ready(client, f"{path} does not match its checksum")


def test_with_another_model_than_asked_for_it_is_not_ready(trained: Trained) -> None:
    with serving(Settings(artifact_dir=trained.folder, model_version="0" * 12)) as client:
        _assert_not_ready(client, f"asks for 000000000000, the artifact in {trained.folder} is")


@pytest.mark.parametrize("digits", [12, 64])
def test_with_the_model_asked_for_it_is_ready(digits: int, trained: Trained) -> None:
    wanted = trained.metadata.model_version[:digits]
    with serving(Settings(artifact_dir=trained.folder, model_version=wanted)) as client:
        assert client.get("/ready").status_code == 200


def test_while_draining_it_answers_but_is_not_ready_and_keeps_no_connection(trained: Trained) -> None:
    settings = Settings(artifact_dir=trained.folder)
    service = RecommenderService(settings)
    with serving(settings, service) as client:
        assert "connection" not in client.get("/ready").headers
        service.draining = True
        _assert_told(client.get("/ready"), 503, "not ready: the service is shutting down")
        answer = client.get("/?uid=20")
        assert answer.status_code == 200
        assert answer.headers["connection"] == "close"


def test_a_fault_of_ours_is_a_500_in_json_with_the_reason_in_the_log(
    trained: Trained, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fail(*_: object) -> None:
        raise ZeroDivisionError("planted")

    with serving(Settings(artifact_dir=trained.folder)) as client:
        monkeypatch.setattr(Recommender, "recommend_many", fail)
        answer = client.get("/?uid=20")
    _assert_told(answer, 500, "the service failed; its log says why")
    assert "planted" not in answer.text
    assert answer.headers["x-model-version"] == trained.metadata.short_version
    assert "ZeroDivisionError: planted" in caplog.text


def test_requests_are_logged_and_probes_only_when_debugging(client: Client, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.INFO):
        client.get("/?uid=x")
        client.get("/ready")
    lines = [json.loads(JsonFormatter().format(record)) for record in caplog.records if "access" in record.name]
    assert [(line["method"], line["path"], line["status"]) for line in lines] == [("GET", "/", 422)]
    assert lines[0]["request_id"]
    assert lines[0]["milliseconds"] > 0
    assert lines[0]["time"].endswith("+00:00")


def test_the_description_tells_parameters_examples_and_errors(client: Client) -> None:
    description = client.get("/openapi.json").json()
    assert {"/", "/health", "/ready"} <= set(description["paths"])
    for method in ("get", "post"):
        operation = description["paths"]["/"][method]
        assert {parameter["name"] for parameter in operation["parameters"]} == {
            "uid",
            "n",
            "genre",
            "exclude",
            "order",
            "ids",
        }
        assert client.request(method, "/", json=body_example(description, operation)).status_code == 200
        assert set(operation["responses"]) == {"200", "400", "408", "413", "422", "503"}
        assert "cold_start" in schema_of(description, operation["responses"]["200"])["properties"]
    assert "503" in description["paths"]["/ready"]["get"]["responses"]
    page = client.get("/docs").text
    assert "://" not in page, "it would load something from elsewhere"
    loaded = re.findall(r"(?:src|href)=\"(.+?)\"", page)
    assert len(loaded) == 3
    for path in loaded:
        assert len(client.get(f"/{path}").content) > 100


def _assert_told(answer: Response, status: int, message: str) -> None:
    body = answer.json()
    assert answer.status_code == status, body
    assert set(body) == {"success", "error"}
    assert body["success"] is False
    assert message in body["error"]
    assert len(body["error"]) < 300


def _assert_not_ready(client: Client, reason: str) -> None:
    assert client.get("/health").status_code == 200
    for path in ("/ready", "/?uid=20"):
        answer = client.get(path)
        assert answer.status_code == 503
        assert answer.headers["x-model-version"] == "none"
        assert answer.headers["retry-after"] == "1"
        assert answer.json()["success"] is False
        assert answer.json()["error"].startswith("not ready: ")
        assert reason in answer.json()["error"]
