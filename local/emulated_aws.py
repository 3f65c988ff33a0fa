"""The emulated AWS as a background process of this machine."""

import socket
import sys
import time
import urllib.request
from pathlib import Path
from typing import Any

import docker
import psutil

from local.console import Step
from local.docker_engine import engine_environment
from local.errors import LocalError
from local.processes import Daemon
from local.settings import HOST, PROJECT_DIR, LocalSettings
from local.stack_record import StackRecord, delete_record, load_record, save_record

START_SECONDS = 60.0


def daemon(state_dir: Path) -> Daemon:
    """The emulator's process record."""
    return Daemon(name="emulator", state_dir=state_dir)


def ensure_emulator(settings: LocalSettings, step: Step) -> None:
    """Start the emulated AWS unless it runs, and record its ports until `make down`.

    Raises `LocalError` when a port is taken or it does not come up.
    """
    process = daemon(settings.state_dir)
    engine = engine_environment()
    running = process.running()
    if running:
        _require_same_engine(running, engine)
        _wait_until_reachable(settings, process)
        step.set_outcome("runs already")
        return
    record = load_record(settings.state_dir)
    for key, port in (("AWS_PORT", settings.aws_port), ("ENDPOINT_PORT", settings.endpoint_port)):
        if port_taken(port):
            another = f"`make up {key}={port + 1}`"
            raise LocalError(
                f"Port {port} is taken by another program. Stop it (`ss -ltnp 'sport = :{port}'` shows it), "
                f"or choose another: {f'`make down`, then {another}' if record else another}."
            )
    scratch = settings.state_dir / "tmp"
    scratch.mkdir(parents=True, exist_ok=True)
    if record is None:
        save_record(settings.state_dir, StackRecord(aws_port=settings.aws_port, endpoint_port=settings.endpoint_port))
    process.start(
        _command(settings),
        {
            "GATEWAY_PORT": str(settings.aws_port),
            "MINISTACK_HOSTNAME": _hostname(settings),
            "S3_DATA_DIR": str(scratch / "s3"),
            "TMPDIR": str(scratch),
            "PYTHONPATH": str(PROJECT_DIR),
            "LOG_LEVEL": "WARNING",
            **engine,
        },
    )
    try:
        _wait_until_reachable(settings, process)
    except LocalError:
        process.stop()
        if record is None:
            delete_record(settings.state_dir)
        raise
    step.set_outcome(f"started on {settings.aws_url}")


def _wait_until_reachable(settings: LocalSettings, process: Daemon) -> None:
    """Wait for an emulator that starts; an interrupted command may have started it. Raises `LocalError`."""
    deadline = time.monotonic() + START_SECONDS
    while not is_reachable(settings.aws_url):
        if process.running() is None or time.monotonic() > deadline:
            raise LocalError(f"The emulated AWS did not start. The end of its log:\n{process.last_lines()}")
        time.sleep(0.1)


def stop_emulator(settings: LocalSettings) -> bool:
    """Stop the emulated AWS; True if it ran. Containers of tasks that it does not remove: `remove_task_containers`."""
    return daemon(settings.state_dir).stop()


def task_label(settings: LocalSettings) -> str:
    """The Docker label of the containers that this clone's emulator starts as tasks."""
    return f"ministack.instance={_hostname(settings)}:{settings.aws_port}"


def task_containers(client: docker.DockerClient, settings: LocalSettings) -> list[Any]:
    """The containers that this emulator started as tasks, stopped ones too."""
    return list(client.containers.list(all=True, filters={"label": task_label(settings)}))


def remove_task_containers(client: docker.DockerClient, settings: LocalSettings) -> int:
    """Remove the containers that this emulator started as tasks, and return how many there were."""
    containers = task_containers(client, settings)
    for container in containers:
        container.remove(force=True, v=True)
    return len(containers)


def remove_pushed_images(client: docker.DockerClient, settings: LocalSettings) -> int:
    """Remove the local copies of images built for or pulled from the emulated registry; returns how many.

    Removes nothing while another clone's emulated AWS has the port: the names are that one's then.
    """
    if port_taken(settings.aws_port):
        return 0
    prefix = f"{settings.registry_host}/"
    names = {
        name
        for image in client.images.list()
        for name in [*(image.tags or []), *(image.attrs.get("RepoDigests") or [])]
        if name.startswith(prefix)
    }
    for name in sorted(names):
        try:
            client.images.remove(name, force=True)
        except docker.errors.ImageNotFound:
            continue
    return len(names)


def _require_same_engine(emulator: psutil.Process, engine: dict[str, str]) -> None:
    """Images built on one engine are unknown to an emulator that starts its tasks on another."""
    try:
        used = emulator.environ().get("DOCKER_HOST")
    except psutil.Error:
        return
    chosen = engine.get("DOCKER_HOST")
    if used and chosen and used != chosen:
        raise LocalError(
            f"The local stack runs on the Docker engine {used}, and not on {chosen}. Keep using that engine "
            f"(DOCKER_HOST={used}), or take the stack down with it first: `DOCKER_HOST={used} make down`."
        )


def _hostname(settings: LocalSettings) -> str:
    """The label value by which MiniStack distinguishes its containers from another emulator's."""
    return f"recommender-{settings.clone}"


def _command(settings: LocalSettings) -> list[str]:
    ports = ["--aws-port", str(settings.aws_port), "--endpoint-port", str(settings.endpoint_port)]
    return [sys.executable, "-m", "local.emulator", *ports]


def port_taken(port: int) -> bool:
    """Whether a program listens on a port of the loopback interface."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((HOST, port))
        except OSError:
            return True
    return False


def is_reachable(url: str) -> bool:
    """Whether the emulated AWS answers at `url`."""
    try:
        with urllib.request.urlopen(f"{url}/_ministack/health", timeout=2) as answer:  # noqa: S310 - own http address
            return bool(answer.status == 200)
    except OSError:
        return False
