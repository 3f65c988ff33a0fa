"""The service as a process: what it imports, its settings, SIGTERM, the health check."""

import http.client
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Mapping
from pathlib import Path
from unittest.mock import patch

import pytest

from model_service.serving import healthcheck
from model_service.serving.settings import Settings, SettingsError
from tests.model_service.conftest import Trained
from tests.model_service.process import ROOT, ask, ended, free_port, service


def test_sigterm_answers_what_is_in_flight_and_ends_with_status_0(trained: Trained) -> None:
    port = free_port()
    with service(trained.folder, port) as process, socket.create_connection(("127.0.0.1", port), 10) as client:
        body = b'{"uid": 20}'
        client.sendall(b"POST / HTTP/1.1\r\nHost: x\r\nContent-Length: %d\r\n\r\n" % len(body) + body[:4])
        time.sleep(0.3)
        process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        assert process.poll() is None
        with pytest.raises(ConnectionRefusedError):
            socket.create_connection(("127.0.0.1", port), 1)
        client.sendall(body[4:])
        answer = http.client.HTTPResponse(client)
        answer.begin()
        assert answer.status == 200
        assert b'"success":true' in answer.read()
        assert process.wait(10) == 0


def test_draining_goes_on_serving_while_not_ready_and_a_second_signal_ends_it(trained: Trained) -> None:
    port = free_port()
    with service(trained.folder, port, DRAIN_SECONDS="60") as process:
        assert healthcheck.check(port, "/ready") is None
        process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        assert "503" in (healthcheck.check(port, "/ready") or "")
        assert healthcheck.check(port, "/?uid=20") is None
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0


def test_draining_ends_by_itself(trained: Trained) -> None:
    with service(trained.folder, free_port(), DRAIN_SECONDS="0.3") as process:
        started = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
        assert time.monotonic() - started >= 0.3


def test_the_health_check_of_the_image_follows_readiness(trained: Trained, tmp_path: Path) -> None:
    def check(port: int | str, *arguments: str) -> tuple[int, str]:
        done = subprocess.run(
            [sys.executable, "-S", "-m", "model_service.serving.healthcheck", *arguments],
            cwd=ROOT,
            env={**os.environ, "PORT": str(port)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.stderr == ""
        return done.returncode, done.stdout

    port = free_port()
    assert check(port)[0] == 1
    assert f"no answer from port {port}" in check(port)[1]
    assert check("none") == (1, "PORT='none' is no port\n")
    with service(trained.folder, port):
        assert check(port) == (0, "")
    with service(tmp_path, port):
        status, output = check(port)
        assert status == 1
        assert "/ready answered HTTP/1.1 503" in output
        assert "metadata.json is missing" in output
        assert check(port, "/health") == (0, "")


def _modules_after(statement: str) -> set[str]:
    program = f"import sys\n{statement}\nprint(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-S", "-c", program] if "healthcheck" in statement else [sys.executable, "-c", program],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return {name.split(".")[0] for name in done.stdout.split()}


def test_serving_needs_neither_torch_nor_surprise_nor_safetensors() -> None:
    loaded = _modules_after("import model_service.serving.server")
    assert {"numpy", "fastapi"} <= loaded
    assert not {"torch", "surprise", "scipy", "safetensors", "tqdm"} & loaded


def test_the_health_check_needs_only_the_standard_library() -> None:
    loaded = _modules_after("import model_service.serving.healthcheck")
    assert not {"numpy", "fastapi", "http", "ssl", "email", "asyncio"} & loaded


def _settings(environment: Mapping[str, str]) -> Settings:
    with patch.dict(os.environ, environment, clear=True):
        return Settings.from_environment()


def test_settings_come_from_the_environment() -> None:
    environment = {
        "ARTIFACT_DIR": "/models/a",
        "HOST": "127.0.0.1",
        "PORT": "9000",
        "ROOT_PATH": "/films/v1",
        "CORS_ORIGINS": "https://films.example.com, http://localhost:3000 ",
        "LOG_LEVEL": "debug",
        "MODEL_VERSION": "ABCDEF012345",
        "DRAIN_SECONDS": "2.5",
        "WORKERS": "3",
        "RESPONSE_CACHE_MIB": "0",
        "MAX_QUEUE_SIZE": "50",
        "ANN_MIN_ITEMS": "500000",
        "ACCESS_LOG_SAMPLE_EVERY": "1",
        "METRICS_NAMESPACE": "Recommender",
        "SERVICE_NAME": "films-dev",
    }
    assert _settings(environment) == Settings(
        artifact_dir=Path("/models/a"),
        host="127.0.0.1",
        port=9000,
        root_path="/films/v1",
        cors_origins=("https://films.example.com", "http://localhost:3000"),
        log_level="DEBUG",
        model_version="abcdef012345",
        drain_seconds=2.5,
        workers=3,
        response_cache_mib=0,
        max_queue_size=50,
        ann_min_items=500_000,
        access_log_sample_every=1,
        metrics_namespace="Recommender",
        service_name="films-dev",
    )
    assert _settings({"MODEL_VERSION": "", "PORT": " "}) == _settings({})


@pytest.mark.parametrize(
    ("name", "value", "allowed"),
    [
        ("PORT", "http", "a number from 1 to 65535"),
        ("PORT", "0", "a number from 1 to 65535"),
        ("PORT", "65536", "a number from 1 to 65535"),
        ("LOG_LEVEL", "loud", "one of DEBUG, INFO, WARNING, ERROR"),
        ("MODEL_VERSION", "latest", "12 to 64 hex digits"),
        ("DRAIN_SECONDS", "-1", "a number from 0 to 100"),
        ("DRAIN_SECONDS", "nan", "a number from 0 to 100"),
        ("WORKERS", "65", "a number from 0 to 64"),
        ("RESPONSE_CACHE_MIB", "-1", "a number from 0 to 4096"),
        ("MAX_QUEUE_SIZE", "0", "a number from 1 to 100000"),
        ("ANN_MIN_ITEMS", "-1", "a number from 0 to 1e+09"),
        ("ACCESS_LOG_SAMPLE_EVERY", "x", "a number from 0 to 1e+06"),
        ("METRICS_NAMESPACE", "AWS/ECS", "begin neither with a colon nor with AWS/"),
        ("SERVICE_NAME", "a b", "1 to 255 of the characters"),
        ("ROOT_PATH", "films", "it begins with / and does not end with it"),
        ("ROOT_PATH", "/films/", "it begins with / and does not end with it"),
        ("CORS_ORIGINS", "https://a.example,", "'' has no scheme such as https://"),
        ("CORS_ORIGINS", "*,https://a.example", "'*' stands for all origins, and so has to be alone"),
    ],
)
def test_a_bad_setting_is_named_with_what_is_allowed(name: str, value: str, allowed: str) -> None:
    with pytest.raises(SettingsError) as refused:
        _settings({name: value})
    assert f"{name}={value!r} is not allowed" in str(refused.value)
    assert allowed in str(refused.value)


def test_a_bad_setting_ends_the_process_with_status_2_and_no_traceback() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "model_service.serving"],
        cwd=ROOT,
        env={**os.environ, "PORT": "eighty"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr == "error: PORT='eighty' is not allowed: it has to be a number from 1 to 65535\n"


def test_a_port_that_is_taken_is_told_with_what_mends_it(trained: Trained) -> None:
    port = free_port()
    with service(trained.folder, port, WORKERS="2"):
        done = subprocess.run(
            [sys.executable, "-m", "model_service.serving"],
            cwd=ROOT,
            env={
                **os.environ,
                "ARTIFACT_DIR": str(trained.folder),
                "PORT": str(port),
                "HOST": "127.0.0.1",
                "WORKERS": "2",
            },
            capture_output=True,
            text=True,
            check=False,
        )
    assert done.returncode == 1
    line = json.loads(done.stdout.splitlines()[-1])
    assert "choose another one with PORT" in line["message"]
    assert line["port"] == port
    assert "Address already in use" in line["problem"]


def _children(process: "subprocess.Popen[str]") -> list[int]:
    found = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text()
    return [int(child) for child in found.split()]


def test_workers_share_the_port_the_weights_and_what_they_count(trained: Trained) -> None:
    port = free_port()
    with service(trained.folder, port, WORKERS="3", METRICS_NAMESPACE="Recommender") as process:
        assert len(_children(process)) == 3
        for child in _children(process):
            assert "model.safetensors" in Path(f"/proc/{child}/maps").read_text()
        for uid in range(1, 41):
            assert ask(port, f"/?uid={uid}")[0] == 200
        deadline = time.monotonic() + 5  # a worker counts an answer after it has sent it, another one tells
        while 'recommender_requests_total{status="2xx"} 40\n' not in ask(port, "/metrics")[2].decode():
            assert time.monotonic() < deadline, "an answer is not counted"
            time.sleep(0.05)
        lines = ended(process)
    (told,) = (line for line in lines if "_aws" in line)
    assert (told["Requests"], told["Errors"], told["ModelVersion"]) == (40, 0, trained.metadata.short_version)


def test_a_worker_that_dies_is_replaced_and_its_connections_are_served(trained: Trained) -> None:
    port = free_port()
    with service(trained.folder, port, WORKERS="2") as process:
        before = _children(process)
        os.kill(before[0], signal.SIGKILL)
        assert all(ask(port, f"/?uid={uid}")[0] == 200 for uid in range(1, 21))
        assert len(set(before) & set(_children(process))) == 1
        assert len(_children(process)) == 2
        assert ended(process)


def test_workers_that_keep_dying_end_the_service_so_that_the_task_is_replaced(trained: Trained) -> None:
    with service(trained.folder, free_port(), WORKERS="2") as process:
        deadline = time.monotonic() + 20
        while process.poll() is None:
            assert time.monotonic() < deadline, "the service goes on"
            for child in _children(process)[:1]:
                os.kill(child, signal.SIGKILL)
            time.sleep(0.1)
        assert process.returncode == 1


def test_workers_end_when_the_process_that_watches_them_is_killed(trained: Trained) -> None:
    with service(trained.folder, free_port(), WORKERS="2") as process:
        workers = _children(process)
        process.kill()
        deadline = time.monotonic() + 5
        while any(Path(f"/proc/{worker}").exists() for worker in workers):
            assert time.monotonic() < deadline, "workers are left"
            time.sleep(0.05)


def test_a_service_that_is_left_by_whoever_started_it_goes_on(trained: Trained) -> None:
    port = free_port()
    program = (
        "import os, sys, time\n"
        "if os.fork(): time.sleep(0.3); os._exit(0)\n"
        "from model_service.serving.__main__ import main; sys.exit(main())\n"
    )
    left = subprocess.Popen(
        [sys.executable, "-c", program],
        cwd=ROOT,
        env={**os.environ, "ARTIFACT_DIR": str(trained.folder), "PORT": str(port), "HOST": "127.0.0.1", "WORKERS": "1"},
        stdout=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        assert left.wait(10) == 0
        deadline = time.monotonic() + 20
        while healthcheck.check(port, "/ready") is not None:
            assert time.monotonic() < deadline, "the service did not start"
            time.sleep(0.05)
        time.sleep(0.5)
        assert healthcheck.check(port, "/ready") is None
    finally:
        os.killpg(left.pid, signal.SIGTERM)
