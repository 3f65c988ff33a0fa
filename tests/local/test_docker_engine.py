"""Which Docker engine is used, and what a person is told without one; the engines are sockets that answer a ping."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import tempfile
import threading
from collections.abc import Iterator
from contextlib import closing
from hashlib import sha256
from http.server import BaseHTTPRequestHandler
from pathlib import Path
from socket import gethostname
from socketserver import ThreadingUnixStreamServer
from typing import Any

import docker
import pytest

from local import base_image, docker_engine, emulated_aws
from local.console import Step
from local.emulated_aws import daemon, ensure_emulator
from local.errors import LocalError
from local.processes import Daemon
from local.settings import LocalSettings

VERSION = {"Version": "99.1", "ApiVersion": "1.44", "MinAPIVersion": "1.24"}
INFO = {
    "Name": gethostname(),
    "SecurityOptions": ["name=seccomp,profile=default", "name=cgroupns"],
    "MemoryLimit": True,
    "CpuCfsQuota": True,
}
ROOTLESS: dict[str, Any] = {"SecurityOptions": ["name=seccomp,profile=default", "name=rootless"]}


class Engine(ThreadingUnixStreamServer):
    """An engine that answers `/_ping`, `/version` and `/info`."""

    daemon_threads = True

    def __init__(self, socket: Path, component: str, info: dict[str, Any]) -> None:
        answers = {"version": {**VERSION, "Components": [{"Name": component}]}, "info": {**INFO, **info}}

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                body = json.dumps(answers.get(self.path.rpartition("/")[2], "OK")).encode()
                self.send_response(200)
                self.send_header("Content-Type", "application/json")
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body)

            def address_string(self) -> str:
                return "unix"

            def log_message(self, format: str, *args: Any) -> None:
                """Quiet."""

        socket.parent.mkdir(parents=True, exist_ok=True)
        super().__init__(str(socket), Handler)


@contextlib.contextmanager
def engine(socket: Path, *, component: str = "Engine", **info: Any) -> Iterator[str]:
    """An engine at a socket; yields its DOCKER_HOST."""
    with Engine(socket, component, info) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"unix://{socket}"
        server.shutdown()
        thread.join()


@pytest.fixture
def home(monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home with a short path, as sockets need, of a user who has no engine and chose none."""
    folder = Path(tempfile.mkdtemp(prefix="home-"))
    for name in ("DOCKER_HOST", "DOCKER_CONTEXT", "DOCKER_CONFIG", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("HOME", str(folder))
    monkeypatch.setenv("XDG_RUNTIME_DIR", str(folder / "run"))
    monkeypatch.setattr(docker_engine, "SYSTEM_SOCKET", folder / "system.sock")
    monkeypatch.setattr(docker_engine, "ROOT_PODMAN_SOCKET", folder / "podman.sock")
    yield folder
    shutil.rmtree(folder)


def add_context(home: Path, name: str, host: str, *, current: bool = True, tls: bool = False) -> Path:
    """A context as the docker client writes it; returns the folder of its TLS files."""
    identity = sha256(name.encode()).hexdigest()
    meta = home / ".docker/contexts/meta" / identity / "meta.json"
    meta.parent.mkdir(parents=True)
    endpoint = {"Host": host, "SkipTLSVerify": False}
    meta.write_text(json.dumps({"Name": name, "Metadata": {}, "Endpoints": {"docker": endpoint}}))
    (home / ".docker/config.json").write_text(json.dumps({"currentContext": name} if current else {}))
    material = home / ".docker/contexts/tls" / identity / "docker"
    if tls:
        material.mkdir(parents=True)
        for file in ("ca.pem", "cert.pem", "key.pem"):
            (material / file).touch()
    return material


@pytest.fixture
def no_engine(monkeypatch: pytest.MonkeyPatch, home: Path) -> Path:
    monkeypatch.setenv("DOCKER_HOST", f"unix://{home}/nothing.sock")
    return home


def refuse_to_install(*packages: str) -> None:
    raise AssertionError(f"installs {packages}")


@pytest.mark.parametrize(
    "socket",
    [
        "system.sock",
        "run/docker.sock",
        ".docker/run/docker.sock",
        ".docker/desktop/docker.sock",
        ".colima/default/docker.sock",
    ],
)
def test_an_engine_at_a_known_socket_is_found_and_no_second_one_installed(
    socket: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(docker_engine, "apt_install", refuse_to_install)
    monkeypatch.setattr(docker_engine, "buildkit_cli", lambda: Path("docker"))
    with engine(home / socket) as host:
        now = Step()
        docker_engine.ensure_docker(home, now).close()
        assert now.outcome == "there already, version 99.1"
        assert docker_engine.engine_environment() == {"DOCKER_HOST": host}


@pytest.mark.parametrize("variable", [False, True])
def test_the_chosen_context_is_used_before_the_systems_engine(
    variable: bool, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with engine(home / "system.sock"), engine(home / "colima.sock") as host:
        add_context(home, "colima", host, current=not variable)
        if variable:
            monkeypatch.setenv("DOCKER_CONTEXT", "colima")
        docker_engine.connect().close()
        assert docker_engine.engine_environment() == {"DOCKER_HOST": host}


def test_docker_host_is_used_before_the_chosen_context(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with engine(home / "named.sock") as host:
        add_context(home, "colima", f"unix://{home}/nothing.sock")
        monkeypatch.setenv("DOCKER_HOST", host)
        docker_engine.connect().close()
        assert docker_engine.engine_environment() == {"DOCKER_HOST": host}


def test_a_context_with_certificates_is_passed_on_with_them(home: Path) -> None:
    material = add_context(home, "lab", "tcp://127.0.0.1:2376", tls=True)
    assert docker_engine.engine_environment() == {
        "DOCKER_HOST": "tcp://127.0.0.1:2376",
        "DOCKER_CERT_PATH": str(material),
        "DOCKER_TLS_VERIFY": "1",
    }


def test_every_program_that_is_started_gets_the_same_engine(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    command = ["/bin/sh", "-c", 'echo "emulator at $DOCKER_HOST"; exit 3']
    monkeypatch.setattr("local.emulated_aws._command", lambda _: command)
    client = home / "bin/docker"
    client.parent.mkdir()
    client.write_text(f'#!/bin/sh\necho "pull at $DOCKER_HOST" >>{home}/pulls\n')
    client.chmod(0o755)
    monkeypatch.setenv("PATH", f"{client.parent}:{os.environ['PATH']}")
    settings = LocalSettings(aws_port=4966, endpoint_port=8966, state_dir=home / "state")
    with engine(home / "run/docker.sock") as host:
        with pytest.raises(LocalError, match="did not start"):
            ensure_emulator(settings, Step())
        assert base_image._pull()
        assert docker_engine.buildkit_environment()["DOCKER_HOST"] == host
    assert f"emulator at {host}" in daemon(settings.state_dir).last_lines()
    assert (home / "pulls").read_text() == f"pull at {host}\n"


def test_a_stack_on_one_engine_is_not_continued_on_another(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    process = Daemon(name="emulator", state_dir=home / "state")
    settings = LocalSettings(aws_port=4966, endpoint_port=8966, state_dir=home / "state")
    process.start(["sleep", "60"], {"DOCKER_HOST": "unix:///other.sock"})
    monkeypatch.setattr(emulated_aws, "is_reachable", lambda _: True)
    try:
        with engine(home / "system.sock"):
            with pytest.raises(LocalError, match=r"runs on the Docker engine unix:///other\.sock, and not on"):
                ensure_emulator(settings, Step())
            monkeypatch.setenv("DOCKER_HOST", "unix:///other.sock")
            now = Step()
            ensure_emulator(settings, now)
            assert now.outcome == "runs already"
    finally:
        process.stop()


@pytest.mark.parametrize(
    ("host", "said"),
    [
        (
            "unix:///nowhere/colima.sock",
            r"the docker context 'colima' \(unix://.*\) does not answer.*context use default",
        ),
        ("ssh://lab", "is on another machine"),
    ],
)
def test_a_chosen_context_that_cannot_be_used_is_not_replaced_by_another_engine(
    host: str, said: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(docker_engine, "apt_install", refuse_to_install)
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    add_context(home, "colima", host)
    with engine(home / "system.sock"), pytest.raises(LocalError, match=said):
        docker_engine.ensure_docker(home, Step())


def test_a_context_that_does_not_exist_is_named(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("DOCKER_CONTEXT", "colma")
    with pytest.raises(LocalError, match=r"context 'colma' does not exist.*docker context ls"):
        docker_engine.connect()


def test_podman_is_refused_at_once_and_why(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(docker_engine, "apt_install", refuse_to_install)
    refused = pytest.raises(LocalError, match=r"run/docker.sock is Podman, which has no BuildKit")
    with engine(home / "run/docker.sock", component="Podman Engine"), refused:
        docker_engine.ensure_docker(home, Step())


def test_an_engine_on_another_machine_is_refused_and_one_on_this_machine_not(home: Path) -> None:
    with engine(home / "run/docker.sock", Name="elsewhere") as host, closing(docker.DockerClient(host)) as client:
        for address in (host, "tcp://127.0.0.1:2375", "tcp://localhost:2375"):
            docker_engine._require_usable(client, address)
        with pytest.raises(LocalError, match=r"The engine at tcp://films\.example:2375 is on another machine"):
            docker_engine._require_usable(client, "tcp://films.example:2375")


@pytest.mark.parametrize(
    ("info", "shares"),
    [({}, True), ({"Name": "docker-desktop"}, False), ({"Name": "colima"}, False), (ROOTLESS, False)],
)
def test_an_engine_is_in_this_machines_network_unless_it_is_rootless_or_its_host_has_another_name(
    info: dict[str, Any], shares: bool, home: Path
) -> None:
    with engine(home / "run/docker.sock", **info) as host, closing(docker.DockerClient(host)) as client:
        assert docker_engine.shares_host_network(client) is shares


@pytest.mark.parametrize(
    ("info", "said"),
    [
        ({}, ""),
        ({"CpuCfsQuota": False}, "; it cannot limit CPU, so tasks run without"),
        ({"MemoryLimit": False, "CpuCfsQuota": False}, "; it cannot limit memory and CPU, so tasks run without"),
    ],
)
def test_a_rootless_engine_is_used_and_told_of_the_limits_that_it_cannot_enforce(
    info: dict[str, bool], said: str, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(docker_engine, "buildkit_cli", lambda: Path("docker"))
    now = Step()
    with engine(home / "run/docker.sock", **ROOTLESS, **info):
        docker_engine.ensure_docker(home, now).close()
    assert now.outcome == f"there already, version 99.1{said}"


@pytest.mark.parametrize("chosen", [False, True])
def test_a_user_who_may_not_use_the_engine_is_told_so_and_how_to(
    chosen: bool, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def denied(**_: Any) -> Any:
        raise docker.errors.DockerException("Error") from PermissionError(13, "Permission denied")

    monkeypatch.setattr(docker, "from_env", denied)
    with engine(home / "system.sock") as host:
        if chosen:
            monkeypatch.setenv("DOCKER_HOST", host)
        with pytest.raises(
            LocalError, match=r"Permission denied.*system\.sock.*usermod -aG docker \$USER.*docker context use"
        ):
            docker_engine.ensure_docker(home, Step())


def test_an_engine_of_ones_own_is_used_where_the_systems_may_not_be(
    home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = docker.from_env

    def denied(**arguments: Any) -> Any:
        if "system.sock" in arguments["environment"]["DOCKER_HOST"]:
            raise docker.errors.DockerException("Error") from PermissionError(13, "Permission denied")
        return real(**arguments)

    monkeypatch.setattr(docker, "from_env", denied)
    with engine(home / "system.sock"), engine(home / "run/docker.sock") as host:
        assert docker_engine.engine_environment() == {"DOCKER_HOST": host}


def test_a_package_that_only_root_can_install_is_named_with_the_command(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(LocalError, match=r"Only root can install mmdebstrap.*sudo apt-get install .* mmdebstrap"):
        docker_engine.apt_install("mmdebstrap")


def test_a_user_who_is_not_root_gets_the_commands_to_run(home: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(os, "geteuid", lambda: 1000)
    with pytest.raises(LocalError, match=r"(?s)sudo apt-get install .*docker\.io.*systemctl start docker"):
        docker_engine.ensure_docker(home, Step())


def test_an_engine_named_by_docker_host_is_not_replaced_by_another(no_engine: Path) -> None:
    with pytest.raises(LocalError, match=r"DOCKER_HOST=unix://.*nothing\.sock does not answer"):
        docker_engine.ensure_docker(no_engine, Step())


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
