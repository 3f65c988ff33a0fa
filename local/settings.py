"""Where the local AWS listens and keeps its files; the environment may choose other ports."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path

from local.errors import LocalError

PROJECT_DIR = Path(__file__).resolve().parent.parent
ACCOUNT_ID = "000000000000"
REGION = "us-east-1"
HOST = "127.0.0.1"


@dataclass(frozen=True, kw_only=True)
class LocalSettings:
    """Ports of the emulated AWS and of its load balancer, and the folder that holds all local state."""

    aws_port: int
    endpoint_port: int
    state_dir: Path

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


def load_settings(environ: dict[str, str] | None = None) -> LocalSettings:
    """Read `AWS_PORT` (4566) and `ENDPOINT_PORT` (8080) from the environment; raise `LocalError` for a bad port."""
    env = dict(os.environ) if environ is None else environ
    return LocalSettings(
        aws_port=_port(env, "AWS_PORT", 4566),
        endpoint_port=_port(env, "ENDPOINT_PORT", 8080),
        state_dir=PROJECT_DIR / ".local",
    )


def _port(env: dict[str, str], key: str, default: int) -> int:
    text = env.get(key, "").strip() or str(default)
    if not text.isdecimal() or not 1024 <= int(text) <= 65535:
        raise LocalError(f"{key}={text!r} is not a port: give a whole number from 1024 to 65535.")
    return int(text)
