"""Ports and folders of the emulated AWS; the environment may set other ports, until `make down`."""

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

from local.errors import LocalError
from local.stack_record import StackRecord, load_record

PROJECT_DIR = Path(__file__).resolve().parent.parent
STATE_FOLDER = ".local"
"""The folder with the local state of a Pulumi project, in the project's folder and ignored by git."""
STATE_DIR = PROJECT_DIR / STATE_FOLDER
PROJECT = "recommender"
ACCOUNT_ID = "000000000000"
NOTEBOOK_FOLDER = "notebook"
"""The copy of the project that `make notebook` works in, in the state folder."""
CLI_FOLDER = "cli"
"""The Pulumi CLI that `make up` installed, in the state folder; it stays when the stack goes, as .venv does."""
REGION = "us-east-1"
HOST = "127.0.0.1"
DEFAULT_PORTS = {"AWS_PORT": 4566, "ENDPOINT_PORT": 8080}


@dataclass(frozen=True, kw_only=True)
class LocalSettings:
    """Ports of the emulated AWS and of its load balancer, and the folder that holds all local state."""

    aws_port: int
    endpoint_port: int
    state_dir: Path

    @property
    def clone(self) -> str:
        """What tells this clone's containers and images from those of another clone on the same Docker engine."""
        return hashlib.sha256(str(self.state_dir.resolve()).encode()).hexdigest()[:8]

    @property
    def aws_url(self) -> str:
        """URL of the emulated AWS APIs."""
        return f"http://localhost:{self.aws_port}"

    @property
    def registry_host(self) -> str:
        """Host and port under which Docker reaches the emulated ECR."""
        return f"localhost:{self.aws_port}"

    @property
    def endpoint_url(self) -> str:
        """URL under which the load balancer answers."""
        return f"http://localhost:{self.endpoint_port}"


def load_settings(environ: dict[str, str] | None = None, *, state_dir: Path = STATE_DIR) -> LocalSettings:
    """The ports that the stack was started with, else `AWS_PORT` (4566) and `ENDPOINT_PORT` (8080) of the environment.

    Raises `LocalError` for a bad port, for one port twice, and for other ports than those of a stack that was started.
    """
    env = dict(os.environ) if environ is None else environ
    given = {key: _port(env, key) for key in DEFAULT_PORTS}
    record = load_record(state_dir)
    known = _ports(record) if record else DEFAULT_PORTS
    ports = {key: given[key] or known[key] for key in DEFAULT_PORTS}
    others = {key: port for key, port in ports.items() if port != known[key]}
    if record is not None and others:
        raise LocalError(
            f"The local stack was started with {_format_ports(known)}, and not with {_format_ports(others)}. "
            "Omit the ports to keep using it, or take it down first: `make down`, without ports."
        )
    if ports["AWS_PORT"] == ports["ENDPOINT_PORT"]:
        raise LocalError(
            f"{_format_ports(ports)}: the AWS APIs and the load balancer cannot share a port. Give one of them another."
        )
    return LocalSettings(aws_port=ports["AWS_PORT"], endpoint_port=ports["ENDPOINT_PORT"], state_dir=state_dir)


def without_ports() -> dict[str, str]:
    """This process's environment without ports: for a stack that knows its own."""
    return {key: value for key, value in os.environ.items() if key not in DEFAULT_PORTS}


def _ports(record: StackRecord) -> dict[str, int]:
    return {"AWS_PORT": record.aws_port, "ENDPOINT_PORT": record.endpoint_port}


def _format_ports(ports: dict[str, int]) -> str:
    return " and ".join(f"{key}={port}" for key, port in ports.items())


def _port(env: dict[str, str], key: str) -> int | None:
    text = env.get(key, "").strip()
    if not text:
        return None
    if not text.isdecimal() or not 1024 <= int(text) <= 65535:
        raise LocalError(f"{key}={text!r} is not a port: give a whole number from 1024 to 65535.")
    return int(text)
