"""The service as a process: what it imports, its settings, SIGTERM, the health check."""

import http.client
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from model_service.serving import healthcheck
from model_service.serving.settings import Settings, SettingsError
from tests.service.conftest import Trained

_ROOT = Path(__file__).parents[2]


def _free_port() -> int:
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return int(listener.getsockname()[1])


@contextmanager
def _service(folder: Path, port: int, **environment: str) -> Iterator["subprocess.Popen[str]"]:
    """The service as its image starts it, answering on `port`."""
    given = {**os.environ, "ARTIFACT_DIR": str(folder), "PORT": str(port), "HOST": "127.0.0.1", **environment}
    process = subprocess.Popen(
        [sys.executable, "-m", "model_service.serving"], cwd=_ROOT, env=given, stdout=subprocess.PIPE, text=True
    )
    try:
        deadline = time.monotonic() + 30
        while healthcheck.check(port, "/health") is not None:
            assert process.poll() is None, "the service ended"
            assert time.monotonic() < deadline, "the service did not start"
            time.sleep(0.05)
        yield process
    finally:
        process.kill()
        process.communicate()


def test_sigterm_answers_what_is_in_flight_and_ends_with_status_0(trained: Trained) -> None:
    port = _free_port()
    with _service(trained.folder, port) as process, socket.create_connection(("127.0.0.1", port), 10) as client:
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
    port = _free_port()
    with _service(trained.folder, port, DRAIN_SECONDS="60") as process:
        assert healthcheck.check(port, "/ready") is None
        process.send_signal(signal.SIGTERM)
        time.sleep(0.5)
        assert "503" in (healthcheck.check(port, "/ready") or "")
        assert healthcheck.check(port, "/?uid=20") is None
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0


def test_draining_ends_by_itself(trained: Trained) -> None:
    with _service(trained.folder, _free_port(), DRAIN_SECONDS="0.3") as process:
        started = time.monotonic()
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
        assert time.monotonic() - started >= 0.3


def test_the_health_check_of_the_image_follows_readiness(trained: Trained, tmp_path: Path) -> None:
    def check(port: int | str, *arguments: str) -> tuple[int, str]:
        done = subprocess.run(
            [sys.executable, "-S", "-m", "model_service.serving.healthcheck", *arguments],
            cwd=_ROOT,
            env={**os.environ, "PORT": str(port)},
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.stderr == ""
        return done.returncode, done.stdout

    port = _free_port()
    assert check(port)[0] == 1
    assert f"no answer from port {port}" in check(port)[1]
    assert check("none") == (1, "PORT='none' is no port\n")
    with _service(trained.folder, port):
        assert check(port) == (0, "")
    with _service(tmp_path, port):
        status, output = check(port)
        assert status == 1
        assert "/ready answered HTTP/1.1 503" in output
        assert "metadata.json is missing" in output
        assert check(port, "/health") == (0, "")


def _modules_after(statement: str) -> set[str]:
    program = f"import sys\n{statement}\nprint(*sys.modules)"
    done = subprocess.run(
        [sys.executable, "-S", "-c", program] if "healthcheck" in statement else [sys.executable, "-c", program],
        cwd=_ROOT,
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


def test_settings_come_from_the_environment() -> None:
    environment = {
        "ARTIFACT_DIR": "/models/a",
        "HOST": "127.0.0.1",
        "PORT": "9000",
        "LOG_LEVEL": "debug",
        "MODEL_VERSION": "ABCDEF012345",
        "DRAIN_SECONDS": "2.5",
    }
    assert Settings.from_environment(environment) == Settings(
        artifact_dir=Path("/models/a"),
        host="127.0.0.1",
        port=9000,
        log_level="DEBUG",
        model_version="abcdef012345",
        drain_seconds=2.5,
    )
    assert Settings.from_environment({"MODEL_VERSION": "", "PORT": " "}) == Settings()


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
    ],
)
def test_a_bad_setting_is_named_with_what_is_allowed(name: str, value: str, allowed: str) -> None:
    with pytest.raises(SettingsError) as refused:
        Settings.from_environment({name: value})
    assert f"{name}={value!r} is not allowed" in str(refused.value)
    assert allowed in str(refused.value)


def test_a_bad_setting_ends_the_process_with_status_2_and_no_traceback() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "model_service.serving"],
        cwd=_ROOT,
        env={**os.environ, "PORT": "eighty"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 2
    assert done.stderr == "error: PORT='eighty' is not allowed: it has to be a number from 1 to 65535\n"
