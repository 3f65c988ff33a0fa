"""Settings are checked by the program itself, in an account that is made up: `python -m deploy validate STACK`."""

from __future__ import annotations

import os
import shutil
import subprocess
import sys
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from datetime import date
from pathlib import Path
from typing import Any

import pytest
import yaml

import deploy
from deploy import CheckResult
from deploy import __main__ as command
from deploy.validation import check
from deploy.validation.check import PATH_SETTINGS
from local.settings import PROJECT_DIR
from tests.infra.answers import Aws
from tests.infra.recorder import run_main
from tests.infra.test_program import VARIANTS, ZONES

COPIED = ("deploy", "infra", "local", "mock_runtime", "model_service")
REFUSED = 'recommender:memoryMib is "9999"'


CHECKED = ("local", "dev", "prod", "built by CodeBuild", "image of somebody else", "machines", "everything")


@pytest.fixture(scope="module")
def checked() -> Mapping[str, CheckResult]:
    """Variants of the settings that have little in common, checked."""
    with ThreadPoolExecutor(os.cpu_count()) as several:
        found = several.map(lambda name: deploy.validate(VARIANTS[name][0], config=VARIANTS[name][1]), CHECKED)
        return dict(zip(CHECKED, found, strict=True))


@pytest.fixture
def copy(tmp_path: Path) -> Path:
    """The project without a trained model, in a folder to write into."""
    for name in COPIED:
        shutil.copytree(
            PROJECT_DIR / name, tmp_path / name, ignore=shutil.ignore_patterns("artifact", "__pycache__", "*.so")
        )
    for file in [PROJECT_DIR / "__main__.py", *PROJECT_DIR.glob("Pulumi*.yaml")]:
        shutil.copyfile(file, tmp_path / file.name)
    return tmp_path


def ask(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run the command in a copy of the project, with no Pulumi on the PATH."""
    environment = {**os.environ, "PATH": "/nowhere", "PYTHONDONTWRITEBYTECODE": "1"}
    return subprocess.run(
        [sys.executable, "-m", "deploy", "validate", *arguments],
        cwd=folder,
        env=environment,
        capture_output=True,
        text=True,
        check=False,
    )


def write_stack(folder: Path, **config: object) -> None:
    """A new stack, `staging`; `__` stands for the colon in a key."""
    text = yaml.safe_dump({"config": {key.replace("__", ":"): value for key, value in config.items()}})
    (folder / "Pulumi.staging.yaml").write_text(text)


class Staging:
    """The stack `staging` of a project in `folder`; the program is asked, and makes nothing of it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.asked: Mapping[str, Any] = {}

    def check(self, **config: object) -> CheckResult:
        write_stack(self.folder, **config)
        return deploy.validate("staging")

    def answer(self, request: Mapping[str, Any]) -> dict[str, Any]:
        self.asked = request
        return {"registered": {}, "messages": [], "warnings": [], "monthly_usd": None, "costs": {}}


@pytest.fixture
def staging(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Staging:
    shutil.copyfile(PROJECT_DIR / "Pulumi.yaml", tmp_path / "Pulumi.yaml")
    made = Staging(tmp_path)
    monkeypatch.setattr(check, "_run_program", made.answer)
    monkeypatch.setattr(check, "PROJECT_DIR", tmp_path)
    return made


def files(folder: Path) -> set[tuple[Path, int]]:
    return {(path, path.stat().st_mtime_ns) for path in folder.rglob("*")}


@pytest.mark.parametrize("variant", CHECKED)
@pytest.mark.usefixtures("project")
def test_what_it_would_make_and_cost_is_what_the_program_makes_and_says(
    variant: str, checked: Mapping[str, CheckResult]
) -> None:
    stack, config = VARIANTS[variant]
    account = Aws(default_subnets=("subnet-a", "subnet-b", "subnet-c"), zones=ZONES, hosted_zones={"example.com": "Z"})
    recorded = run_main(stack, config=config, aws=account)
    made = {(one.type, one.name) for one in recorded if not one.type.startswith("recommender:infra:")}
    assert {(one.type, one.name) for one in checked[variant].resources} == made
    assert len(checked[variant].resources) == len(made)
    assert checked[variant].monthly_usd == recorded.exports.get("estimatedMonthlyCostUsd", 0.0)
    assert checked[variant].costs == recorded.exports.get("estimatedCostLines", {})
    assert all(what in checked[variant].report() for what in checked[variant].costs)


def test_every_resource_is_told_under_its_component(checked: Mapping[str, CheckResult]) -> None:
    made = checked["everything"]
    components = {one.component for one in made.resources}
    assert {"Network", "Registry", "ModelImage", "LoadBalancedEndpoint", "FargateService", "BatchTasks"} <= components
    assert not any("::" in component or ":" in component for component in components)
    report = made.report()
    for component in components:
        count = sum(one.component == component for one in made.resources)
        assert f"  {component} " in report
        assert f" {count}  " in report.partition(f"  {component} ")[2][:40]
    assert not any(one.name in report for one in made.resources)
    assert all(one.name in made.report(resources=True) for one in made.resources)


def test_what_differs_from_the_defaults_is_told_and_the_rest_is_not(checked: Mapping[str, CheckResult]) -> None:
    assert checked["dev"].settings == {"desiredCount": "1", "logRetentionDays": "7", "aws:region": "eu-central-1"}
    assert "desiredCount" not in checked["prod"].settings  # in the file, with the default's value
    assert checked["everything"].settings["allowedCidrs"] == '["203.0.113.0/24", "2001:db8::/32"]'
    assert checked["local"].settings["aws:secretKey"] == "(not shown)"


def test_plain_http_is_warned_of_and_https_is_not(checked: Mapping[str, CheckResult]) -> None:
    assert any("plain HTTP" in warning for warning in checked["dev"].warnings)
    assert not any("plain HTTP" in warning for warning in checked["everything"].warnings)


def with_cli(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A file named `pulumi` on the PATH, which nothing here runs."""
    (folder / "pulumi").write_text("")
    (folder / "pulumi").chmod(0o755)
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")


def test_a_refused_setting_is_told_in_the_programs_words(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with_cli(tmp_path, monkeypatch)
    assert command.main(["validate", "dev", "--config", "memoryMib=9999"]) == 1
    told = capsys.readouterr()
    assert told.out == ""
    assert told.err.startswith(REFUSED)
    assert "To fix it: pulumi config set memoryMib 2048" in told.err
    assert "Traceback" not in told.err


@pytest.mark.parametrize("terminal", [True, False])
def test_a_terminal_is_told_what_it_waits_for(
    terminal: bool, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(sys.stderr, "isatty", lambda: terminal)
    assert command.main(["validate", "dev"]) == 0
    assert capsys.readouterr().err == ("Evaluating the program with the settings of dev …\n" if terminal else "")


def test_overrides_are_settings_like_the_files(capsys: pytest.CaptureFixture[str]) -> None:
    arguments = ["--config", "desiredCount=4", 'tags=["team=a"]', "--config", "aws:region=eu-west-1"]
    assert command.main(["validate", "dev", *arguments]) == 0
    told = capsys.readouterr().out
    assert "4 Fargate tasks" in told
    assert '["team=a"]' in told
    assert "eu-west-1" in told
    assert told.endswith("The settings of dev are valid.\n")


@pytest.mark.parametrize(
    ("arguments", "told"),
    [(["nowhere"], "There is no stack 'nowhere'"), (["dev", "--config", "desiredCount"], "is not KEY=VALUE")],
)
def test_what_cannot_be_asked_is_refused(arguments: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert command.main(["validate", *arguments]) == 1
    assert told in capsys.readouterr().err


def test_a_new_stack_needs_no_cli_no_model_and_changes_nothing(copy: Path) -> None:
    write_stack(copy, aws__region="eu-north-1", recommender__cpu=512, recommender__memoryMib=1024)
    before = files(copy)
    done = ask(copy, "staging")
    assert (done.returncode, done.stderr) == (0, "")
    assert "Warning: no trained model yet: make train" in done.stdout
    assert "docker-build.Image" in done.stdout
    assert "The settings of staging are valid." in done.stdout
    assert files(copy) == before


def test_an_image_that_is_there_needs_no_model(copy: Path) -> None:
    assert "no trained model" not in ask(copy, "dev", "--config", "imageUri=ghcr.io/films/app:1.0").stdout


def test_without_the_cli_it_says_which_file_to_edit(copy: Path) -> None:
    done = ask(copy, "dev", "--config", "memoryMib=9999")
    assert done.returncode == 1
    assert REFUSED in done.stderr
    assert "add to Pulumi.dev.yaml, under config: recommender:memoryMib: 2048" in done.stderr


REGION = "config:\n  aws:region: eu-central-1\n"
TYPOS: Mapping[str, tuple[str, Sequence[str]]] = {
    "a misspelled key": (
        f"{REGION}  recommender:desiredCuont: 1\n",
        ['did you mean "desiredCount"?', "line 3: recommender:desiredCount: 1 in place of recommender:desiredCuont"],
    ),
    "a misspelled key without the namespace": (
        f"{REGION}  desiredCuont: 1\n",
        ['did you mean "desiredCount"?', "line 3: recommender:desiredCount: 1 in place of"],
    ),
    "a misspelled key of a list": (
        f"{REGION}  recommender:allowedCidr: [10.0.0.0/8]\n",
        ["line 3: rename recommender:allowedCidr to recommender:allowedCidrs"],
    ),
    "a value of the wrong type": (
        f"{REGION}  recommender:desiredCount: many\n",
        ["allowed: a whole number from 0 to 1000", "line 3: recommender:desiredCount: 2"],
    ),
    "a value out of range, without the namespace": (
        f"{REGION}  memoryMib: 9999\n",
        ["512, 1024, 2048", "line 3: recommender:memoryMib: 2048"],
    ),
    "a key that is there twice": (
        f"{REGION}  recommender:desiredCount: 1\n  recommender:desiredCount: 3\n",
        ["recommender:desiredCount more than once, on lines 3 and 4"],
    ),
    "a key that is there with and without its namespace": (
        f"{REGION}  recommender:desiredCount: 1\n  desiredCount: 3\n",
        ["recommender:desiredCount more than once, on lines 3 and 4"],
    ),
    "a misspelled key of the provider": (
        "config:\n  aws:regoin: eu-central-1\n",
        ["aws:regoin is no setting of the AWS provider; did you mean aws:region?", "line 2"],
    ),
    "a tab": ("config:\n\taws:region: eu-central-1\n", ["line 2, column 1", "indent with spaces, not tabs"]),
    "a bracket that stays open": (f"{REGION}  recommender:tags: [a\n", ["is no YAML, line 4", "on line 3"]),
    "a misspelled config": ("confg:\n  aws:region: eu-central-1\n", ["write config in place of confg"]),
}


@pytest.mark.parametrize("typo", TYPOS)
def test_without_the_cli_a_typo_is_told_with_its_line_and_the_edit_that_mends_it(typo: str, copy: Path) -> None:
    text, told = TYPOS[typo]
    (copy / "Pulumi.staging.yaml").write_text(text)
    done = ask(copy, "staging")
    assert (done.returncode, done.stdout) == (1, "")
    assert [part for part in ("Pulumi.staging.yaml", *told) if part not in done.stderr] == []
    assert "pulumi config" not in done.stderr
    assert "Traceback" not in done.stderr


def test_a_misspelled_stack_is_told_with_the_nearest(copy: Path) -> None:
    assert "Did you mean prod?" in ask(copy, "pord").stderr


def test_a_misspelled_namespace_is_warned_of_with_the_right_one(staging: Staging) -> None:
    warnings = staging.check(aws__region="eu-north-1", recomender__cpu=512).warnings
    assert any("did you mean recommender:cpu?" in told for told in warnings)


def test_with_the_cli_a_typo_is_told_with_the_command_that_mends_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with_cli(tmp_path, monkeypatch)
    assert command.main(["validate", "dev", "--config", "desiredCuont=1"]) == 1
    told = capsys.readouterr().err
    assert "pulumi config set desiredCount 1 && pulumi config rm desiredCuont" in told
    assert "edit " not in told


def test_a_model_that_was_changed_is_refused(copy: Path) -> None:
    (copy / "model_service" / "artifact").mkdir()
    (copy / "model_service" / "artifact" / "metadata.json").write_text("{}")
    done = ask(copy, "dev")
    assert done.returncode == 1
    assert "There is no model to deploy" in done.stderr
    assert "Traceback" not in done.stderr


def test_files_are_looked_for_from_the_project(staging: Staging) -> None:
    staging.check(recommender__caBundle=" certs/ca.pem", recommender__pipConf="~/pip.conf")
    assert staging.asked["values"]["recommender:caBundle"] == str(staging.folder / "certs" / "ca.pem")
    assert staging.asked["values"]["recommender:pipConf"] == "~/pip.conf"


def test_every_setting_that_is_a_path_is_known_as_one() -> None:
    declared = yaml.safe_load((PROJECT_DIR / "Pulumi.yaml").read_text())["config"]
    assert {key for key, spec in declared.items() if spec["description"].startswith("Path of")} == set(PATH_SETTINGS)


def test_what_is_stored_as_a_secret_is_told_as_one_and_not_shown(staging: Staging) -> None:
    sealed = {"secure": "sealed"}
    checked = staging.check(aws__profile=sealed, environment=[sealed], aws__token="t", recommender__cpu=512)
    assert staging.asked["secret_keys"] == ["aws:profile", "recommender:environment"]
    hidden = {key for key, value in checked.settings.items() if value == "(not shown)"}
    assert hidden == {"aws:profile", "aws:token", "environment"}
    deploy.validate("staging", config={"aws:profile": "films", "environment": []})
    assert staging.asked["secret_keys"] == []


def test_a_profile_that_this_machine_does_not_have_is_no_matter(
    staging: Staging, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_PROFILE", "no-such-profile")
    assert staging.check(aws__region="eu-north-1").warnings == ()


def test_what_nothing_reads_and_where_nobody_knows_is_warned_of(staging: Staging) -> None:
    unread, nowhere = sorted(staging.check(recomender__cpu=512).warnings, reverse=True)
    assert unread.startswith("recomender:cpu is read by nothing")
    assert nowhere.startswith("aws:region is not set")
    assert [told[:41] for told in staging.check(aws__region="moon").warnings] == [
        "aws:region is moon, which is no region of"
    ]
    assert staging.check(aws__region="eu-north-1", recommender__cpu=512).warnings == ()


CERTIFICATE = "arn:{}:acm:{}:{}:certificate/12345678-1234-1234-1234-123456789012"


@pytest.mark.parametrize(
    ("partition", "region"), [("aws-cn", "cn-north-1"), ("aws-us-gov", "us-gov-west-1"), ("aws-eusc", "eusc-de-east-1")]
)
def test_a_stack_in_another_partition_is_valid(partition: str, region: str) -> None:
    key = f"arn:{partition}:kms:{region}:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab"
    everything = {
        **VARIANTS["everything"][1],
        "aws:region": region,
        "registryKmsKeyArn": key,
        "secretsKmsKeyArns": [key],
        "secrets": [f"TOKEN=arn:{partition}:secretsmanager:{region}:111122223333:secret:token-AbCdEf"],
        "certificateArn": CERTIFICATE.format(partition, region, "444455556666"),
        "permissionsBoundary": f"arn:{partition}:iam::444455556666:policy/limit",
    }
    assert deploy.validate("prod", config=everything).resources


def test_an_arn_of_another_region_or_of_two_accounts_is_refused_without_an_account() -> None:
    here = {"publicUrl": "https://films.example.com"}
    abroad = CERTIFICATE.format("aws", "us-east-1", "444455556666")
    with pytest.raises(deploy.DeployError, match="of the region us-east-1; allowed: eu-central-1"):
        deploy.validate("dev", config={**here, "certificateArn": abroad})
    certificate = CERTIFICATE.format("aws", "eu-central-1", "444455556666")
    two = {**here, "certificateArn": certificate, "permissionsBoundary": "arn:aws:iam::111122223333:policy/limit"}
    with pytest.raises(deploy.DeployError, match="of the account 111122223333; allowed: 444455556666, that of"):
        deploy.validate("dev", config=two)


@pytest.mark.parametrize(
    "provider",
    [
        {"aws:allowedAccountIds": ["111122223333"]},
        {"aws:assumeRoles": [{"roleArn": "arn:aws:iam::111122223333:role/deploy"}]},
    ],
)
def test_the_account_that_the_provider_is_told_of_is_the_stacks(provider: Mapping[str, object]) -> None:
    certificate = CERTIFICATE.format("aws", "eu-central-1", "444455556666")
    config = {**provider, "publicUrl": "https://films.example.com", "certificateArn": certificate}
    with pytest.raises(deploy.DeployError, match="of the account 444455556666; allowed: 111122223333, the stack's"):
        deploy.validate("dev", config=config)


def test_a_date_in_a_file_is_a_text_for_the_program_to_refuse(staging: Staging) -> None:
    staging.check(recommender__modelVersion=date(2026, 1, 1))
    assert staging.asked["values"]["recommender:modelVersion"] == '"2026-01-01"'


def test_variables_of_pulumi_do_not_change_what_is_checked(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("PULUMI_CONFIG", '{"recommender:desiredCount": "many"}')
    assert deploy.validate("dev").settings["desiredCount"] == "1"


def test_the_help_lists_every_command_and_the_way_to_deploy(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit):
        command.main(["--help"])
    told = capsys.readouterr().out
    assert all(word in told for word in ("validate", "orphans", "deploy.up()", "deploy.preview()", "deploy.destroy()"))


@pytest.mark.parametrize("target", ["validate", "orphans"])
def test_make_without_a_stack_says_how_to_name_one(target: str) -> None:
    installed = ["-o", ".venv/.installed-stack"]
    environment = {key: value for key, value in os.environ.items() if key not in ("STACK", "MAKEFLAGS", "MAKELEVEL")}
    done = subprocess.run(
        ["make", *installed, target], cwd=PROJECT_DIR, env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 2
    assert f"make {target} STACK=dev" in done.stderr
    assert "usage" not in done.stderr
