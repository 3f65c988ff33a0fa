"""Starting the emulated AWS where something is in the way."""

import socket
from pathlib import Path

import pytest

from local import emulated_aws
from local.console import Step
from local.errors import LocalError
from local.settings import LocalSettings


def _settings(folder: Path, *, aws_port: int, endpoint_port: int) -> LocalSettings:
    return LocalSettings(aws_port=aws_port, endpoint_port=endpoint_port, state_dir=folder)


def test_a_taken_port_is_named_with_the_way_to_another(tmp_path: Path) -> None:
    with socket.socket() as taken, socket.socket() as free:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        free.bind(("127.0.0.1", 0))
        port, other = taken.getsockname()[1], free.getsockname()[1]
        free.close()
        settings = _settings(tmp_path, aws_port=other, endpoint_port=port)
        with pytest.raises(LocalError, match=rf"Port {port} is taken .* `make up ENDPOINT_PORT={port + 1}`"):
            emulated_aws.ensure_emulator(settings, Step())
    assert emulated_aws.daemon(settings.state_dir).running() is None


def test_an_emulator_that_does_not_start_is_explained_by_its_log(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    command = ["/bin/sh", "-c", "echo the reason is this; exit 3"]
    monkeypatch.setattr(emulated_aws, "_command", lambda _: command)
    with socket.socket() as one, socket.socket() as two:
        one.bind(("127.0.0.1", 0))
        two.bind(("127.0.0.1", 0))
        ports = one.getsockname()[1], two.getsockname()[1]
    settings = _settings(tmp_path, aws_port=ports[0], endpoint_port=ports[1])
    with pytest.raises(LocalError, match=r"(?s)did not start.*the reason is this"):
        emulated_aws.ensure_emulator(settings, Step())
