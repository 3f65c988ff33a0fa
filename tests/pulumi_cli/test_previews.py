"""`pulumi preview` of every stack and of many ways to set one: the engine and the provider accept them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
import yaml

from local.engine.aws import client
from tests.infra.test_program import VARIANTS
from tests.pulumi_cli.conftest import Account
from tests.pulumi_cli.policy import analyzer, mandatory_violations

__all__ = ["analyzer"]

pytestmark = pytest.mark.pulumi_cli

ARN = "arn:aws:secretsmanager:eu-central-1:000000000000:secret:token-AbCdEf"
MORE: Mapping[str, tuple[str, Mapping[str, object]]] = {
    "access logs": ("dev", {"accessLogDays": 30}),
    "autoscaling": ("dev", {"maxCount": 6, "requestsPerTarget": 500, "memoryTargetPercent": 70}),
    "batch job by schedule": ("dev", {"batchJobs": ['{"name": "s", "command": ["true"], "schedule": "rate(1 day)"}']}),
    "budget": ("dev", {"monthlyBudgetUsd": 75, "budgetEmail": "team@example.com"}),
    "domain": ("dev", {"domain": "films.example.com"}),
    "firewall": ("dev", {"wafRateLimit": 2000}),
    "internal": ("dev", {"internal": True}),
    "minimums by schedule": (
        "dev",
        {"maxCount": 6, "scheduledMinimums": ['{"name": "m", "schedule": "cron(0 7 ? * MON-FRI *)", "minCount": 4}']},
    ),
    "new network without NAT": ("dev", {"network": "new", "natGateways": "none", "vpcEndpoints": True}),
    "push policy": ("dev", {"createPushPolicy": True, "registryPullAccounts": ["444455556666"]}),
    "secret": ("dev", {"secrets": [f"TOKEN={ARN}"]}),
    "spot alone": ("dev", {"spotPercent": 100}),
    "working hours": ("dev", {"workingHours": "MON-FRI 07:00-20:00 Europe/Berlin"}),
}
ALL = {name: one for name, one in {**VARIANTS, **MORE}.items() if one[1].get("builder") != "codebuild"}
"""An emulated AWS builds no images."""
NOT_ON_ECR = "ghcr.io/films/recommender@sha256:" + "a" * 64


@pytest.fixture(scope="module")
def network(account: Account) -> dict[str, object]:
    """The default VPC and its subnets, as somebody else's network."""
    ec2 = client("ec2", endpoint_url=account.url, region="eu-central-1")
    vpc = ec2.describe_vpcs(Filters=[{"Name": "is-default", "Values": ["true"]}])["Vpcs"][0]["VpcId"]
    found = ec2.describe_subnets(Filters=[{"Name": "vpc-id", "Values": [vpc]}])["Subnets"]
    return {"vpcId": vpc, "publicSubnetIds": [one["SubnetId"] for one in found], "privateSubnetIds": []}


@pytest.fixture(scope="module", autouse=True)
def zone(account: Account) -> None:
    """The zone of the domains."""
    route53 = client("route53", endpoint_url=account.url, region="eu-central-1")
    route53.create_hosted_zone(Name="example.com", CallerReference="once")


@pytest.mark.parametrize("variant", ALL)
def test_the_engine_plans_it(account: Account, network: dict[str, object], variant: str) -> None:
    stack, config = ALL[variant]
    given = {**config, **(network if config.get("network") == "existing" else {})}
    if "imageUri" in config:
        given["imageUri"] = NOT_ON_ECR  # a tag would be looked up in that registry
    planned = preview(account, stack, given)
    assert set(planned["changeSummary"]) == {"create"}
    assert "aws:ecs/service:Service" in {step["newState"]["type"] for step in planned["steps"]}
    errors = [one for one in planned.get("diagnostics", []) if one["severity"] == "error"]
    assert errors == []


def test_the_policy_pack_passes_the_engine_s_plan(account: Account, analyzer: Any) -> None:
    planned = preview(account, "prod", {})
    violations = mandatory_violations(analyzer, [step["newState"] for step in planned["steps"]])
    assert [one for one in violations if "can't be known during preview" not in one] == []


def preview(account: Account, stack: str, given: Mapping[str, object]) -> dict[str, Any]:
    """The engine's plan for a stack that is not there yet, with settings over its own."""
    file = account.folder / "given.yaml"
    file.write_text(yaml.safe_dump(stack_file(account, stack, given)))
    account.pulumi("stack", "select", "--create", stack)
    return dict(json.loads(account.pulumi("preview", "--stack", stack, "--json", "--config-file", str(file)).stdout))


def stack_file(account: Account, stack: str, given: Mapping[str, object]) -> dict[str, Any]:
    """The settings of a stack, with others over them, in the emulated account."""
    local = yaml.safe_load((account.folder / "Pulumi.local.yaml").read_text())["config"]
    provider = {key: value for key, value in local.items() if key.startswith("aws:") and key != "aws:region"}
    provider["aws:endpoints"] = [dict.fromkeys(services, account.url) for services in local["aws:endpoints"]]
    own = yaml.safe_load((account.folder / f"Pulumi.{stack}.yaml").read_text())["config"]
    return {"config": {**own, **provider, **{f"recommender:{key}": value for key, value in given.items()}}}
