"""What goes into the image, without building it."""

import re
import shutil
import subprocess
import sys
from pathlib import Path

_ROOT = Path(__file__).parents[2]
_SOURCE = _ROOT / "model_service"
_PIN = re.compile(r"^([A-Za-z0-9_.-]+)==(\S+)", re.MULTILINE)


def _pins(path: Path) -> dict[str, str]:
    return {name.lower().replace("_", "-"): version for name, version in _PIN.findall(path.read_text())}


def _copied() -> list[str]:
    """What the Dockerfile copies from its context, paths relative to it."""
    lines = re.findall(r"^COPY (?!--from)(?:--\S+ )?(.+)$", (_SOURCE / "Dockerfile").read_text(), re.MULTILINE)
    return [source for line in lines for source in line.split()[:-1]]


def test_what_is_copied_is_enough_to_serve(tmp_path: Path) -> None:
    package = tmp_path / "model_service"
    for source in _copied():
        if (_SOURCE / source).is_dir():
            shutil.copytree(_SOURCE / source, package / source, ignore=shutil.ignore_patterns("__pycache__"))
        elif source.endswith(".py") and "/" not in source:
            package.mkdir(exist_ok=True)
            shutil.copy(_SOURCE / source, package)
    program = "import model_service.serving.server, model_service.batch.run, model_service.batch.__main__"
    program += "; import model_service.serving.healthcheck as h; print(h.__file__)"
    done = subprocess.run([sys.executable, "-c", program], cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.stderr == ""
    assert done.stdout.strip() == str(package / "serving" / "healthcheck.py")
    assert not (package / "training").exists()


def test_the_context_holds_what_is_copied_and_nothing_else() -> None:
    allowed = {line[1:] for line in (_SOURCE / ".dockerignore").read_text().splitlines() if line.startswith("!")}
    assert "*" in (_SOURCE / ".dockerignore").read_text().splitlines()
    assert allowed == set(_copied())


def test_the_image_has_the_versions_that_were_tested_each_with_its_hashes() -> None:
    locked = _pins(_SOURCE / "requirements.txt")
    tested = _pins(_ROOT / "constraints.txt")
    required = {line for line in (_SOURCE / "requirements.in").read_text().splitlines() if not line.startswith("#")}
    assert required <= set(locked)
    for file in ("requirements.txt", "requirements-batch.txt", "requirements-approximate.txt"):
        assert {name: version for name, version in _pins(_SOURCE / file).items() if tested.get(name) != version} == {}
        entries = re.split(r"^(?=[a-z0-9])", (_SOURCE / file).read_text(), flags=re.MULTILINE)[1:]
        assert all("--hash=sha256:" in entry for entry in entries)


def test_batch_scoring_has_what_it_imports_only_where_it_is_asked_for() -> None:
    assert _pins(_SOURCE / "requirements-batch.txt").keys() == {"pyarrow", "tqdm"}
    assert not {"pyarrow", "tqdm"} & _pins(_SOURCE / "requirements.txt").keys()


def test_nothing_heavy_is_in_the_image() -> None:
    assert not {"torch", "scikit-surprise", "scipy", "safetensors", "matplotlib"} & set(
        _pins(_SOURCE / "requirements.txt")
    )


def test_the_last_stage_runs_no_command_and_not_as_root() -> None:
    last = (_SOURCE / "Dockerfile").read_text().rsplit("\nFROM ", 1)[1]
    assert not re.search(r"^RUN", last, re.MULTILINE)
    user = re.search(r"^USER (\d+):(\d+)$", last, re.MULTILINE)
    assert user is not None
    assert "0" not in user.groups()
