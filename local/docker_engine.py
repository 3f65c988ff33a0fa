"""A Docker engine for the local stack: the running one, or the distribution's, installed and started."""

from __future__ import annotations

import os
import shutil
import subprocess
import time
from pathlib import Path

import docker
from docker.errors import DockerException

from local.console import Step
from local.errors import LocalError
from local.processes import Daemon

START_SECONDS = 60.0
INSTALL = "apt-get install --no-install-recommends docker.io"
HOW_TO_GET_ONE = (
    "No Docker engine answers, and only root can install or start one. Run one of\n"
    f"  sudo {INSTALL} && sudo usermod -aG docker $USER   (then log in again)\n"
    "  sudo systemctl start docker\n"
    "or set DOCKER_HOST to an engine that runs, then `make up` again."
)


def ensure_docker(state_dir: Path, step: Step) -> docker.DockerClient:
    """Return a running engine that can build; as root, install the distribution's and start it when there is none.

    Raises `LocalError` with the commands to run when this user may not do that.
    """
    client = _connect()
    if client is None:
        _require_root()
        if shutil.which("dockerd", path=_path()) is None:
            apt_install("docker.io")
        client = _start(state_dir)
        step.set_outcome("started")
    else:
        step.set_outcome(f"there already, version {client.version()['Version']}")
    buildkit_cli()
    return client


def daemon(state_dir: Path) -> Daemon:
    """The engine process that `ensure_docker` started itself, if it did."""
    return Daemon(name="dockerd", state_dir=state_dir)


def connect() -> docker.DockerClient:
    """The running engine's client; raises `LocalError` when there is none."""
    client = _connect()
    if client is None:
        raise LocalError("No Docker engine answers. `make up` starts one.")
    return client


def apt_install(*packages: str) -> None:
    """Install distribution packages as root, without a prompt; raises `LocalError` with the end of apt's output."""
    _require_root()
    if shutil.which("apt-get") is None:
        raise LocalError(
            f"This is neither Debian nor Ubuntu: install {', '.join(packages)} by hand, then `make up` again."
        )
    environment = {**os.environ, "DEBIAN_FRONTEND": "noninteractive"}
    for command in (
        ["apt-get", "update", "-qq"],
        ["apt-get", "install", "-y", "--no-install-recommends", *packages],
    ):
        done = subprocess.run(command, capture_output=True, text=True, env=environment, check=False)
        if done.returncode:
            raise LocalError(f"`{' '.join(command)}` failed:\n{(done.stderr or done.stdout).strip()[-1500:]}")


def _connect() -> docker.DockerClient | None:
    host = os.environ.get("DOCKER_HOST") or "unix:///var/run/docker.sock"
    if host.startswith("unix://") and not Path(host.removeprefix("unix://")).is_socket():
        return None
    try:
        client = docker.from_env(timeout=120)
        client.ping()
    except DockerException:
        return None
    return client


def _require_root() -> None:
    if os.geteuid() != 0:
        raise LocalError(HOW_TO_GET_ONE)


def _path() -> str:
    return os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin", "/usr/bin", "/bin"])


def _start(state_dir: Path) -> docker.DockerClient:
    if os.environ.get("DOCKER_HOST"):
        raise LocalError(
            f"DOCKER_HOST={os.environ['DOCKER_HOST']} does not answer. "
            "Start that engine, or unset DOCKER_HOST to use this machine's."
        )
    if Path("/run/systemd/system").is_dir():
        subprocess.run(["systemctl", "start", "docker"], check=False, capture_output=True)
    else:
        daemon(state_dir).start([shutil.which("dockerd", path=_path()) or "dockerd"], {"PATH": _path()})
    deadline = time.monotonic() + START_SECONDS
    while time.monotonic() < deadline:
        client = _connect()
        if client is not None:
            return client
        time.sleep(0.2)
    raise LocalError(
        f"The Docker engine did not start within {START_SECONDS:.0f} s. "
        f"The end of its log:\n{daemon(state_dir).last_lines()}"
    )


def buildkit_cli() -> Path:
    """A docker client that builds with BuildKit: built in before version 23, with the buildx plugin from then on."""
    found = [Path(path) for path in (shutil.which("docker"), "/usr/bin/docker") if path and Path(path).exists()]
    for cli in found:
        if _has_buildkit(cli):
            return cli
    if os.geteuid() == 0 and shutil.which("apt-get"):
        apt_install("docker.io" if not Path("/usr/bin/docker").exists() else "docker-buildx")
        if _has_buildkit(Path("/usr/bin/docker")):
            return Path("/usr/bin/docker")
    raise LocalError(
        "The docker client cannot build with BuildKit. "
        "Run: sudo apt-get install docker-buildx (Debian 12: docker.io), then `make up` again."
    )


def buildkit_environment() -> dict[str, str]:
    """The environment that enables BuildKit in clients older than version 23."""
    return {**os.environ, "DOCKER_BUILDKIT": "1", "BUILDKIT_PROGRESS": "plain"}


def _has_buildkit(cli: Path) -> bool:
    if not cli.exists():
        return False
    version = subprocess.run([cli, "version", "-f", "{{.Client.Version}}"], capture_output=True, text=True, check=False)
    major = version.stdout.strip().split(".")[0]
    if major.isdecimal() and int(major) < 23:
        return True
    return subprocess.run([cli, "buildx", "version"], capture_output=True, check=False).returncode == 0
