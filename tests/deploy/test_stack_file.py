"""Which stacks there are, and what their files may hold."""

from __future__ import annotations

from pathlib import Path

import pytest

import deploy
from deploy import DeployError
from deploy.stack_file import STACK_FILE_KEYS, check_stack, read_stack_file


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A project with the stack `local` and no other; the test writes its file."""
    (tmp_path / "Pulumi.yaml").write_text("name: recommender\nruntime: python\n")
    return tmp_path


def test_a_setting_outside_config_is_refused_before_anything_is_made(folder: Path) -> None:
    (folder / "Pulumi.local.yaml").write_text("config:\n  aws:region: moon\nrecommender:desiredCount: 4\n")
    with pytest.raises(DeployError) as refusal:
        deploy.preview("local", project_dir=folder)
    assert "Pulumi.local.yaml has recommender:desiredCount outside `config:`" in str(refusal.value)
    assert "such as recommender:desiredCount" in str(refusal.value)


def test_what_pulumi_itself_writes_there_is_not(folder: Path) -> None:
    file = folder / "Pulumi.local.yaml"
    file.write_text("".join(f"{key}: {'{}' if key == 'config' else 'x'}\n" for key in STACK_FILE_KEYS))
    assert check_stack("local", folder) == file


@pytest.mark.parametrize(
    ("text", "told"), [("config: [", "cannot be read"), ("- a\n", "not a mapping"), ("config: 3\n", "under `config:`")]
)
def test_a_file_that_is_none_is_refused_in_words(folder: Path, text: str, told: str) -> None:
    (folder / "Pulumi.local.yaml").write_text(text)
    with pytest.raises(DeployError, match=told):
        check_stack("local", folder)


@pytest.mark.parametrize("text", ["", "config:\n"])
def test_a_file_without_settings_is_one(folder: Path, text: str) -> None:
    (folder / "Pulumi.local.yaml").write_text(text)
    assert read_stack_file(check_stack("local", folder))["config"] == {}


@pytest.mark.parametrize("stack", ["v1.2", "feature_x", "a.b.c", "yaml"])
def test_a_stack_has_any_name_that_pulumi_allows(folder: Path, stack: str) -> None:
    (folder / f"Pulumi.{stack}.yaml").write_text("config:\n")
    assert check_stack(stack, folder).name == f"Pulumi.{stack}.yaml"
    with pytest.raises(DeployError, match=f"There are: {stack}"):
        check_stack("nowhere", folder)
