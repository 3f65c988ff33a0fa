"""Which Pulumi CLI deploys, and what becomes of a download."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from deploy import pulumi_command
from deploy.errors import DeployError
from deploy.pulumi_command import NO_DOWNLOADS, VERSION, find_pulumi, install_pulumi
from local.console import Step


@pytest.fixture
def state(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A state folder without a CLI, a PATH without one, and downloads that are allowed."""
    monkeypatch.setattr(pulumi_command, "STATE_DIR", tmp_path / "state")
    (tmp_path / "bin").mkdir()
    monkeypatch.setenv("PATH", str(tmp_path / "bin"))
    monkeypatch.delenv(NO_DOWNLOADS, raising=False)
    return tmp_path / "state"


def _cli(folder: Path, version: str = VERSION) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "pulumi").write_text(f"#!/bin/sh\necho v{version}\n")
    (folder / "pulumi").chmod(0o755)


def _outcome() -> str:
    step = Step()
    install_pulumi(step)
    return step.outcome


def test_the_one_on_the_path_comes_before_the_installed_one(state: Path) -> None:
    assert find_pulumi() is None
    _cli(state / "cli" / "bin")
    installed = find_pulumi()
    assert installed is not None
    assert installed.command == str(state / "cli" / "bin" / "pulumi")
    _cli(state.parent / "bin", "3.999.0")
    found = find_pulumi()
    assert found is not None
    assert (found.command, str(found.version)) == ("pulumi", "3.999.0")
    assert _outcome() == "there already, version 3.999.0"


def test_one_that_is_too_old_or_does_not_run_is_told(state: Path) -> None:
    _cli(state.parent / "bin", "3.0.9")
    with pytest.raises(DeployError, match=r"your current CLI version is 3\.0\.9"):
        find_pulumi()
    (state.parent / "bin" / "pulumi").write_text("#!/bin/sh\nexit 3\n")
    with pytest.raises(DeployError, match="does not run"):
        find_pulumi()


def test_nothing_is_downloaded_where_pulumi_itself_is_told_to_download_nothing(
    state: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(NO_DOWNLOADS, "true")
    monkeypatch.setattr(subprocess, "run", lambda *_, **__: pytest.fail("a download"))
    assert _outcome() == f"none, since {NO_DOWNLOADS} is set"


def test_the_sdk_s_version_is_installed_into_the_state_folder(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run = subprocess.run

    def download(command: list[str], **options: Any) -> subprocess.CompletedProcess[str]:
        if command[0] != sys.executable:
            return run(command, check=True, **{k: v for k, v in options.items() if k != "check"})
        assert f"install(root={str(state / 'cli')!r})" in command[-1]
        _cli(state / "cli" / "bin")
        return subprocess.CompletedProcess(command, 0, "", "")

    monkeypatch.setattr(subprocess, "run", download)
    assert _outcome() == f"version {VERSION}, installed"
    found = find_pulumi()
    assert found is not None
    assert str(found.version) == VERSION


def test_a_download_that_fails_is_told_and_leaves_nothing(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def download(command: list[str], **_: Any) -> subprocess.CompletedProcess[str]:
        (state / "cli" / "bin").mkdir(parents=True)
        return subprocess.CompletedProcess(command, 1, "", "Traceback …\nurllib.error.URLError: no such host\n")

    monkeypatch.setattr(subprocess, "run", download)
    assert _outcome() == "none; it cannot be downloaded (urllib.error.URLError: no such host)"
    assert not (state / "cli").exists()


def test_a_download_that_hangs_is_given_up(state: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def download(command: list[str], *, timeout: float, **_: Any) -> None:
        raise subprocess.TimeoutExpired(command, timeout)

    monkeypatch.setattr(subprocess, "run", download)
    assert _outcome() == "none; it cannot be downloaded (not done after 300 s)"


def test_the_folder_of_an_installed_cli_comes_first_on_its_path(state: Path) -> None:
    _cli(state / "cli" / "bin")
    found = find_pulumi()
    assert found is not None
    (state / "cli" / "bin" / "pulumi").write_text('#!/bin/sh\necho "$PATH"\n')
    told = found.run(["about"], cwd=str(state), additional_env={}).stdout
    assert told.strip().split(os.pathsep)[0] == str(state / "cli" / "bin")
