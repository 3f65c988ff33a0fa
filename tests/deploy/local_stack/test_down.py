"""What `make down` removes, and what it says when it could not."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from docker.errors import APIError

import deploy
from deploy.local_stack import down, example
from local import docker_engine, emulated_aws
from local.errors import LocalError
from local.settings import LocalSettings
from local.stack_record import StackRecord, save_record
from tests.local.conftest import Processes

NOTHING_LEFT = "Nothing of the local stack is left"
OTHERS = ["localhost:4566/recommender-local:x", "recommender-base:tag-0fc1a2b3"]


class Images:
    """A Docker engine's images by name; `refuses` is raised when one is to be removed."""

    def __init__(self, *names: str) -> None:
        self.names = list(names)
        self.refuses: Exception | None = None

    def list(self, name: str = "") -> list[Any]:
        found = [one for one in self.names if one.startswith(name)]
        return [type("Image", (), {"tags": [one], "attrs": {}}) for one in found]

    def remove(self, name: str, force: bool) -> None:
        if self.refuses:
            raise self.refuses
        self.names.remove(name)


class Containers:
    """A Docker engine's containers: none of this stack's, others' by name, and the label that was asked for."""

    def __init__(self) -> None:
        self.label = ""
        self.others: list[str] = []

    def list(self, all: bool = False, filters: dict[str, str] | None = None) -> list[Any]:
        if filters is None:
            return self.others
        self.label = filters["label"]
        return []


@pytest.fixture
def engine(monkeypatch: pytest.MonkeyPatch, tmp_path: Path, settings: LocalSettings) -> Any:
    """A Docker engine with this stack's images and another's; the project's folder is a temporary one."""
    images = Images("localhost:4666/recommender-local:tag", f"recommender-base:tag-{settings.clone}", *OTHERS)
    others = {"df": lambda: {"BuildCache": []}, "close": lambda: None}
    made = SimpleNamespace(images=images, containers=Containers(), **others)
    monkeypatch.setattr(docker_engine, "connect", lambda: made)
    monkeypatch.setattr(down, "PROJECT_DIR", tmp_path)
    return made


@pytest.fixture
def started(settings: LocalSettings, processes: Processes) -> Processes:
    """A stack that was started and runs."""
    save_record(settings.state_dir, StackRecord(aws_port=4666, endpoint_port=8180))
    processes.running.add("emulator")
    return processes


def _destroys(monkeypatch: pytest.MonkeyPatch, error: str = "") -> None:
    def destroy(stack: str, *, project_dir: Path) -> deploy.Result:
        if error:
            raise deploy.DeployError(error)
        return deploy.Result()

    monkeypatch.setattr(deploy, "destroy", destroy)


def test_down_removes_this_stack_s_containers_and_images_and_leaves_those_of_another(
    settings: LocalSettings,
    started: Processes,
    engine: Any,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    _destroys(monkeypatch)
    down.down(settings)
    assert started.stopped == ["emulator"]
    assert engine.images.names == OTHERS
    assert engine.containers.label == f"ministack.instance=recommender-{settings.clone}:4666"
    assert not settings.state_dir.exists()
    assert NOTHING_LEFT in capsys.readouterr().out


def test_a_stack_that_was_not_destroyed_in_order_is_told_and_gone_with_the_rest(
    settings: LocalSettings,
    started: Processes,
    engine: Any,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    _destroys(monkeypatch, "no answer")
    down.down(settings)
    told = capsys.readouterr()
    assert "✗ Destroying the stack `local`: failed (no answer)" in told.err
    assert "✓ Destroying" not in told.out
    assert "was not destroyed resource by resource (above), and went with the emulated AWS" in told.out
    assert NOTHING_LEFT in told.out
    assert engine.images.names == OTHERS
    assert not settings.state_dir.exists()


def test_down_ends_the_example_too_and_removes_its_state(
    settings: LocalSettings, started: Processes, engine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    destroyed: list[Path] = []

    def destroy(stack: str, *, project_dir: Path) -> deploy.Result:
        destroyed.append(project_dir)
        return deploy.Result()

    monkeypatch.setattr(deploy, "destroy", destroy)
    (example.EXAMPLE_DIR / ".local").mkdir(parents=True)
    down.down(settings)
    assert destroyed == [example.EXAMPLE_DIR, down.PROJECT_DIR]
    assert not example.is_deployed()


def test_images_that_the_engine_keeps_are_told_and_a_second_down_goes_on(
    settings: LocalSettings,
    started: Processes,
    engine: Any,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    _destroys(monkeypatch)
    engine.images.refuses = APIError("in use")
    with pytest.raises(LocalError, match=r"localhost:4666/… and recommender-base: in use\n.*`make down` goes on"):
        down.down(settings)
    assert NOTHING_LEFT not in capsys.readouterr().out
    engine.images.refuses = None
    down.down(settings)
    assert engine.images.names == OTHERS
    assert NOTHING_LEFT in capsys.readouterr().out


def test_without_an_engine_to_ask_nothing_is_said_to_be_gone(
    settings: LocalSettings,
    started: Processes,
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    _destroys(monkeypatch)
    monkeypatch.setenv("DOCKER_HOST", f"unix://{tmp_path}/nothing.sock")
    monkeypatch.setattr(down, "PROJECT_DIR", tmp_path)
    with pytest.raises(LocalError, match=r"nothing\.sock does not answer"):
        down.down(settings)
    assert NOTHING_LEFT not in capsys.readouterr().out
    assert settings.state_dir.exists()


def test_where_nothing_was_started_no_container_and_no_image_is_touched(
    settings: LocalSettings, processes: Processes, engine: Any, capsys: pytest.CaptureFixture[str]
) -> None:
    before = list(engine.images.names)
    down.down(settings)
    assert engine.images.names == before
    assert processes.stopped == []
    assert NOTHING_LEFT in capsys.readouterr().out


def test_image_names_of_a_port_that_another_clone_serves_are_left(
    settings: LocalSettings, processes: Processes, engine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """This clone's emulator ended without `make down`, and then another clone took the port."""
    save_record(settings.state_dir, StackRecord(aws_port=4666, endpoint_port=8180))
    monkeypatch.setattr(emulated_aws, "port_taken", lambda port: port == 4666)
    down.down(settings)
    assert engine.images.names == ["localhost:4666/recommender-local:tag", *OTHERS]


@pytest.mark.parametrize(
    ("containers", "images", "told"),
    [
        (["theirs"], [], "goes on: 1 other container uses it; when it is no longer needed, `kill 1` stops it"),
        (["theirs", "more"], [], "goes on: 2 other containers use it"),
        ([], ["recommender-base:tag-0fc1a2b3"], "goes on: another clone of this repository uses it"),
        ([], [], "stopped"),
    ],
)
def test_an_engine_that_was_started_here_goes_on_for_its_other_users(
    settings: LocalSettings,
    started: Processes,
    engine: Any,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    containers: list[str],
    images: list[str],
    told: str,
) -> None:
    _destroys(monkeypatch)
    started.running.add("dockerd")
    engine.containers.others = containers
    engine.images.names = list(images)
    down.down(settings)
    assert f"✓ Docker engine that `make up` started: {told}" in capsys.readouterr().out
    assert ("dockerd" in started.stopped) is (told == "stopped")


def test_files_that_cannot_be_removed_are_told(
    settings: LocalSettings, started: Processes, engine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    _destroys(monkeypatch)
    (settings.state_dir / "tmp").mkdir()
    monkeypatch.setattr(down.shutil, "rmtree", lambda *_, **__: None)
    with pytest.raises(LocalError, match=r"cannot be removed: tmp\. Remove them by hand"):
        down.down(settings)


def test_what_an_interrupted_notebook_left_is_taken_down_with_its_own_ports(
    settings: LocalSettings, processes: Processes, engine: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    copy = settings.state_dir / "notebook"
    (copy / ".local").mkdir(parents=True)
    (copy / "deploy").mkdir()
    program = "import os, pathlib; pathlib.Path('../../ran').write_text(os.environ.get('AWS_PORT', 'none'))"
    (copy / "deploy" / "__init__.py").touch()
    (copy / "deploy" / "local_stack.py").write_text(program)
    monkeypatch.setenv("AWS_PORT", "4666")
    down.down(settings)
    assert (settings.state_dir.parent / "ran").read_text() == "none"
    assert not settings.state_dir.exists()
