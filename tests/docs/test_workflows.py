"""The workflows cannot run here: what can be known of them without GitHub is."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.docs.iam_evaluation import Request, allows

PROJECT = Path(__file__).resolve().parents[2]
FOLDER = PROJECT / ".github" / "workflows"
NAMES = ("base-image.yml", "deploy.yml", "drift.yml", "pull-request.yml", "up.yml")
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
    for script in re.findall(r"(?:^|[$(])((?:local|\.github)/\S+)", run, flags=re.MULTILINE):
        assert os.access(PROJECT / script, os.X_OK), script


def test_they_use_the_pulumi_that_the_program_is_written_against() -> None:
    versions = set(re.findall(r"pulumi-version: (\S+)", "".join((FOLDER / name).read_text() for name in NAMES)))
    required = re.search(r"^pulumi==(\S+)$", (PROJECT / "requirements.txt").read_text(), flags=re.MULTILINE)
    assert required is not None
    assert versions == {required[1]}


SOURCE = "111122223333.dkr.ecr.eu-central-1.amazonaws.com/recommender-dev"
TARGET = "444455556666.dkr.ecr.us-east-1.amazonaws.com/recommender-prod"
DIGEST = f"sha256:{'ab' * 32}"
IMAGE = f"{SOURCE}:0123456789ab-ffffffffffff@{DIGEST}"


class Shell:
    """Runs a script with stand-ins for other commands, which log their arguments and answer what a test says."""

    def __init__(self, folder: Path) -> None:
        self.folder, self.bin, self.log = folder, folder / "bin", folder / "log"
        self.bin.mkdir()

    def command(self, name: str, answer: str = "exit 0") -> None:
        stub = self.bin / name
        stub.write_text(f'#!/bin/bash\necho "{name} $*" >> {self.log}\n{answer}\n')
        stub.chmod(0o755)

    def run(self, *command: str, **environment: str) -> subprocess.CompletedProcess[str]:
        path = {**os.environ, "PATH": f"{self.bin}:{os.environ['PATH']}", **environment}
        return subprocess.run(command, cwd=self.folder, env=path, capture_output=True, text=True, check=False)

    def step(self, workflow: str, name: str, **environment: str) -> subprocess.CompletedProcess[str]:
        """Run a step as GitHub does."""
        (step,) = [
            step for job in read(workflow)["jobs"].values() for step in job.get("steps", []) if step.get("name") == name
        ]
        return self.run("bash", "-e", "-c", step["run"], **environment)

    def calls(self, name: str) -> list[str]:
        lines = self.log.read_text(encoding="utf-8").splitlines() if self.log.exists() else []
        return [line for line in lines if line.startswith(f"{name} ")]


@pytest.fixture
def shell(tmp_path: Path) -> Shell:
    return Shell(tmp_path)


def copy_image(shell: Shell, image: str, target: str, *, there: bool) -> str:
    shell.command("aws", f'[ "$2" != describe-images ] || exit {0 if there else 254}')
    shell.command("skopeo", "cat > /dev/null")
    done = shell.run(str(PROJECT / ".github" / "copy-image.sh"), image, target)
    assert done.returncode == 0, done.stderr
    return done.stdout.strip()


def test_an_image_is_copied_with_its_digest_under_a_tag_that_no_other_image_has(shell: Shell) -> None:
    assert copy_image(shell, IMAGE, TARGET, there=False) == f"{TARGET}:0123456789ab-abababababab@{DIGEST}"
    (copy,) = [call for call in shell.calls("skopeo") if " copy " in call]
    assert copy == (
        f"skopeo copy --all --preserve-digests docker://{SOURCE}@{DIGEST} docker://{TARGET}:0123456789ab-abababababab"
    )
    logged_in = {call.split()[-1] for call in shell.calls("skopeo") if " login " in call}
    assert logged_in == {SOURCE.partition("/")[0], TARGET.partition("/")[0]}


def test_an_image_that_is_there_is_not_copied_again(shell: Shell) -> None:
    assert copy_image(shell, IMAGE, TARGET, there=True) == f"{TARGET}:0123456789ab-abababababab@{DIGEST}"
    assert shell.calls("skopeo") == []
    (asked,) = shell.calls("aws")
    assert "--registry-id 444455556666 --region us-east-1 --repository-name recommender-prod" in asked


def test_two_stacks_of_one_repository_need_no_copy(shell: Shell) -> None:
    assert copy_image(shell, IMAGE, SOURCE, there=False) == IMAGE
    assert shell.calls("aws") == shell.calls("skopeo") == []


def test_prod_runs_the_image_that_dev_runs_and_builds_none() -> None:
    deploy, up = read("deploy.yml")["jobs"], read("up.yml")
    assert deploy["prod"]["with"]["image"] == "${{ needs.dev.outputs.image }}"
    assert "image" not in deploy["dev"]["with"]
    assert up[True]["workflow_call"]["outputs"]["image"]["value"] == "${{ jobs.up.outputs.image }}"
    assert up["jobs"]["up"]["outputs"]["image"] == "${{ steps.outputs.outputs.image }}"


def test_the_copy_is_what_is_deployed_and_a_failed_copy_stops_the_job(shell: Shell) -> None:
    scripts = shell.folder / ".github"
    scripts.mkdir()
    (scripts / "copy-image.sh").symlink_to(shell.bin / "copy")
    shell.command("pulumi", f"echo {TARGET}")
    shell.command("copy", "echo copied")
    name = "Copy the image into the stack's registry"
    assert shell.step("up.yml", name, IMAGE=IMAGE, STACK="prod").returncode == 0
    assert shell.calls("copy") == [f"copy {IMAGE} {TARGET}"]
    assert shell.calls("pulumi")[-1] == "pulumi config set imageUri copied --stack prod"
    shell.command("copy", "exit 3")
    assert shell.step("up.yml", name, IMAGE=IMAGE, STACK="prod").returncode == 3
    shell.command("pulumi", "exit 1")
    first = shell.step("up.yml", name, IMAGE=IMAGE, STACK="prod")
    assert (first.returncode, "::error::prod has no registry yet" in first.stdout) == (1, True)


def test_the_next_stack_is_told_the_image_by_tag_and_digest(shell: Shell) -> None:
    shell.command(
        "pulumi",
        f'case "$3" in url) echo http://films;; imageUri) echo {SOURCE}@{DIGEST};; imageTag) echo a-b;; esac',
    )
    (step,) = [step for step in read("up.yml")["jobs"]["up"]["steps"] if step.get("id") == "outputs"]
    written = shell.folder / "output"
    done = shell.run("bash", "-e", "-c", step["run"], STACK="dev", GITHUB_OUTPUT=str(written))
    assert done.returncode == 0, done.stderr
    assert written.read_text().splitlines() == ["url=http://films", f"image={SOURCE}:a-b@{DIGEST}"]


def test_nothing_is_deployed_without_an_account_and_it_is_said_why() -> None:
    deploy = read("deploy.yml")["jobs"]
    assert deploy["dev"]["if"] == "${{ vars.AWS_ACCOUNT_ID != '' }}"
    assert "if" not in deploy["prod"]
    (told,) = [step for step in deploy["model"]["steps"] if step.get("if") == "${{ vars.AWS_ACCOUNT_ID == '' }}"]
    assert "::notice::" in told["run"]


@pytest.mark.parametrize(
    ("internal", "cidrs", "asks"),
    [
        ("false", ["0.0.0.0/0"], True),
        ("false", ["203.0.113.0/24", "0.0.0.0/0"], True),
        ("true", ["0.0.0.0/0"], False),
        ("false", ["203.0.113.0/24"], False),
    ],
)
def test_a_service_that_lets_no_runner_in_is_not_asked(
    internal: str, cidrs: list[str], asks: bool, shell: Shell
) -> None:
    shell.command(
        "pulumi", f"case \"$3\" in internal) echo {internal};; allowedCidrs) echo '{json.dumps(cidrs)}';; esac"
    )
    shell.command("curl")
    done = shell.step("up.yml", "It answers", URL="http://films", STACK="dev")
    assert done.returncode == 0, done.stderr
    assert bool(shell.calls("curl")) is asks
    assert ("::notice::" in done.stdout) is not asks


def test_the_digest_of_the_base_image_is_renewed_in_place(shell: Shell) -> None:
    folder = shell.folder / "model_service"
    folder.mkdir()
    before = (PROJECT / "model_service" / "Dockerfile").read_text(encoding="utf-8")
    (folder / "Dockerfile").write_text(before, encoding="utf-8")
    shell.command("docker", f"echo {DIGEST}")
    assert shell.step("base-image.yml", "Write the digest into the Dockerfile").returncode == 0
    after = (folder / "Dockerfile").read_text(encoding="utf-8")
    assert after == re.sub(r"@sha256:[0-9a-f]{64}", f"@{DIGEST}", before)
    assert shell.calls("docker")[0].startswith("docker buildx imagetools inspect python:3.12-slim-bookworm --format")
    shell.command("docker", "echo '<no value>'")
    assert shell.step("base-image.yml", "Write the digest into the Dockerfile").returncode == 1
    assert (folder / "Dockerfile").read_text(encoding="utf-8") == after


BUCKET = "arn:aws:s3:::my-team-pulumi-state"
READ_ONLY = {"Statement": [{"Effect": "Allow", "Action": ["s3:Get*", "s3:List*"], "Resource": "*"}]}
"""What AWS's ReadOnlyAccess allows in S3."""


def state_policy(name: str) -> dict[str, Any]:
    """The policy that the page has under a file's name."""
    page = (PROJECT / "docs" / "aws-account.md").read_text(encoding="utf-8")
    block = page.partition(f"`{name}`:\n\n```json\n")[2].partition("```")[0]
    return dict(json.loads(block))


def may(policies: list[dict[str, Any]], action: str, key: str) -> bool:
    return allows(policies, Request(f"s3:{action}", f"{BUCKET}/.pulumi/{key}"))


STATE_KEYS = (
    "stacks/recommender/{}.json",
    "stacks/recommender/{}.json.bak",
    "history/recommender/{0}/{0}-1.history.json",
    "backups/recommender/{0}/{0}.1.json",
    "locks/organization/recommender/{}/1.json",
)


def test_the_role_of_a_stack_changes_its_own_state_and_no_other() -> None:
    own = [state_policy("state-dev.json")]
    assert may(own, "GetObject", "meta.yaml")
    for key in STATE_KEYS:
        for action in ("GetObject", "PutObject", "DeleteObject"):
            assert may(own, action, key.format("dev")), key
            assert not may(own, action, key.format("prod")), key
    assert allows(own, Request("s3:ListBucket", BUCKET))


def test_a_pull_request_reads_the_state_of_dev_and_writes_none() -> None:
    preview = [READ_ONLY, state_policy("preview-dev.json")]
    assert may(preview, "GetObject", "meta.yaml")
    assert may(preview, "GetObject", "stacks/recommender/dev.json")
    for key in STATE_KEYS:
        assert not may(preview, "GetObject", key.format("prod")), key
        for stack in ("dev", "prod"):
            assert not may(preview, "PutObject", key.format(stack)), key
            assert not may(preview, "DeleteObject", key.format(stack)), key
    assert not allows(preview, Request("s3:GetObject", "arn:aws:s3:::somebody-elses/data"))
    page = (PROJECT / "docs" / "aws-account.md").read_text(encoding="utf-8")
    roles = {row.split("`")[1]: row for row in re.findall(r"^\| `[\w-]+` \| .+ \| .*`repo:.+\|$", page, re.MULTILINE)}
    assert [role for role, row in roles.items() if "pull_request" in row] == ["preview-recommender-dev"]
