"""Commands at once on one clone, commands killed at any moment, and another clone that none of it touches."""

from __future__ import annotations

import contextlib
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from local import docker_engine, emulated_aws
from tests.e2e.conftest import UP_SECONDS, Project, copy_project
from tests.e2e.traffic import Traffic

pytestmark = pytest.mark.e2e

KILLS = int(os.environ.get("E2E_KILLS", "1"))
SEED = int(os.environ.get("E2E_SEED", "12"))
UP_TAKES_SECONDS = 30
UP, DOWN = ("-m", "deploy.local_stack", "up"), ("-m", "deploy.local_stack", "down")
DEPLOY = ("-c", "import deploy; print(deploy.up('local').summary())")


@pytest.fixture(scope="module")
def clone(project: Project, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Project]:
    """A second clone with the first one's model; nothing of it is up yet."""
    made = copy_project(tmp_path_factory.mktemp("second") / "recommender")
    artifact = Path("model_service", "artifact")
    shutil.copytree(project.folder / artifact, made.folder / artifact)
    try:
        yield made
    finally:
        made.run("deploy.local_stack", "down", check=False)


def _start(clone: Project, *arguments: str) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, *arguments],
        cwd=clone.folder,
        env=clone.environment(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )


def _at_once(clone: Project, *commands: tuple[str, ...]) -> list[str]:
    """Run commands at once; each has to succeed, and what each printed is returned."""
    started = [_start(clone, *command) for command in commands]
    printed = [process.communicate(timeout=UP_SECONDS)[0] for process in started]
    assert [process.returncode for process in started] == [0] * len(commands), "\n---\n".join(printed)
    return printed


def _kill_after(clone: Project, seconds: float, *command: str) -> None:
    process = _start(clone, *command)
    with contextlib.suppress(subprocess.TimeoutExpired):
        process.communicate(timeout=seconds)
    with contextlib.suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.communicate()


def _answers(clone: Project) -> bool:
    with urllib.request.urlopen(f"{clone.url}/?uid=20", timeout=10) as answer:
        return bool(answer.status == 200)


def _left_of(clone: Project) -> list[str]:
    """The containers, images, processes and state of a clone."""
    with contextlib.closing(docker_engine.connect()) as engine:
        left = [one.name for one in emulated_aws.task_containers(engine, clone.settings)]
        names = [name for image in engine.images.list() for name in image.tags + (image.attrs["RepoDigests"] or [])]
    left += [name for name in names if clone.settings.registry_host in name or name.endswith(clone.settings.clone)]
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error):
            if process.cwd().startswith(str(clone.folder)):
                left.append(" ".join(process.cmdline()))
    return [*left, *(name for name in (".local", ".build") if (clone.folder / name).exists())]


def test_two_ups_at_once_on_a_fresh_folder_both_succeed(clone: Project) -> None:
    printed = _at_once(clone, UP, UP)
    assert sum("works on the local stack." in one for one in printed) == 1
    assert sum(re.search(r"Deployment: \d+ unchanged", one) is not None for one in printed) == 1
    assert _answers(clone)


def test_two_deployments_at_once_on_a_running_service_fail_no_request(clone: Project) -> None:
    file = clone.folder / "Pulumi.local.yaml"
    before = file.read_text()
    file.write_text(f"{before}  recommender:environment:\n    - REPLACED=1\n")  # so that one of them replaces the tasks
    try:
        with Traffic(clone.url) as traffic:
            _at_once(clone, UP, DEPLOY)
            time.sleep(1)
    finally:
        file.write_text(before)
    assert traffic.failures == []
    assert len(traffic.versions) > 100


def test_up_and_down_at_once_both_succeed(clone: Project) -> None:
    _at_once(clone, UP, DOWN)


def test_an_up_that_was_killed_at_any_moment_is_completed_by_the_next(clone: Project) -> None:
    moments = random.Random(SEED)  # noqa: S311 - moments
    for _ in range(KILLS):
        clone.run("deploy.local_stack", "down")
        moment = moments.uniform(0.5, UP_TAKES_SECONDS)
        print(f"killed after {moment:.1f} s")
        _kill_after(clone, moment, *UP)
        clone.run("deploy.local_stack", "up")
        assert _answers(clone)


def test_down_after_a_kill_leaves_nothing_and_nothing_of_another_clone_goes(clone: Project, project: Project) -> None:
    tasks = {one.id for one in project.task_containers()}
    _kill_after(clone, 3.0, *UP)
    clone.run("deploy.local_stack", "down")
    assert _left_of(clone) == []
    assert {one.id for one in project.task_containers()} == tasks != set()
    assert _answers(project)
    with contextlib.closing(docker_engine.connect()) as engine:
        tags = [tag for image in engine.images.list(name="recommender-base") for tag in image.tags]
    assert [tag for tag in tags if tag.endswith(project.settings.clone)]
