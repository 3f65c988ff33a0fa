"""What `make up` hands to the deployment, and whom it asks for at the end."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Iterator
from contextlib import nullcontext
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest

import deploy
from deploy import engines
from deploy.local_stack import __main__, up
from deploy.local_stack.example import EXAMPLE_DIR
from local import emulated_aws
from local.console import step
from local.errors import LocalError
from local.settings import PROJECT_DIR, LocalSettings
from local.stack_record import StackRecord, load_record, save_record

FILMS = [["A Film (1999)", 4.5]]
KNOWN = {"response": FILMS}
COLD = {"response": FILMS, "cold_start": True, "reason": "user 20 is not in the data"}


class Service:
    """A service at `url` with its answers by path; any other path is 404."""

    def __init__(self) -> None:
        self.answers: dict[str, dict[str, Any]] = {}
        self.url = ""


@pytest.fixture
def service() -> Iterator[Service]:
    made = Service()

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path in made.answers else 404)
            self.end_headers()
            self.wfile.write(json.dumps(made.answers.get(self.path, {})).encode())

        def log_message(self, format: str, *args: Any) -> None:
            """Quiet."""

    with HTTPServer(("127.0.0.1", 0), Handler) as http:
        made.url = f"http://127.0.0.1:{http.server_port}"
        thread = Thread(target=http.serve_forever, daemon=True)
        thread.start()
        yield made
        http.shutdown()
        thread.join()


def _shown(uid: str, answer: dict[str, Any], capsys: pytest.CaptureFixture[str]) -> str:
    up.print_summary({"url": "http://lb", "modelVersion": "v", "imageDigest": "d"}, uid, answer)
    return capsys.readouterr().out


def test_a_model_that_knows_user_20_is_asked_for_that_one(service: Service, capsys: pytest.CaptureFixture[str]) -> None:
    service.answers["/?uid=20"] = KNOWN
    assert up.first_recommendations(service.url) == ("20", KNOWN)
    assert "best films that user 20 has not rated, in the model's order, from http://lb/?uid=20" in _shown(
        "20", KNOWN, capsys
    )


@pytest.mark.parametrize(
    ("uid", "target"),
    [(4711, "/?uid=4711"), ("007", "/?uid=007"), ("a/b&n=1 é", "/?uid=a%2Fb%26n%3D1%20%C3%A9")],
)
def test_a_model_without_user_20_is_asked_for_its_first_user(
    uid: int | str, target: str, service: Service, capsys: pytest.CaptureFixture[str]
) -> None:
    service.answers |= {"/?uid=20": COLD, "/users?n=1": {"users": [uid]}, target: KNOWN}
    assert up.first_recommendations(service.url) == (str(uid), KNOWN)
    assert f"best films that user {uid} has not rated, in the model's order, from http://lb{target}\n" in _shown(
        str(uid), KNOWN, capsys
    )


@pytest.mark.parametrize("users", [None, {"users": []}, {"success": True}, {"users": ["who is refused"]}])
def test_where_no_user_is_told_the_films_are_called_popular_with_the_reason(
    service: Service, users: dict[str, Any] | None, capsys: pytest.CaptureFixture[str]
) -> None:
    service.answers |= {"/?uid=20": COLD} | ({"/users?n=1": users} if users else {})
    assert up.first_recommendations(service.url) == ("20", COLD)
    told = _shown("20", COLD, capsys)
    assert "Ten popular films for user 20 (user 20 is not in the data)" in told
    assert "has not rated" not in told


def test_a_service_that_does_not_answer_is_told_with_its_address(service: Service) -> None:
    with pytest.raises(LocalError, match=rf"{service.url} does not answer: .*404"):
        up.fetch(service.url, "/?uid=20", seconds=0)


def test_other_ports_reach_the_registry_the_url_and_every_endpoint_of_the_provider(tmp_path: Path) -> None:
    other = LocalSettings(aws_port=4666, endpoint_port=8180, state_dir=tmp_path)
    config = up.machine_config(other, "base:1")
    assert (config["registryHost"], config["publicUrl"]) == ("localhost:4666", "http://localhost:8180")
    assert {url for services in config["aws:endpoints"] for url in services.values()} == {"http://localhost:4666"}
    assert {"ecs", "ecr"} <= {name for services in config["aws:endpoints"] for name in services}
    usual = LocalSettings(aws_port=4566, endpoint_port=8080, state_dir=tmp_path)
    assert set(up.machine_config(usual, "base:1")) <= {"baseImage", "caBundle"}


def test_what_prepare_found_is_remembered(settings: LocalSettings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(up, "ensure_docker", lambda *_: None)
    monkeypatch.setattr(up, "ensure_base_image", lambda *_, **__: "base:1")
    monkeypatch.setattr(emulated_aws, "ensure_emulator", lambda *_: None)
    monkeypatch.setattr(up, "install_pulumi", lambda _: None)
    config = up.prepare(settings)
    assert load_record(settings.state_dir) == StackRecord(aws_port=4666, endpoint_port=8180, config=config)


def test_plain_calls_for_the_local_stack_get_what_prepare_found_under_their_own_settings(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "STATE_DIR", tmp_path)
    monkeypatch.setattr(engines, "find_pulumi", lambda: None)
    config = {"baseImage": "base:1", "publicUrl": "http://localhost:8180"}
    save_record(tmp_path, StackRecord(aws_port=4666, endpoint_port=8180, config=config))
    plain: Any = engines.choose_engine("local", config={}, backend=None, project_dir=PROJECT_DIR)
    assert plain.config == config
    own: Any = engines.choose_engine("local", config={"baseImage": "own:2"}, backend=None, project_dir=PROJECT_DIR)
    assert own.config == {**config, "baseImage": "own:2"}


def test_another_program_gets_what_prepare_found_of_the_settings_that_it_declares(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(engines, "STATE_DIR", tmp_path)
    monkeypatch.setattr(engines, "find_pulumi", lambda: None)
    config = {"baseImage": "base:1", "publicUrl": "http://localhost:8180", "aws:endpoints": []}
    save_record(tmp_path, StackRecord(aws_port=4666, endpoint_port=8180, config=config))
    engine: Any = engines.choose_engine("local", config={}, backend=None, project_dir=EXAMPLE_DIR)
    assert engine.config == {"baseImage": "base:1", "aws:endpoints": []}


@pytest.mark.parametrize(
    ("command", "told", "untold"), [("up", "`make up` goes on", ""), ("down", "`make down` goes on", "removes it all")]
)
def test_an_interrupted_command_says_once_how_to_go_on(
    command: str, told: str, untold: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def interrupted(_: LocalSettings) -> None:
        raise KeyboardInterrupt

    monkeypatch.setitem(__main__.COMMANDS, command, interrupted)
    monkeypatch.setattr("sys.argv", ["python -m deploy.local_stack", command])
    assert __main__.main() == 130
    printed = capsys.readouterr().err
    assert told in printed
    assert not untold or untold not in printed


def test_a_failed_up_says_that_the_engine_it_started_still_runs(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def fails(_: LocalSettings) -> None:
        raise deploy.DeployError("port 8080 is taken")

    monkeypatch.setitem(__main__.COMMANDS, "up", fails)
    monkeypatch.setattr(__main__, "orphaned_engine_hint", lambda _: "the engine still runs")
    monkeypatch.setattr("sys.argv", ["python -m deploy.local_stack", "up"])
    assert __main__.main() == 1
    assert capsys.readouterr().err == "\nerror: port 8080 is taken\nthe engine still runs\n"


@pytest.mark.parametrize(
    ("status", "message"),
    [(3, r'worse than a simple one.*`make train ARGS="--no-gate"` writes it all the same'), (2, "Training failed")],
)
def test_a_training_without_a_model_is_told_with_what_to_do(
    status: int, message: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(up, "ARTIFACT_DIR", tmp_path / "artifact")
    monkeypatch.setattr(subprocess, "run", lambda command, **_: subprocess.CompletedProcess(command, status))
    with step("Trained model") as now, pytest.raises(LocalError, match=message):
        up.ensure_model(now, meanwhile=nullcontext())


@pytest.mark.parametrize("content", ['{"metrics": NaN}', "[" * 100_000, '{"source": "\\ud800"}', '{"files": []}'])
def test_a_forged_artifact_is_refused_and_left_as_it_is(
    content: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "metadata.json").write_text(content)
    monkeypatch.setattr(up, "ARTIFACT_DIR", tmp_path)
    with step("Trained model") as now, pytest.raises(LocalError, match=r"(?s)metadata\.json .*left as it is"):
        up.ensure_model(now, meanwhile=nullcontext())
    assert (tmp_path / "metadata.json").read_text() == content


def test_films_without_stars_are_printed_without_a_number(capsys: pytest.CaptureFixture[str]) -> None:
    assert "   1. A Film (1999)" in _shown("7", {"response": [["A Film (1999)", None]]}, capsys)
