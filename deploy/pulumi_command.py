"""The Pulumi CLI: the one on the PATH, or the SDK's own version in the state folder of the local stack."""

import contextlib
import os
import shutil
import signal
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from typing import IO, Any, Final

import psutil
from pulumi import automation
from pulumi.automation.errors import InvalidVersionError, create_command_error

from deploy.errors import DeployError
from local.console import Step
from local.lock import inheritable
from local.settings import CLI_FOLDER, STATE_DIR

NO_DOWNLOADS: Final = "PULUMI_DISABLE_AUTOMATIC_PLUGIN_ACQUISITION"
"""Pulumi's own variable for machines that download nothing: then the CLI is not downloaded either."""
VERSION: Final = version("pulumi")
CONNECT_SECONDS: Final = 10
DOWNLOAD_SECONDS: Final = 300


class PulumiCommand(automation.PulumiCommand):
    """Runs each command in a session of its own, so that Ctrl-C reaches it once, however it was sent.

    An interrupt is handed on, and the CLI waited for while it ends what it does and releases the stack's lock. It keeps
    the local stack's lock when this process is killed.
    """

    def run(
        self, args: list[str], cwd: str, additional_env: Mapping[str, str], on_output: Any = None, on_error: Any = None
    ) -> automation.CommandResult:
        """The command's result; raises the SDK's `CommandError` for a status other than 0. Calls no callback."""
        # Files, not pipes: plugins that outlive a killed CLI would hold those open.
        with tempfile.TemporaryFile("w+") as stdout, tempfile.TemporaryFile("w+") as stderr:
            process = subprocess.Popen(
                [self.command, "--non-interactive", *args],
                stdout=stdout,
                stderr=stderr,
                cwd=cwd,
                env={**os.environ, "PATH": self._path(), **additional_env, "PULUMI_AUTOMATION_API": "true"},
                start_new_session=True,
                pass_fds=inheritable(STATE_DIR),
            )
            try:
                code = process.wait()
            except KeyboardInterrupt:
                process.send_signal(signal.SIGINT)
                process.wait()
                raise
            finally:
                _end_session(process.pid)
            result = automation.CommandResult(stdout=_text(stdout), stderr=_text(stderr), code=code)
        if code:
            raise create_command_error(result)
        return result

    def _path(self) -> str:
        """The PATH with the CLI's own folder first, where the language hosts are."""
        folder = [str(Path(self.command).parent)] if Path(self.command).is_absolute() else []
        return os.pathsep.join([*folder, os.environ.get("PATH", "")])


def _text(file: IO[str]) -> str:
    file.seek(0)
    return file.read().rstrip()


def _end_session(session: int) -> None:
    """Kill the plugins of a CLI that has ended: of one that was killed they go on, and hold the local stack's lock."""
    for process in psutil.process_iter():
        with contextlib.suppress(psutil.Error, OSError):
            if os.getsid(process.pid) == session:
                process.kill()


def find_pulumi() -> PulumiCommand | None:
    """The CLI on the PATH, else the one that `install_pulumi` installed, else None.

    Raises `DeployError` for one that does not run or is too old for the SDK.
    """
    root = None if shutil.which("pulumi") else _root()
    if root is not None and not (root / "bin" / "pulumi").exists():
        return None
    try:
        return PulumiCommand(root=None if root is None else str(root))
    except InvalidVersionError as error:
        raise DeployError(f"The Pulumi CLI on the PATH cannot be used: {error}") from error
    except (OSError, subprocess.CalledProcessError) as error:
        raise DeployError(f"The Pulumi CLI on the PATH does not run: {error}. Try `pulumi version`.") from error


def install_pulumi(step: Step) -> None:
    """Install the SDK's version of the CLI where there is none, unless downloads are turned off or do not work.

    Sets the step's outcome in each case. A download that breaks off leaves nothing that a later call takes for the CLI.
    """
    found = find_pulumi()
    if found is not None:
        step.set_outcome(f"there already, version {found.version}")
        return
    if os.environ.get(NO_DOWNLOADS):
        step.set_outcome(f"none, since {NO_DOWNLOADS} is set")
        return
    problem = _download()
    if problem:
        shutil.rmtree(_root(), ignore_errors=True)
    step.set_outcome(f"none; it cannot be downloaded ({problem})" if problem else f"version {VERSION}, installed")


def _download() -> str:
    """Install the CLI; the reason where that does not work, else empty. The SDK's downloads have no time limit."""
    code = f"import socket; socket.setdefaulttimeout({CONNECT_SECONDS}); from pulumi import automation; "
    code += (
        f"assert str(automation.PulumiCommand.install(root={str(_root())!r}).version) == {VERSION!r}, 'another version'"
    )
    try:
        done = subprocess.run(
            [sys.executable, "-c", code], capture_output=True, text=True, check=False, timeout=DOWNLOAD_SECONDS
        )
    except subprocess.TimeoutExpired:
        return f"not done after {DOWNLOAD_SECONDS} s"
    return done.stderr.strip().rpartition("\n")[2] if done.returncode else ""


def _root() -> Path:
    return STATE_DIR / CLI_FOLDER
