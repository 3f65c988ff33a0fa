"""What the commands install: from an index of small wheels on this machine, into real virtual environments."""

from __future__ import annotations

import ast
import os
import re
import shutil
import signal
import subprocess
import sys
import threading
import time
import zipfile
from collections.abc import Iterator
from functools import partial
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import packages_distributions, requires, version
from pathlib import Path

import pytest

from local import install
from local.settings import PROJECT_DIR

STAND_IN = """#!/bin/sh
case "$*" in
"-m pip --version") [ -e .venv/bin/python ] ;;
"-m venv "*) mkdir -p .venv/bin && cp "$0" .venv/bin/python ;;
"-m local.install "*) shift 2; echo "$@" >>groups; for group; do touch ".venv/.installed-$group"; done ;;
"-m deploy.local_stack "*) echo "ran: $*" ;;
esac
"""
CONSTANT = f'TORCH_INDEX = "{install.TORCH_INDEX}"'


class _Handler(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None:
        pass

    def do_GET(self) -> None:
        """A file; of a wheel with a file `hang` beside the index only the first bytes, and then nothing."""
        folder = Path(self.directory)
        if not self.path.endswith(".whl") or not (folder / "hang").exists():
            return super().do_GET()
        self.send_response(200)
        self.send_header("Content-Length", "1000000")
        self.end_headers()
        self.wfile.write(b"x" * 1000)
        self.wfile.flush()
        while (folder / "hang").exists():
            time.sleep(0.05)
        return None


class Index:
    """Two package indexes in a folder, `pypi` and `cpu`, served at `url`."""

    def __init__(self, folder: Path, url: str) -> None:
        self.folder, self.url = folder, url

    def add(self, index: str, name: str, release: str, needs: str = "") -> None:
        folder = self.folder / index / name
        folder.mkdir(parents=True, exist_ok=True)
        info = f"{name}-{release}.dist-info"
        with zipfile.ZipFile(folder / f"{name}-{release}-py3-none-any.whl", "w") as wheel:
            wheel.writestr(f"{name}.py", f"release = {release!r}\n")
            needed = f"Requires-Dist: {needs}\n" if needs else ""
            wheel.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {name}\nVersion: {release}\n{needed}")
            wheel.writestr(f"{info}/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
            wheel.writestr(f"{info}/RECORD", f"{name}.py,,\n{info}/METADATA,,\n{info}/WHEEL,,\n{info}/RECORD,,\n")


@pytest.fixture
def index(tmp_path: Path) -> Iterator[Index]:
    """PyPI with PyTorch that needs CUDA, and packages of its own; no index of CPU builds."""
    folder = tmp_path / "index"
    (folder / "pypi").mkdir(parents=True)
    server = ThreadingHTTPServer(("127.0.0.1", 0), partial(_Handler, directory=str(folder)))
    server.daemon_threads = True
    threading.Thread(target=server.serve_forever, daemon=True).start()
    found = Index(folder, f"http://127.0.0.1:{server.server_port}")
    for name in ("program", "emulator", "tester", "cuda"):
        found.add("pypi", name, "1.0")
    found.add("pypi", "torch", "2.0", needs="cuda")
    yield found
    (folder / "hang").unlink(missing_ok=True)
    server.shutdown()
    server.server_close()


@pytest.fixture(scope="module")
def environment(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A new virtual environment, to be copied."""
    folder = tmp_path_factory.mktemp("environment") / ".venv"
    subprocess.run([sys.executable, "-m", "venv", "--symlinks", str(folder)], check=True)
    return folder


@pytest.fixture
def project(tmp_path: Path, index: Index, environment: Path) -> Path:
    """The Makefile, what installs, groups of small packages, and an empty virtual environment."""
    folder = tmp_path / "project"
    (folder / "requirements").mkdir(parents=True)
    shutil.copytree(environment, folder / ".venv", symlinks=True)
    (folder / "local").mkdir()
    for name in ("Makefile", "local/bootstrap.sh", "local/install.py"):
        shutil.copy(PROJECT_DIR / name, folder / name)
    (folder / "local" / "__init__.py").touch()
    script = folder / "local" / "install.py"
    text = script.read_text()
    assert CONSTANT in text
    script.write_text(text.replace(CONSTANT, f'TORCH_INDEX = "{index.url}/cpu"'))
    groups = {
        "stack": "-r ../requirements.txt\nemulator==1.0\n",
        "training": "torch==2.0\n",
        "up": "-r stack.txt\n-r training.txt\n",
        "test": "-r up.txt\ntester==1.0\n",
        "compiler": "",
        "uv": "uv==0.0.1\n",
    }
    for group, lines in groups.items():
        (folder / "requirements" / f"{group}.txt").write_text(lines)
    (folder / "requirements.txt").write_text("-c constraints.txt\nprogram==1.0\n")
    (folder / "constraints.txt").write_text("program==1.0\ntorch==2.0\n")
    return folder


@pytest.fixture
def variables(index: Index, tmp_path: Path) -> dict[str, str]:
    """The environment without the machine's settings for pip and uv, and with the small index."""
    mine = ("PIP_", "UV_", "MAKE", "TORCH_INDEX_URL", "VIRTUAL_ENV")
    kept = {key: value for key, value in os.environ.items() if not key.startswith(mine)}
    return {
        **kept,
        "PIP_CONFIG_FILE": os.devnull,
        "PIP_INDEX_URL": f"{index.url}/pypi",
        "PIP_CACHE_DIR": str(tmp_path / "cache"),
        "no_proxy": "127.0.0.1",
        "NO_PROXY": "127.0.0.1",
        "PIP_RETRIES": "0",
    }


def _bootstrap(project: Path, variables: dict[str, str], *groups: str) -> str:
    done = subprocess.run(
        ["local/bootstrap.sh", *groups], cwd=project, env=variables, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


def _installed(project: Path) -> dict[str, str]:
    found = (project / ".venv").glob("lib/python*/site-packages/*.dist-info")
    names = dict(path.name.removesuffix(".dist-info").rsplit("-", 1) for path in found)
    return {name: release for name, release in names.items() if name not in ("pip", "setuptools")}


def _stamps(project: Path) -> set[str]:
    return {path.name.removeprefix(".installed-") for path in (project / ".venv").glob(".installed-*")}


def test_a_group_installs_its_packages_and_those_of_the_groups_it_includes_and_no_others(
    project: Path, variables: dict[str, str]
) -> None:
    _bootstrap(project, variables, "stack")
    assert _installed(project) == {"program": "1.0", "emulator": "1.0"}
    assert _stamps(project) == {"stack"}
    _bootstrap(project, variables, "up")
    assert _stamps(project) == {"stack", "training", "up"}
    assert not (project / ".venv" / "tmp").exists()
    assert not (project / ".venv" / "cache").exists()


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the package index has the CPU build")
def test_pytorch_is_the_cpu_build_where_its_index_answers_and_stays_it(
    project: Path, variables: dict[str, str], index: Index
) -> None:
    index.add("cpu", "torch", "2.0+cpu")
    _bootstrap(project, variables, "up")
    assert _installed(project)["torch"] == "2.0+cpu"
    shutil.rmtree(index.folder / "cpu")
    _bootstrap(project, variables, "test")
    assert _installed(project)["torch"] == "2.0+cpu"
    assert "cuda" not in _installed(project)
    assert "tester" in _installed(project)


@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere the package index has the CPU build")
def test_without_that_index_the_package_index_is_used_and_why_how_large_and_what_to_do_is_said(
    project: Path, variables: dict[str, str], index: Index
) -> None:
    told = _bootstrap(project, variables, "up")
    assert f"{index.url}/cpu, cannot be reached" in told
    assert "GB more" in told
    assert "TORCH_INDEX_URL=" in told
    assert _installed(project)["torch"] == "2.0"
    assert "cuda" in _installed(project)


def test_a_cpu_build_among_the_machines_own_packages_is_taken_without_asking_elsewhere(
    project: Path, variables: dict[str, str], index: Index
) -> None:
    index.add("links", "torch", "2.0+cpu")
    told = _bootstrap(project, {**variables, "PIP_FIND_LINKS": str(index.folder / "links" / "torch")}, "up")
    assert _installed(project)["torch"].startswith("2.0")
    assert "cuda" not in _installed(project)
    assert "TORCH_INDEX_URL" not in told


def test_an_index_that_is_named_is_used_and_an_error_where_it_has_no_pytorch(
    project: Path, variables: dict[str, str], index: Index
) -> None:
    index.add("mirror", "torch", "2.0+cpu")
    (index.folder / "empty").mkdir()
    command = ["local/bootstrap.sh", "up"]
    named = {**variables, "TORCH_INDEX_URL": f"{index.url}/empty"}
    refused = subprocess.run(command, cwd=project, env=named, capture_output=True, text=True, timeout=120)
    assert refused.returncode == 1
    assert f"{index.url}/empty" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert _stamps(project) == set()
    _bootstrap(project, {**variables, "TORCH_INDEX_URL": f"{index.url}/mirror"}, "up")
    assert _installed(project)["torch"] == "2.0+cpu"


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT, signal.SIGKILL])
def test_what_a_killed_install_left_goes_at_the_latest_with_the_next_run_which_completes_it(
    project: Path, variables: dict[str, str], index: Index, number: signal.Signals
) -> None:
    (index.folder / "hang").touch()
    running = subprocess.Popen(
        ["local/bootstrap.sh", "stack"],
        cwd=project,
        env=variables,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # ignored where tests run behind &
    )
    scratch = project / ".venv" / "tmp"
    deadline = time.monotonic() + 60
    while not list(scratch.glob("pip-unpack-*/*")) and time.monotonic() < deadline:
        time.sleep(0.05)
    assert list(scratch.glob("pip-unpack-*/*"))
    os.killpg(running.pid, number)
    assert running.wait(20) != 0
    if number is not signal.SIGKILL:
        assert not scratch.exists()
    (index.folder / "hang").unlink()
    _bootstrap(project, variables, "stack")
    assert not scratch.exists()
    assert _installed(project) == {"program": "1.0", "emulator": "1.0"}


def test_a_package_that_a_killed_install_left_incomplete_is_installed_again(
    project: Path, variables: dict[str, str]
) -> None:
    _bootstrap(project, variables, "stack")
    module = next((project / ".venv").glob("lib/python*/site-packages/emulator.py"))
    module.unlink()
    (project / ".venv" / ".unfinished").touch()
    _bootstrap(project, variables, "stack")
    assert module.exists()


def test_a_disk_without_space_is_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    def fail(groups: list[str]) -> None:
        raise install.InstallError("uv pip install: exit status 2")

    monkeypatch.setattr(install, "VENV", tmp_path)
    monkeypatch.setattr(install, "install", fail)
    monkeypatch.setattr(install, "_free_mb", lambda: 7)
    monkeypatch.setattr(sys, "argv", ["install", "up"])
    monkeypatch.setattr(signal, "signal", lambda *_: None)
    with pytest.raises(SystemExit, match="a disk with 7 MB left"):
        install.main()


def test_a_group_that_does_not_exist_is_refused_with_those_that_do() -> None:
    with pytest.raises(install.InstallError, match=r"no group everything; the groups are bench, .*, up, uv"):
        install.included(["everything"])


def test_uv_is_given_the_machines_pip_settings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    for key in [key for key in os.environ if key.startswith("PIP_")]:
        monkeypatch.delenv(key)
    file = tmp_path / "pip.conf"
    file.write_text(
        "[global]\nindex-url = https://one/simple\ntimeout = 7\ntrusted-host = one two\nproxy = proxy:3128\n"
        "find-links =\n    /a\n    /b\n[install]\ntimeout = 8\n[list]\nformat = freeze\n"
    )
    monkeypatch.setenv("PIP_CONFIG_FILE", str(file))
    monkeypatch.setenv("PIP_INDEX_URL", "https://two/simple")
    monkeypatch.setenv("PIP_EXTRA_INDEX_URL", "https://three/simple")
    monkeypatch.setenv("PIP_CERT", "/ca.pem")
    monkeypatch.setenv("PIP_NO_INDEX", "")
    settings = install.pip_settings()
    told = install.uv_environment(settings)
    expected = {
        "UV_DEFAULT_INDEX": "https://two/simple",
        "UV_INDEX": "https://three/simple",
        "UV_HTTP_TIMEOUT": "8",
        "UV_FIND_LINKS": "/a,/b",
        "UV_INSECURE_HOST": "one two",
        "SSL_CERT_FILE": "/ca.pem",
        "HTTPS_PROXY": "http://proxy:3128",
        "HTTP_PROXY": "http://proxy:3128",
    }
    assert {key: told.get(key) for key in expected} == expected
    assert "UV_NO_INDEX" not in told


def test_a_setting_that_uv_does_not_have_leaves_the_installation_to_pip() -> None:
    with pytest.raises(install.InstallError, match="uv does not have pip's setting no-binary"):
        install.uv_environment({"index-url": "https://one/simple", "no-binary": ":all:"})


@pytest.fixture
def clone(tmp_path: Path) -> Path:
    """A fresh clone's Makefile and groups, with a Python that installs nothing and notes what it should."""
    folder = tmp_path / "clone"
    (folder / "local").mkdir(parents=True)
    for name in ("Makefile", "local/bootstrap.sh"):
        shutil.copy(PROJECT_DIR / name, folder / name)
    shutil.copytree(PROJECT_DIR / "requirements", folder / "requirements")
    for name in ("requirements.txt", "constraints.txt"):
        (folder / name).touch()
    python = folder / "python"
    python.write_text(STAND_IN)
    python.chmod(0o755)
    return folder


def _make(clone: Path, target: str) -> str:
    kept = {key: value for key, value in os.environ.items() if not key.startswith("MAKE")}
    done = subprocess.run(
        ["make", target],
        cwd=clone,
        env={**kept, "PYTHON": str(clone / "python")},
        capture_output=True,
        text=True,
        check=True,
        timeout=60,
    )
    return done.stdout


def _groups(clone: Path) -> list[str]:
    noted = clone / "groups"
    return noted.read_text().split() if noted.exists() else []


@pytest.mark.parametrize(
    ("target", "told"), [("down", "Nothing of the local stack is here"), ("status", "The local stack is down")]
)
def test_a_fresh_clone_is_told_that_nothing_runs_without_installing_anything(
    clone: Path, target: str, told: str
) -> None:
    assert told in _make(clone, target)
    assert not (clone / ".venv").exists()


@pytest.mark.parametrize("target", ["down", "status"])
def test_where_something_was_started_the_command_runs_in_its_environment(clone: Path, target: str) -> None:
    (clone / ".local").mkdir()
    assert f"ran: -m deploy.local_stack {target}" in _make(clone, target)
    assert _groups(clone) == ["stack"]


@pytest.mark.parametrize(
    ("target", "group"), [("up", "up"), ("train", "train"), ("format", "format"), ("data", "data")]
)
def test_a_command_installs_its_group_once_and_again_after_a_change(clone: Path, target: str, group: str) -> None:
    _make(clone, target)
    _make(clone, target)
    assert _groups(clone) == [group]
    later = time.time() + 5
    os.utime(clone / "requirements" / "compiler.txt", (later, later))
    _make(clone, target)
    assert _groups(clone) == [group, group]


def _distributions(group: str) -> set[str]:
    """What the group's files name, with everything that those need on this machine, as normalised names."""
    texts = [(install.REQUIREMENTS / f"{name}.txt").read_text() for name in install.included([group])]
    if any("-r ../requirements.txt" in text for text in texts):
        texts.append((PROJECT_DIR / "requirements.txt").read_text())
    waiting = {name for text in texts for name in re.findall(r"^([\w.-]+)(?:\[.*\])?==", text, flags=re.MULTILINE)}
    found: set[str] = set()
    while waiting:
        name = _normal(waiting.pop())
        if name in found:
            continue
        found.add(name)
        for line in requires(name) or ():
            if "extra ==" not in line and (match := re.match(r"[\w.-]+", line)):
                with_version = match[0]
                if _is_installed(with_version):
                    waiting.add(with_version)
    return found


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def _is_installed(name: str) -> bool:
    try:
        return bool(version(name))
    except ModuleNotFoundError:
        return False


def _imported(paths: list[str]) -> dict[str, str]:
    """The packages that are not of this repository which the files import, at their top or in a function; and where."""
    found = {}
    for path in paths:
        place = PROJECT_DIR / path
        for file in sorted(place.rglob("*.py")) if place.is_dir() else [place]:
            for node in ast.walk(ast.parse(file.read_text(encoding="utf-8"))):
                if isinstance(node, ast.Import):
                    names = [alias.name for alias in node.names]
                elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                    names = [node.module]
                else:
                    continue
                for name in (name.partition(".")[0] for name in names):
                    if name not in sys.stdlib_module_names and not list(PROJECT_DIR.glob(f"{name}*")):
                        found[name] = str(file.relative_to(PROJECT_DIR))
    return found


STACK = ["__main__.py", "infra", "local", "mock_runtime", "deploy", "examples/any_container/__main__.py"]
MODEL = ["model_service/training", "model_service/artifact.py", "model_service/metadata.py"]
DATA = ["model_service/data", "model_service/batch"]


@pytest.mark.parametrize(
    ("group", "paths"),
    [
        ("stack", STACK),
        ("up", [*STACK, *MODEL, "model_service/data/synthetic.py", "model_service/data/plots.py"]),
        ("data", [*DATA, "model_service/artifact.py"]),
        ("train", [*MODEL, "model_service/data"]),
        ("lint", [*STACK, *MODEL, *DATA, "model_service/serving", "docs/render.py", "docs/tables.py"]),
    ],
)
def test_what_a_command_imports_is_in_its_group(group: str, paths: list[str]) -> None:
    provided = packages_distributions()
    there = _distributions(group)
    missing = {
        name: file
        for name, file in _imported(paths).items()
        if not there & {_normal(distribution) for distribution in provided.get(name, [name])}
    }
    assert missing == {}


@pytest.mark.parametrize(
    ("group", "absent"),
    [
        (
            "up",
            "playwright ipykernel ipython jedi mypy ruff pandas pyarrow pytest hypothesis faiss-cpu ziglang fastapi",
        ),
        ("stack", "torch scipy numpy matplotlib"),
        ("data", "torch pulumi-aws"),
        ("lint", "playwright ipykernel pandas pytest"),
        ("test", "playwright ipykernel pandas"),
        ("format", "torch mypy numpy"),
    ],
)
def test_a_group_has_nothing_that_its_commands_do_not_use(group: str, absent: str) -> None:
    assert _distributions(group) & set(absent.split()) == set()


def test_a_package_has_one_version_in_all_groups_and_the_constraints() -> None:
    files = [*install.REQUIREMENTS.glob("*.txt"), PROJECT_DIR / "requirements.txt", PROJECT_DIR / "constraints.txt"]
    versions: dict[str, set[str]] = {}
    for file in files:
        for name, release in re.findall(r"^([\w.-]+)(?:\[.*\])?==(\S+)$", file.read_text(), flags=re.MULTILINE):
            versions.setdefault(_normal(name), set()).add(release)
    assert {name: found for name, found in versions.items() if len(found) > 1} == {}


def test_make_up_has_the_libraries_whose_versions_training_records() -> None:
    text = (PROJECT_DIR / "model_service" / "training" / "train.py").read_text(encoding="utf-8")
    recorded = re.search(r"^_LIBRARIES = (.+)$", text, flags=re.MULTILINE)
    assert recorded is not None
    assert set(ast.literal_eval(recorded[1])) <= _distributions("up")
