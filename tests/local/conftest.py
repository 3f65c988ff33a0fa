"""A state folder whose emulated AWS is said to run, or not, without one."""

from __future__ import annotations

from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from local.processes import Daemon
from local.settings import LocalSettings


class Processes:
    """Which of the background processes run; `stopped` names those that were told to end."""

    def __init__(self) -> None:
        self.running: set[str] = set()
        self.stopped: list[str] = []


@pytest.fixture
def processes(monkeypatch: pytest.MonkeyPatch) -> Processes:
    """Takes the place of the processes behind every `Daemon`."""
    made = Processes()

    def stop(daemon: Daemon) -> bool:
        ran = daemon.name in made.running
        made.running.discard(daemon.name)
        made.stopped += [daemon.name] * ran
        return ran

    def running(daemon: Daemon) -> Any:
        return SimpleNamespace(pid=1) if daemon.name in made.running else None

    monkeypatch.setattr(Daemon, "running", running)
    monkeypatch.setattr(Daemon, "stop", stop)
    return made


@pytest.fixture
def settings(tmp_path: Path) -> LocalSettings:
    """Other ports than the usual, and a state folder that is there."""
    (tmp_path / "state").mkdir()
    return LocalSettings(aws_port=4666, endpoint_port=8180, state_dir=tmp_path / "state")
