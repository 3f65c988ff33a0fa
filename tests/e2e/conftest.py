"""A copy of the project, deployed on an emulated AWS of its own: other ports, other state, another model."""

from __future__ import annotations

import contextlib
import os
import shutil
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from local import docker_engine
from local.emulated_aws import task_label
from local.engine.aws import client
from local.errors import LocalError
from local.settings import STATE_FOLDER, LocalSettings
from tests.model_service.process import free_port

PROJECT = Path(__file__).resolve().parents[2]
UP_SECONDS = 900


@dataclass(frozen=True, kw_only=True)
class Project:
    """The copied project and how to run its commands; it is deployed without the Pulumi CLI."""

    folder: Path
    aws_port: int
    endpoint_port: int

    @property
    def url(self) -> str:
        """Where the load balancer answers."""
        return f"http://localhost:{self.endpoint_port}"

    @property
    def settings(self) -> LocalSettings:
        """The copy's ports and state."""
        return LocalSettings(
            aws_port=self.aws_port, endpoint_port=self.endpoint_port, state_dir=self.folder / STATE_FOLDER
        )

    def environment(self, *, ports: bool = True) -> dict[str, str]:
        """This process's environment with the copy's ports, or with none, as once the stack is up."""
        own = {"AWS_PORT": str(self.aws_port), "ENDPOINT_PORT": str(self.endpoint_port)}
        others = {key: value for key, value in os.environ.items() if key not in own}
        return {**others, "DEPLOY_ENGINE": "emulated", **(own if ports else {})}

    def run(self, *arguments: str, check: bool = True, ports: bool = True) -> subprocess.CompletedProcess[str]:
        """Run `python -m ARGUMENTS` in the copy; with `check`, its output is in the failure."""
        return self.python("-m", *arguments, check=check, ports=ports)

    def python(
        self, *arguments: str, check: bool = True, seconds: float = UP_SECONDS, ports: bool = True
    ) -> subprocess.CompletedProcess[str]:
        """Run Python with `arguments` in the copy; with `check`, its output is in the failure."""
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder,
            env=self.environment(ports=ports),
            capture_output=True,
            text=True,
            timeout=seconds,
            check=False,
        )
        if check and done.returncode:
            pytest.fail(f"{' '.join(arguments)} ended with {done.returncode}\n{done.stdout}\n{done.stderr}")
        return done

    def aws(self, service: str) -> Any:
        """A boto3 client of the copy's emulated AWS."""
        return client(service, endpoint_url=f"http://localhost:{self.aws_port}", region="us-east-1")

    def deploy(self, code: str, *, check: bool = True, ports: bool = True) -> subprocess.CompletedProcess[str]:
        """Run Python code that uses `deploy` in the copy."""
        return self.python("-c", code, check=check, ports=ports)

    def task_containers(self) -> list[Any]:
        """The running containers of this copy's tasks; none where no engine runs."""
        if not engine_answers():
            return []
        with contextlib.closing(docker_engine.connect()) as engine:
            return list(engine.containers.list(filters={"label": task_label(self.settings)}))


def engine_answers() -> bool:
    """Whether there is a Docker engine: `make down` stops one that `make up` started."""
    try:
        docker_engine.connect().close()
    except LocalError:
        return False
    return True


def copy_project(folder: Path) -> Project:
    """Copy every file that git knows or would add to a folder; nothing is up yet."""
    listed = subprocess.run(
        ["git", "ls-files", "--cached", "--others", "--exclude-standard"],
        cwd=PROJECT,
        capture_output=True,
        text=True,
        check=True,
    )
    for name in listed.stdout.splitlines():
        if (PROJECT / name).is_file():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(PROJECT / name, folder / name)
    return Project(folder=folder, aws_port=free_port(), endpoint_port=free_port())


@pytest.fixture(scope="session")
def copied(tmp_path_factory: pytest.TempPathFactory) -> Project:
    """The copy that the tests share."""
    return copy_project(tmp_path_factory.mktemp("e2e") / "recommender")


@pytest.fixture(scope="session")
def project(copied: Project) -> Iterator[Project]:
    """The copy, brought up from nothing, and taken down at the end whatever happens."""
    try:
        up = copied.run("deploy.local_stack", "up")
        (copied.folder / "first-up.txt").write_text(up.stdout)
        yield copied
    finally:
        copied.run("deploy.local_stack", "down", check=False)
