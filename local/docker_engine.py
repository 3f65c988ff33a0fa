"""A Docker engine for the local stack: the one that runs, or the distribution's, installed and started.

Which one: `DOCKER_HOST`, else the current docker context (`DOCKER_CONTEXT`, or `currentContext` of the client's
configuration), else the first known socket that answers. Programs started for the stack get it as `DOCKER_HOST`.
"""

from __future__ import annotations

import os
import shutil
import stat
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import docker
import requests
from docker.context import ContextAPI
from docker.context.config import get_current_context_name
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
MAY_USE_IT = (
    "Add yourself to its group with `sudo usermod -aG docker $USER` and log in again, then `make up`; "
    "or choose an engine that you may use: `docker context use NAME`, or DOCKER_HOST."
)
SYSTEM_SOCKET = Path("/var/run/docker.sock")
ROOT_PODMAN_SOCKET = Path("/run/podman/podman.sock")


def ensure_docker(state_dir: Path, step: Step) -> docker.DockerClient:
    """Return a running engine that can build; as root, install the distribution's and start it when there is none.

    Raises `LocalError` with the commands to run when this user may not do that.
    """
    client = _connect()
    if client is None:
        _require_none_chosen()
        _require_root()
        if shutil.which("dockerd", path=_path()) is None:
            apt_install("docker.io")
        client = _start(state_dir)
        step.set_outcome("started")
    else:
        _require_usable(client, engine_environment()["DOCKER_HOST"])
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
        _require_none_chosen()
        raise LocalError("No Docker engine answers. `make up` starts one.")
    return client


def apt_install(*packages: str) -> None:
    """Install distribution packages as root, without a prompt; raises `LocalError` with the end of apt's output."""
    if os.geteuid() != 0:
        raise LocalError(
            f"Only root can install {', '.join(packages)}. Run: sudo apt-get install --no-install-recommends "
            f"{' '.join(packages)}, then `make up` again."
        )
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


def engine_environment() -> dict[str, str]:
    """The variables by which every program finds the engine that `connect` returns; empty when none answers.

    Raises `LocalError` where an engine was chosen that cannot be used.
    """
    chosen = _chosen_environment()
    if chosen is not None:
        return chosen
    denied = None
    for path in known_sockets():
        environment = {"DOCKER_HOST": f"unix://{path}"}
        try:
            client = _client(environment)
        except PermissionError:
            denied = denied or (path if os.access(path.parent, os.X_OK) else None)
            continue
        if client is not None:
            client.close()
            return environment
    if denied is not None:
        raise LocalError(f"Permission denied: this user may not use the Docker engine at {denied}. {MAY_USE_IT}")
    return {}


def known_sockets() -> Iterator[Path]:
    """Where engines listen: the system's, rootless Docker, Docker Desktop, colima, Podman."""
    yield SYSTEM_SOCKET
    runtime = os.environ.get("XDG_RUNTIME_DIR") or f"/run/user/{os.getuid()}"
    yield Path(runtime, "docker.sock")
    home = Path(os.environ.get("HOME") or "/")
    yield home / ".docker/run/docker.sock"
    yield home / ".docker/desktop/docker.sock"
    yield home / ".colima/default/docker.sock"
    yield Path(runtime, "podman/podman.sock")
    yield ROOT_PODMAN_SOCKET


def _connect() -> docker.DockerClient | None:
    """A client of the engine, or None where none answers; raises `LocalError` where one does that cannot be used."""
    environment = engine_environment()
    try:
        client = _client(environment) if environment else None
    except PermissionError:
        raise LocalError(
            f"Permission denied: this user may not use the Docker engine at {environment['DOCKER_HOST']}. {MAY_USE_IT}"
        ) from None
    return client


def _chosen_environment() -> dict[str, str] | None:
    """The engine that the environment or the current context names, or None; raises `LocalError` for a bad context."""
    names = ("DOCKER_HOST", "DOCKER_TLS_VERIFY", "DOCKER_CERT_PATH")
    if os.environ.get("DOCKER_HOST"):
        return _local_only({name: os.environ[name] for name in names if name in os.environ})
    name = os.environ.get("DOCKER_CONTEXT") or get_current_context_name()
    if name == "default":
        return None
    try:
        context = ContextAPI.get_context(name)
    except Exception as error:  # the library raises plain exceptions for a damaged file
        raise LocalError(f"The docker context {name!r} cannot be read: {error}") from error
    if context is None or not context.Host:
        raise LocalError(
            f"The docker context {name!r} does not exist. `docker context ls` lists those that do, "
            "`docker context use NAME` chooses one."
        )
    environment = {"DOCKER_HOST": str(context.Host)}
    if context.TLSConfig is not None:
        environment["DOCKER_CERT_PATH"] = str(Path(context.TLSConfig.ca_cert).parent)
        environment["DOCKER_TLS_VERIFY"] = "1" if context.TLSConfig.verify else ""
    return _local_only(environment)


def _local_only(environment: dict[str, str]) -> dict[str, str]:
    host = environment["DOCKER_HOST"]
    if host.startswith("ssh://"):
        raise LocalError(
            f"The Docker engine {host} is on another machine, which reaches neither this machine's loopback registry "
            "nor is reached by its load balancer. Choose a local engine: `docker context use default`, or DOCKER_HOST."
        )
    return environment


def _client(environment: dict[str, str]) -> docker.DockerClient | None:
    """A client of the engine that `environment` names, or None; raises `PermissionError` where this user may not."""
    path = environment["DOCKER_HOST"].removeprefix("unix://")
    if path.startswith("/") and not _is_socket(Path(path)):
        return None
    try:
        client = docker.from_env(timeout=120, environment=environment)
    except DockerException as error:
        if _causes(error, PermissionError):
            raise PermissionError(path) from error
        return None
    try:
        client.ping()
    except (DockerException, requests.RequestException) as error:
        client.close()
        if _causes(error, PermissionError):
            raise PermissionError(path) from error
        return None
    return client


def _is_socket(path: Path) -> bool:
    """Whether there is a socket; raises `PermissionError` where a folder above it is closed to this user."""
    try:
        return stat.S_ISSOCK(path.stat().st_mode)
    except (FileNotFoundError, NotADirectoryError):
        return False


def _causes(error: BaseException, kind: type[BaseException]) -> bool:
    """Whether an error of this kind is among the causes and arguments of `error`."""
    pending, seen = [error], set()
    while pending:
        one = pending.pop()
        if isinstance(one, kind):
            return True
        if id(one) not in seen:
            seen.add(id(one))
            pending += [
                other for other in (one.__cause__, one.__context__, *one.args) if isinstance(other, BaseException)
            ]
    return False


def _require_usable(client: docker.DockerClient, host: str) -> None:
    """Raises `LocalError` for an engine that cannot build the image, or whose containers this machine cannot reach."""
    components = {str(part.get("Name")) for part in client.version().get("Components") or []}
    if "Podman Engine" in components:
        problem = "is Podman, which has no BuildKit: the image's Dockerfile needs it"
    elif "name=rootless" in (client.info().get("SecurityOptions") or []):
        problem = (
            "is rootless: its network is its own, so it reaches no registry on this machine's loopback, "
            "and the load balancer does not reach its containers"
        )
    else:
        return
    client.close()
    raise LocalError(
        f"The engine at {host} {problem}. Choose a Docker engine of this machine's network: "
        "`docker context use NAME`, or DOCKER_HOST."
    )


def _require_none_chosen() -> None:
    """Never replace an engine that was chosen: raises `LocalError`."""
    chosen = _chosen_environment()
    if chosen is None:
        return
    name = os.environ.get("DOCKER_CONTEXT") or get_current_context_name()
    if os.environ.get("DOCKER_HOST"):
        what, other = f"DOCKER_HOST={chosen['DOCKER_HOST']}", "unset DOCKER_HOST"
    else:
        what, other = f"the docker context {name!r} ({chosen['DOCKER_HOST']})", "run `docker context use default`"
    raise LocalError(f"{what} does not answer. Start that engine, or {other} to use this machine's.")


def _require_root() -> None:
    if os.geteuid() != 0:
        raise LocalError(HOW_TO_GET_ONE)


def _path() -> str:
    return os.pathsep.join([os.environ.get("PATH", ""), "/usr/sbin", "/sbin", "/usr/bin", "/bin"])


def _start(state_dir: Path) -> docker.DockerClient:
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
    """The environment of a docker client: the engine, and BuildKit, which clients before version 23 leave off."""
    return {**os.environ, **engine_environment(), "DOCKER_BUILDKIT": "1", "BUILDKIT_PROGRESS": "plain"}


def _has_buildkit(cli: Path) -> bool:
    if not cli.exists():
        return False
    version = subprocess.run([cli, "version", "-f", "{{.Client.Version}}"], capture_output=True, text=True, check=False)
    major = version.stdout.strip().split(".")[0]
    if major.isdecimal() and int(major) < 23:
        return True
    return subprocess.run([cli, "buildx", "version"], capture_output=True, check=False).returncode == 0
