"""Installs groups of requirements into `.venv`: `.venv/bin/python -m local.install GROUP…`; needs Python and pip only.

uv installs, with this machine's pip settings; pip does where uv cannot be had or does not know a setting. Downloads lie
in `.venv` until everything is installed: an interrupted run is continued by the next one.
"""

import argparse
import ast
import contextlib
import fcntl
import os
import queue
import re
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from importlib.metadata import PackageNotFoundError, PathDistribution, version
from pathlib import Path
from sysconfig import get_path

PROJECT_DIR = Path(__file__).resolve().parents[1]
REQUIREMENTS = PROJECT_DIR / "requirements"
VENV = Path(sys.prefix)
TORCH_INDEX = "https://download.pytorch.org/whl/cpu"
"""Source: pytorch.org, "Start Locally", for compute platform CPU."""
_PROBE = ("--timeout", "5", "--retries", "0")
_SILENT_SECONDS = 4.0
_FULL_MB = 100  # free; below, a failure is put down to the disk

_UV_NAMES = {
    "index-url": "UV_DEFAULT_INDEX",
    "extra-index-url": "UV_INDEX",
    "find-links": "UV_FIND_LINKS",
    "no-index": "UV_NO_INDEX",
    "trusted-host": "UV_INSECURE_HOST",
    "cert": "SSL_CERT_FILE",
    "client-cert": "SSL_CLIENT_CERT",
    "timeout": "UV_HTTP_TIMEOUT",
    "default-timeout": "UV_HTTP_TIMEOUT",
    "retries": "UV_HTTP_RETRIES",
}
"""A setting of pip, and the variable with which uv takes it."""
_PROXIES = ("HTTPS_PROXY", "HTTP_PROXY")
_OF_NO_EFFECT = {
    *(
        "cache-dir",
        "no-cache-dir",
        "disable-pip-version-check",
        "progress-bar",
        "no-color",
        "no-input",
        "quiet",
        "verbose",
    ),
    *(
        "config-file",
        "log",
        "root-user-action",
        "require-virtualenv",
        "break-system-packages",
        "no-warn-script-location",
        "no-compile",
    ),
}
"""Settings of pip that change nothing of what is installed here."""


class InstallError(Exception):
    """Something could not be installed; the message names the fix."""


def included(groups: list[str]) -> list[str]:
    """The groups, and those that their files include; raises InstallError for one that does not exist."""
    found: list[str] = []
    waiting = list(groups)
    while waiting:
        group = waiting.pop()
        file = REQUIREMENTS / f"{group}.txt"
        if not file.is_file():
            names = ", ".join(sorted(path.stem for path in REQUIREMENTS.glob("*.txt")))
            raise InstallError(f"there is no group {group}; the groups are {names}")
        if group not in found:
            found.append(group)
            waiting += re.findall(r"^-r (\w+)\.txt$", file.read_text(encoding="utf-8"), flags=re.MULTILINE)
    return found


def pip_settings() -> dict[str, str]:
    """What `pip install` takes from files and the environment, by option; later sections win, as in pip."""
    told = subprocess.run([*_pip("config", "list")], capture_output=True, text=True, check=True).stdout
    sections: dict[str, dict[str, str]] = {}
    for section, option, value in re.findall(r"^(global|install|:env:)\.([\w-]+)=(.+)$", told, flags=re.MULTILINE):
        if text := str(ast.literal_eval(value)).strip():
            sections.setdefault(section, {})[option.replace("_", "-")] = text
    return {key: value for name in ("global", "install", ":env:") for key, value in sections.get(name, {}).items()}


def uv_environment(settings: Mapping[str, str]) -> dict[str, str]:
    """Variables that tell uv the settings of pip; raises InstallError for a setting that uv does not have."""
    variables: dict[str, str] = {}
    for option, value in settings.items():
        if option == "proxy":
            variables |= dict.fromkeys(_PROXIES, value if "://" in value else f"http://{value}")
        elif option == "find-links":
            variables[_UV_NAMES[option]] = ",".join(value.split())
        elif option == "cert" and Path(value).is_dir():
            variables["SSL_CERT_DIR"] = value
        elif option == "no-index":
            variables[_UV_NAMES[option]] = str(value.lower() in ("1", "true", "yes", "on", "y", "t")).lower()
        elif option in _UV_NAMES:
            variables[_UV_NAMES[option]] = " ".join(value.split())
        elif option not in _OF_NO_EFFECT:
            raise InstallError(f"uv does not have pip's setting {option}")
    if "UV_INDEX" in variables:
        variables["UV_INDEX_STRATEGY"] = "unsafe-best-match"  # the best of all indexes, as pip does
    return variables


class Installer:
    """uv, or pip where uv cannot be used."""

    def __init__(self) -> None:
        self._environment = {**os.environ, "TMPDIR": str(VENV / "tmp")}
        self._uv: dict[str, str] | None = None
        try:
            variables = uv_environment(pip_settings())
            if not (VENV / "bin" / "uv").exists() or _installed("uv") != _pin(["uv"], "uv"):
                self._run(_pip("install", "--quiet", "--no-compile", "-r", str(REQUIREMENTS / "uv.txt")), quiet=True)
        except InstallError as problem:
            _say(f"{problem}: pip installs, which takes longer")
            return
        self._uv = {"UV_CACHE_DIR": str(VENV / "cache"), **variables, **self._environment}

    def install(self, arguments: list[str]) -> None:
        """Install what the arguments name, which pip and uv share; raises InstallError."""
        if self._uv is not None:
            try:
                uv = [str(VENV / "bin" / "uv"), "pip", "install", "--python", sys.executable]
                return self._run([*uv, *arguments], environment=self._uv)
            except InstallError:
                if _free_mb() < _FULL_MB:
                    raise
                _say("uv failed, as it says above; pip tries")
        return self._run(_pip("install", "--no-compile", *arguments))

    def _run(self, command: list[str], *, quiet: bool = False, environment: Mapping[str, str] | None = None) -> None:
        """Run it: with its own progress bars on a terminal, otherwise with a line of ours where it is silent."""
        on_terminal = sys.stderr.isatty() and not quiet
        process = subprocess.Popen(
            command,
            env=environment or self._environment,
            stdin=subprocess.DEVNULL,
            stdout=None if on_terminal else subprocess.PIPE,
            stderr=None if on_terminal else subprocess.STDOUT,
            text=True,
            errors="replace",
        )
        try:
            for line in () if on_terminal else _lines(process):
                _show(line, quiet)
            status = process.wait()
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait()
        if status:
            raise InstallError(
                f"{' '.join(command)}: exit status {status}" + ("" if quiet else "; its message is above")
            )


def _lines(process: "subprocess.Popen[str]") -> Iterator[str]:
    """The lines of the process as they come; in a silence, the size of `.venv` is printed."""
    lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()

    def read() -> None:
        for line in process.stdout or ():
            lines.put(line)
        lines.put(None)

    threading.Thread(target=read, daemon=True).start()
    while True:
        try:
            line = lines.get(timeout=_SILENT_SECONDS)
        except queue.Empty:
            size = subprocess.run(["du", "-sk", str(VENV)], capture_output=True, text=True, check=False).stdout
            _say(f"{int((size or '0').split()[0]) // 1024} MB in .venv so far", mark="  …")
            continue
        if line is None:
            return
        yield line


def _show(line: str, quiet: bool) -> None:
    """Print a line of pip or uv that is of interest; of a quiet command errors only."""
    listed = r" [+~-] |Using Python|Checked |Requirement already|  (Using cached|Preparing|Getting)|\s*$"
    if ("error" in line.lower()) if quiet else not re.match(listed, line):
        print(f"  {line.rstrip()[:160]}", flush=True)


def cpu_torch(pin: str) -> list[str] | None:
    """The arguments that install PyTorch without CUDA; None: the package index's own build is all that can be had.

    On macOS that is the CPU build; on Linux, x86-64 and aarch64, it needs the CUDA libraries even to be imported.
    """
    if named := os.environ.get("TORCH_INDEX_URL"):
        return ["--index-url", named, f"torch=={pin}"]
    if sys.platform != "linux":
        return None
    if _offered(f"{pin}+cpu"):
        return [f"torch=={pin}+cpu"]
    index = ["--index-url", TORCH_INDEX]
    if _offered(f"{pin}+cpu", *index, *_PROBE):
        return [*index, f"torch=={pin}+cpu"]
    _say(
        f"PyTorch: its index of CPU builds, {TORCH_INDEX}, cannot be reached or has no {pin} for this Python. "
        "This machine's package index is used. Its build for Linux needs the CUDA libraries even without a GPU: "
        "2.5 GB more to download, 4 GB more in .venv. To avoid that, delete .venv and name a mirror of the CPU builds: "
        "make up TORCH_INDEX_URL=https://…/whl/cpu"
    )
    return None


def _offered(wanted: str, *options: str) -> bool:
    """Whether pip finds this version of torch for this Python and machine."""
    told = subprocess.run(_pip("index", "versions", "torch", *options), capture_output=True, text=True, check=False)
    available = re.search(r"^Available versions: (.+)$", told.stdout, flags=re.MULTILINE)
    return available is not None and wanted in re.split(r",\s*", available[1].strip())


def remove_incomplete() -> None:
    """Forget the packages that an interrupted run left without some of their files, to install them again."""
    for info in Path(get_path("purelib")).glob("*.dist-info"):
        files = PathDistribution(info).files
        if not files or any(not _is_whole(Path(str(file.locate())), file.size) for file in files):
            shutil.rmtree(info)


def _is_whole(file: Path, size: int | None) -> bool:
    return file.is_file() and size in (None, file.stat().st_size)


def install(groups: list[str]) -> None:
    """Install the groups and mark them, and those that they include, as installed; raises InstallError."""
    wanted = included(groups)
    if "training" in wanted and "compiler" not in wanted and not (os.environ.get("CC") or shutil.which("cc")):
        wanted += included(["compiler"])
        groups = [*groups, "compiler"]
    unfinished, scratch = VENV / ".unfinished", VENV / "tmp"
    if unfinished.exists():
        remove_incomplete()
    unfinished.touch()
    shutil.rmtree(scratch, ignore_errors=True)
    scratch.mkdir()
    try:
        installer = Installer()
        pin = _pin(wanted, "torch")
        if pin and _installed("torch").partition("+")[0] != pin and (torch := cpu_torch(pin)):
            installer.install(["--no-deps", *torch])
        installer.install([argument for group in groups for argument in ("-r", str(REQUIREMENTS / f"{group}.txt"))])
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
    shutil.rmtree(VENV / "cache", ignore_errors=True)
    for group in wanted:
        (VENV / f".installed-{group}").touch()
    unfinished.unlink()


def _pip(*arguments: str) -> list[str]:
    return [sys.executable, "-m", "pip", "--disable-pip-version-check", *arguments]


def _pin(groups: list[str], name: str) -> str:
    """The version of a package that the groups' files name, or nothing."""
    texts = "\n".join((REQUIREMENTS / f"{group}.txt").read_text(encoding="utf-8") for group in groups)
    found = re.search(rf"^{name}==(\S+)$", texts, flags=re.MULTILINE)
    return found[1] if found else ""


def _installed(name: str) -> str:
    with contextlib.suppress(PackageNotFoundError):
        return version(name)
    return ""


def _free_mb() -> int:
    return shutil.disk_usage(VENV).free >> 20


def _say(text: str, mark: str = "•") -> None:
    print(f"{mark} {text}", flush=True)


def _stop(number: int, _: object) -> None:
    sys.exit(128 + number)


def main() -> None:
    """Install the groups named on the command line; exit status 1 with a message where that fails."""
    parser = argparse.ArgumentParser(prog="local/bootstrap.sh", description=str(__doc__).partition("\n")[0])
    parser.add_argument("groups", nargs="+", metavar="GROUP", help="requirements/GROUP.txt")
    groups = parser.parse_args().groups
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, _stop)
    try:
        with (VENV / ".install-lock").open("w") as lock:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                _say("Waiting: another command installs packages into .venv")
                fcntl.flock(lock, fcntl.LOCK_EX)
            _say(f"Packages of {', '.join(f'requirements/{group}.txt' for group in groups)} into .venv")
            install(groups)
    except (InstallError, OSError) as problem:
        full = f"\n.venv is on a disk with {_free_mb()} MB left: free some space." if _free_mb() < _FULL_MB else ""
        sys.exit(f"error: {problem}{full}\nRun the same command again once that is mended: it continues.")


if __name__ == "__main__":
    main()
