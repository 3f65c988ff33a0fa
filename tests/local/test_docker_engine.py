"""Without a Docker engine: what a person is told."""

import os
from pathlib import Path

import pytest

from local import docker_engine
from local.console import Step
from local.errors import LocalError


@pytest.fixture
def no_engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> Path:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nothing.sock")
    return tmp_path


def test_a_user_who_is_not_root_gets_the_commands_to_run(no_engine: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(LocalError, match=r"(?s)sudo apt-get install .*docker\.io.*systemctl start docker"):
        docker_engine.ensure_docker(no_engine, Step())


def test_an_engine_named_by_docker_host_is_not_replaced_by_another(no_engine: Path) -> None:
    with pytest.raises(LocalError, match=r"DOCKER_HOST=unix://.*nothing\.sock does not answer"):
        docker_engine._start(no_engine)


def test_a_client_too_new_to_have_buildkit_inside_needs_its_plugin(tmp_path: Path) -> None:
    def client(version: str, *, buildx: bool) -> Path:
        script = tmp_path / f"docker-{version}-{buildx}"
        script.write_text(
            f'#!/bin/sh\ncase "$1" in version) echo {version} ;; buildx) exit {0 if buildx else 1} ;; esac\n'
        )
        script.chmod(0o755)
        return script

    assert docker_engine._has_buildkit(client("20.10.24", buildx=False))
    assert docker_engine._has_buildkit(client("28.2.2", buildx=True))
    assert not docker_engine._has_buildkit(client("28.2.2", buildx=False))
    assert not docker_engine._has_buildkit(tmp_path / "absent")
