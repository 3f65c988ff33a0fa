"""The workflows cannot run here: what can be known of them without GitHub is."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

PROJECT = Path(__file__).resolve().parents[2]
FOLDER = PROJECT / ".github" / "workflows"
NAMES = ("deploy.yml", "drift.yml", "pull-request.yml", "up.yml")
PINNED = re.compile(r"^\s*(?:- )?uses: [\w.-]+/[\w./-]+@[0-9a-f]{40} # v\d+\.\d+\.\d+$")


def read(name: str) -> dict[Any, Any]:
    return dict(yaml.safe_load((FOLDER / name).read_text(encoding="utf-8")))


def jobs() -> Iterator[tuple[str, str, dict[str, Any]]]:
    for name in NAMES:
        for key, job in read(name)["jobs"].items():
            yield name, key, job


def commands() -> Iterator[str]:
    for _, _, job in jobs():
        for step in job.get("steps", []):
            yield step.get("run", "")


def test_these_are_all_of_them() -> None:
    assert tuple(sorted(path.name for path in FOLDER.iterdir())) == NAMES


@pytest.mark.parametrize("name", NAMES)
def test_each_is_what_githubs_schema_allows(name: str) -> None:
    check = [sys.executable, "-m", "check_jsonschema", "--builtin-schema", "vendor.github-workflows"]
    done = subprocess.run([*check, str(FOLDER / name)], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.parametrize("name", NAMES)
def test_every_action_of_somebody_elses_is_pinned_by_commit_and_says_its_version(name: str) -> None:
    for line in (FOLDER / name).read_text(encoding="utf-8").splitlines():
        if "uses:" in line and "uses: ./" not in line:
            assert PINNED.match(line), line


def test_an_action_has_one_pin() -> None:
    pins = set(re.findall(r"uses: (\S+@\S+ # \S+)", "".join((FOLDER / name).read_text() for name in NAMES)))
    assert len({pin.partition("@")[0] for pin in pins}) == len(pins)


def test_each_job_may_read_the_code_and_only_those_that_go_to_aws_more() -> None:
    for name in NAMES:
        assert read(name)["permissions"] == {"contents": "read"}, name
    for name, key, job in jobs():
        goes_to_aws = any("configure-aws-credentials" in step.get("uses", "") for step in job.get("steps", []))
        more = set(job.get("permissions", {})) - {"contents"}
        assert ("id-token" in more) == (goes_to_aws or "uses" in job), (name, key)
        assert more <= {"id-token", "pull-requests"}, (name, key)


def test_no_long_lived_key_is_named() -> None:
    text = "".join((FOLDER / name).read_text(encoding="utf-8") for name in NAMES)
    assert not re.search(r"aws[-_](access[-_]key|secret|session)", text, flags=re.IGNORECASE)
    assert set(re.findall(r"secrets\.(\w+)", text)) == {"PULUMI_CONFIG_PASSPHRASE"}


def test_no_job_runs_for_ever_and_no_step_keeps_the_token_of_the_checkout() -> None:
    for name, key, job in jobs():
        assert "uses" in job or 0 < job["timeout-minutes"] <= 60, (name, key)
        for step in job.get("steps", []):
            if step.get("uses", "").startswith("actions/checkout@"):
                assert step["with"]["persist-credentials"] is False, (name, key)


def test_no_command_is_made_of_what_a_stranger_writes() -> None:
    assert [command for command in commands() if "${{" in command] == []


def test_an_update_under_way_is_never_cut_off_and_prod_comes_after_dev() -> None:
    up = read("up.yml")["jobs"]["up"]
    assert up["concurrency"] == {"group": "up-${{ inputs.stack }}", "cancel-in-progress": False}
    assert up["environment"]["name"] == "${{ inputs.stack }}"
    deploy = read("deploy.yml")["jobs"]
    assert deploy["prod"]["needs"] == "dev"
    assert [deploy[stack]["with"]["stack"] for stack in ("dev", "prod")] == ["dev", "prod"]


def test_the_commands_exist() -> None:
    targets = set(re.findall(r"^([a-z-]+):", (PROJECT / "Makefile").read_text(), flags=re.MULTILINE))
    run = "\n".join(commands())
    made = set(re.findall(r"\bmake ([a-z-]+)", run))
    assert made
    assert made <= targets
    for module in re.findall(r"-m ([a-z_.]+)", run.replace("-m e2e", "")):
        path = PROJECT / module.replace(".", "/")
        assert path.with_suffix(".py").is_file() or (path / "__main__.py").is_file(), module
    for script in re.findall(r"^(local/\S+)", run, flags=re.MULTILINE):
        assert (PROJECT / script).is_file(), script


def test_they_use_the_pulumi_that_the_program_is_written_against() -> None:
    versions = set(re.findall(r"pulumi-version: (\S+)", "".join((FOLDER / name).read_text() for name in NAMES)))
    required = re.search(r"^pulumi==(\S+)$", (PROJECT / "requirements.txt").read_text(), flags=re.MULTILINE)
    assert required is not None
    assert versions == {required[1]}
