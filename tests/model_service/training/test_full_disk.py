"""Training on a full disk: one sentence, and what was there before is still there."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

TRAIN = """
import sys
from model_service.data import synthetic
from model_service.training import __main__ as command
small = synthetic.Shape(users=120, items=150, ratings=5000)
command.generate_ratings = lambda seed: synthetic.generate_ratings(seed=seed, shape=small)
sys.exit(command.main(["--out", sys.argv[1], "--ranker", "popularity", "--epochs", "1", "--no-gate"]))
"""


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of 64 KiB, where the tests may mount one."""
    folder = tmp_path / "disk"
    folder.mkdir()
    made = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder], capture_output=True, check=False
    ).returncode
    if made:
        pytest.skip("mounting a file system needs root")
    yield folder
    subprocess.run(["umount", folder], check=True)


def test_training_on_a_full_disk_ends_with_a_sentence_and_leaves_nothing(small_disk: Path) -> None:
    out = small_disk / "artifact"
    done = subprocess.run([sys.executable, "-c", TRAIN, out], capture_output=True, text=True, check=False)
    last = done.stderr.strip().splitlines()[-1]
    assert last.startswith("error: the artifact cannot be written: ")
    assert "No space left on device" in last
    assert f"{out} is unchanged" in last
    assert "Traceback" not in done.stderr
    assert done.returncode == 2
    assert list(small_disk.iterdir()) == []


@pytest.mark.parametrize("name", ["model.safetensors", "items.jsonl", "metadata.json"])
def test_a_file_that_does_not_fit_leaves_the_previous_artifact(name: str, artifact_copy: Path) -> None:
    """A limit on the size of files stands for the full disk, so that this runs without root."""
    before = {path.name: path.read_bytes() for path in artifact_copy.iterdir()}
    script = f"""
import resource, sys
from dataclasses import replace
from pathlib import Path
from model_service.artifact import ArtifactError, load_artifact, write_artifact
folder = Path(sys.argv[1])
old = load_artifact(folder)
items = [replace(item, title=item.title + {"'x' * 5000" if name == "items.jsonl" else "''"}) for item in old.items]
metrics = {{"text": "x" * {500_000 if name == "metadata.json" else 0}}}
resource.setrlimit(resource.RLIMIT_FSIZE, ({0 if name == "model.safetensors" else 200_000},) * 2)
try:
    write_artifact(folder, weights=old.weights, items=items, data=old.metadata.data,
        hyperparameters={{}}, metrics=metrics, libraries={{}})
except ArtifactError as error:
    sys.exit(str(error))
"""
    done = subprocess.run([sys.executable, "-c", script, artifact_copy], capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert len(done.stderr.splitlines()) == 1
    assert done.stderr.startswith("the artifact cannot be written: ")
    assert f"File too large; {artifact_copy} is unchanged" in done.stderr.replace(" (os error 27)", "")
    assert {path.name: path.read_bytes() for path in artifact_copy.iterdir()} == before
    assert [path.name for path in artifact_copy.parent.iterdir()] == ["artifact"]
