"""The deployer's policy lets the program make all that it makes, and says where a right cannot be narrowed."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from fnmatch import fnmatchcase
from pathlib import Path
from typing import Any

import pytest

from deploy.orphans import LOOKUPS
from tests.docs.iam_evaluation import Request, allows
from tests.docs.rights import DOCUMENTED, RIGHTS
from tests.infra.answers import Aws
from tests.infra.conftest import project  # noqa: F401 (a fixture)
from tests.infra.recorder import run_main
from tests.infra.test_program import VARIANTS, ZONES

DOCS = Path(__file__).resolve().parents[2] / "docs"
BASE, OPTIONS, BUILDS = (f"deployer-policy{part}.json" for part in ("", "-options", "-codebuild"))
BOUNDARY = "role-boundary.json"
POLICY_CHARACTERS = 6_144
"""A managed policy, white space not counted. Source: "IAM and AWS STS quotas" (docs.aws.amazon.com)."""


def statements(*names: str) -> Iterator[dict[str, Any]]:
    for name in names:
        yield from json.loads((DOCS / name).read_text())["Statement"]


def listed(value: str | list[str]) -> list[str]:
    return [value] if isinstance(value, str) else value


def allowed(*names: str) -> list[str]:
    return [
        action
        for statement in statements(*names)
        if statement["Effect"] == "Allow"
        for action in listed(statement["Action"])
    ]


def missing(actions: set[str], *names: str) -> set[str]:
    return {action for action in actions if not any(fnmatchcase(action, pattern) for pattern in allowed(*names))}


def types_of(variant: str) -> set[str]:
    stack, config = VARIANTS[variant]
    recorded = run_main(stack, config=config, aws=Aws(zones=ZONES, hosted_zones={"example.com": "ZEXAMPLE"}))
    return {resource.type for resource in recorded if resource.type.startswith(("aws:", "awsx:"))}


@pytest.mark.parametrize("variant", VARIANTS)
@pytest.mark.usefixtures("project")
def test_it_allows_what_every_kind_of_resource_that_the_program_registers_takes(variant: str) -> None:
    types = types_of(variant)
    assert types - set(RIGHTS) == set(), "record these, or say in tests/docs/rights.py which actions they take"
    assert missing({action for type_ in types for action in RIGHTS[type_]}, BASE, OPTIONS, BUILDS) == set()


@pytest.mark.usefixtures("project")
def test_the_first_file_is_enough_for_dev() -> None:
    assert missing({action for type_ in types_of("dev") for action in RIGHTS[type_]}, BASE) == set()


WITHIN_THE_FIRST: Mapping[str, Mapping[str, object]] = {
    "monitoring": {"monitoring": True, "alarmEmail": "team@example.com"},
    "monthlyBudgetUsd": {"monthlyBudgetUsd": 50, "budgetEmail": "team@example.com"},
    "maxCount": {"maxCount": 4},
    "scheduledMinimums": {
        "maxCount": 4,
        "scheduledMinimums": ['{"name": "morning", "schedule": "cron(0 7 ? * MON-FRI *)", "minCount": 2}'],
    },
    "workingHours": {"workingHours": "MON-FRI 07:00-20:00 Europe/Berlin"},
    "spotPercent": {"spotPercent": 50},
    "enableExecuteCommand": {"enableExecuteCommand": True},
    "certificateArn": {
        "certificateArn": "arn:aws:acm:eu-central-1:111122223333:certificate/12345678-1234-1234-1234-123456789012",
        "publicUrl": "https://films-dev.example.com",
    },
}
BEYOND_THE_FIRST: Mapping[str, Mapping[str, object]] = {
    "network": {"network": "new"},
    "domain": {"domain": "films-dev.example.com"},
    "accessLogDays": {"accessLogDays": 30},
    "wafRateLimit": {"wafRateLimit": 1000},
    "launchType": {"launchType": "EC2"},
    "batchJobs": {"batchJobs": ['{"name": "score", "command": ["true"], "schedule": "rate(1 day)"}']},
    "createPushPolicy": {"createPushPolicy": True},
}
BY_AN_INPUT = {"registryKmsKeyArn"}
"""Takes rights to a key, by an input of a resource that is there in any case."""


def missing_for(config: Mapping[str, object], *names: str) -> set[str]:
    recorded = run_main("dev", config=config, aws=Aws(hosted_zones={"example.com": "ZEXAMPLE"}))
    types = {resource.type for resource in recorded if resource.type.startswith(("aws:", "awsx:"))}
    return missing({action for type_ in types for action in RIGHTS[type_]}, *names)


@pytest.mark.parametrize("key", WITHIN_THE_FIRST)
@pytest.mark.usefixtures("project")
def test_the_first_file_is_enough_for_dev_with(key: str) -> None:
    assert missing_for(WITHIN_THE_FIRST[key], BASE) == set()


@pytest.mark.parametrize("key", BEYOND_THE_FIRST)
@pytest.mark.usefixtures("project")
def test_the_first_file_is_not_enough_for_dev_with(key: str) -> None:
    assert missing_for(BEYOND_THE_FIRST[key], BASE) != set()


@pytest.mark.usefixtures("project")
def test_the_first_file_and_that_of_codebuild_are_enough_for_dev_with_it() -> None:
    assert missing_for({"builder": "codebuild"}, BASE) != set()
    assert missing_for({"builder": "codebuild"}, BASE, BUILDS) == set()


def test_the_page_names_these_options_for_these_files() -> None:
    page = (DOCS / "aws-account.md").read_text(encoding="utf-8")
    [within] = re.findall(r"^Enough for `dev` means.+?set\.", page, flags=re.MULTILINE | re.DOTALL)
    assert set(re.findall(r"`(\w+)`", within)) - {"dev"} == set(WITHIN_THE_FIRST)
    [beyond] = re.findall(rf"^\| \[{re.escape(OPTIONS)}\].+\| (.+) \|$", page, flags=re.MULTILINE)
    assert set(re.findall(r"`(\w+)(?:: \w+)?`", beyond)) - {"prod"} == set(BEYOND_THE_FIRST) | BY_AN_INPUT
    assert re.search(rf"^\| \[{re.escape(BUILDS)}\].+`builder: codebuild`", page, flags=re.MULTILINE)


@pytest.mark.usefixtures("project")
def test_no_kind_of_resource_is_listed_that_the_program_never_registers() -> None:
    assert set(DOCUMENTED) - {type_ for variant in VARIANTS for type_ in types_of(variant)} == set()


def test_it_can_look_for_what_a_destroy_left_behind() -> None:
    asked = {"tag:GetResources", "cloudwatch:ListDashboards", "ec2:DescribeNatGateways", "ec2:DescribeInstances"}
    looked_up = {f"{one.service}:{''.join(map(str.capitalize, one.operation.split('_')))}" for one in LOOKUPS.values()}
    asked |= {one.replace("elbv2:", "elasticloadbalancing:") for one in looked_up}
    asked |= {"iam:ListRoles", "iam:ListInstanceProfiles", "iam:ListPolicies", "iam:GetRole"}
    assert missing(asked, BASE) == set()
    for action in ("iam:ListRoles", "iam:ListInstanceProfiles", "iam:ListPolicies"):
        assert allows([json.loads((DOCS / BASE).read_text())], Request(action))


@pytest.mark.parametrize("name", [BASE, OPTIONS, BUILDS, BOUNDARY])
def test_it_fits_into_a_managed_policy(name: str) -> None:
    assert len("".join((DOCS / name).read_text().split())) <= POLICY_CHARACTERS


def test_no_service_is_allowed_as_a_whole() -> None:
    assert [
        action for action in allowed(BASE, OPTIONS, BUILDS) if action.endswith(":*") or "*" in action.split(":")[0]
    ] == []


def test_what_writes_is_narrowed_to_this_project_but_where_aws_has_no_way_to() -> None:
    wide = {
        statement["Sid"]
        for statement in statements(BASE, OPTIONS, BUILDS)
        if listed(statement["Resource"]) == ["*"] and "Condition" not in statement
    }
    assert wide == {"Look", "TaskDefinitions", "Scaling"}, "take no resource"


def test_the_deployer_hands_roles_to_the_services_that_run_things_alone() -> None:
    passing = [one for one in statements(BASE, OPTIONS, BUILDS) if "iam:PassRole" in listed(one["Action"])]
    assert passing
    for statement in passing:
        assert all(":role/recommender-" in resource for resource in listed(statement["Resource"]))
        assert statement["Condition"]["StringEquals"]["iam:PassedToService"]


def test_its_own_role_is_not_among_those_that_it_may_change() -> None:
    page = (DOCS / "aws-account.md").read_text()
    workflows = "".join(path.read_text() for path in (DOCS.parent / ".github" / "workflows").glob("*.yml"))
    own = {f"arn:aws:iam::111122223333:role/{name}" for name in ("deploy-recommender-dev", "look-at-recommender")}
    assert "role/deploy-recommender-" in workflows
    assert "role/look-at-recommender" in workflows
    assert "deploy-recommender-dev" in page
    looking = ("iam:Get", "iam:List")
    changing = [
        one
        for one in statements(BASE, OPTIONS, BUILDS)
        if any(a.startswith("iam:") and not a.startswith(looking) for a in listed(one["Action"]))
    ]
    for statement in changing:
        for pattern in listed(statement["Resource"]):
            assert not any(fnmatchcase(arn, pattern) for arn in own), statement["Sid"]
