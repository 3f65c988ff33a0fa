"""`pulumi preview` of every stack and of many ways to set one: the engine and the provider accept them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import pytest
import yaml
from google.protobuf import json_format, struct_pb2
from pulumi.runtime.proto import analyzer_pb2

from local.engine.aws import client
from tests.infra.test_program import VARIANTS
from tests.policy import conftest as _  # noqa: F401 (the pack's modules on the path)
from tests.policy.test_pack import analyzer
from tests.pulumi_cli.conftest import Account

__all__ = ["analyzer"]

UNKNOWN = "04da6b54-80e4-46f7-96ec-b56ff0331ba9"
"""The engine's mark of a value that a preview does not know."""

pytestmark = pytest.mark.pulumi_cli

ARN = "arn:aws:secretsmanager:eu-central-1:000000000000:secret:token-AbCdEf"
MORE: Mapping[str, tuple[str, Mapping[str, object]]] = {
    "access logs": ("dev", {"accessLogDays": 30}),
    "alarms": ("dev", {"monitoring": True, "alarmEmail": "team@example.com"}),
    "any address family": ("dev", {"allowedCidrs": ["203.0.113.0/24", "2001:db8::/32"]}),
    "autoscaling": ("dev", {"maxCount": 6, "requestsPerTarget": 500, "memoryTargetPercent": 70}),
    "batch job by hand": ("dev", {"batchJobs": ['{"name": "score", "command": ["true"]}']}),
    "batch job by schedule": ("dev", {"batchJobs": ['{"name": "s", "command": ["true"], "schedule": "rate(1 day)"}']}),
    "budget": ("dev", {"monthlyBudgetUsd": 75, "budgetEmail": "team@example.com"}),
    "domain": ("dev", {"domain": "films.example.com"}),
    "exec": ("dev", {"enableExecuteCommand": True}),
    "firewall": ("dev", {"wafRateLimit": 2000}),
    "internal": ("dev", {"internal": True}),
    "minimums by schedule": (
        "dev",
        {"maxCount": 6, "scheduledMinimums": ['{"name": "m", "schedule": "cron(0 7 ? * MON-FRI *)", "minCount": 4}']},
    ),
    "new network without NAT": ("dev", {"network": "new", "natGateways": "none", "vpcEndpoints": True}),
    "path prefix": ("dev", {"rootPath": "/recommender"}),
    "production": ("dev", {"production": True}),
    "push policy": ("dev", {"createPushPolicy": True, "registryPullAccounts": ["444455556666"]}),
    "secret": ("dev", {"secrets": [f"TOKEN={ARN}"]}),
    "spot alone": ("dev", {"spotPercent": 100}),
    "working hours": ("dev", {"workingHours": "MON-FRI 07:00-20:00 Europe/Berlin"}),
}
ALL = {**VARIANTS, **MORE}
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
    name = f"{stack}-{sorted(ALL).index(variant)}"
    (account.folder / f"Pulumi.{name}.yaml").write_text(yaml.safe_dump(stack_file(account, stack, given)))
    account.pulumi("stack", "init", name)
    planned = json.loads(account.pulumi("preview", "--stack", name, "--json").stdout)
    assert set(planned["changeSummary"]) == {"create"}
    assert "aws:ecs/service:Service" in {step["newState"]["type"] for step in planned["steps"]}
    errors = [one for one in planned.get("diagnostics", []) if one["severity"] == "error"]
    assert errors == []


def test_the_policy_pack_passes_the_engine_s_plan(account: Account, analyzer: Any) -> None:
    name = "pack-1"
    (account.folder / f"Pulumi.{name}.yaml").write_text(yaml.safe_dump(stack_file(account, "prod", {})))
    account.pulumi("stack", "init", name)
    planned = json.loads(account.pulumi("preview", "--stack", name, "--json").stdout)
    resources = [
        analyzer_pb2.AnalyzerResource(
            type=state["type"],
            name=state["urn"].rpartition("::")[2],
            urn=state["urn"],
            properties=json_format.ParseDict(_known(state.get("inputs", {})), struct_pb2.Struct()),
        )
        for state in (step["newState"] for step in planned["steps"])
    ]
    answer = analyzer.AnalyzeStack(analyzer_pb2.AnalyzeStackRequest(resources=resources))
    found = [(one.policyName, one.message) for one in answer.diagnostics]
    for one in resources:
        request = analyzer_pb2.AnalyzeRequest(type=one.type, name=one.name, urn=one.urn, properties=one.properties)
        diagnostics = analyzer.Analyze(request).diagnostics
        found += [(d.policyName, d.message) for d in diagnostics if d.enforcementLevel == analyzer_pb2.MANDATORY]
    assert found == []
    assert any(one.type == "aws:ecs/service:Service" for one in resources)


def _known(inputs: Mapping[str, Any]) -> dict[str, Any]:
    """What a plan knows of a resource's inputs: secrets as they are, nothing that is unknown."""
    return {key: value for key, value in inputs.items() if value != UNKNOWN and key != "__defaults"}


def stack_file(account: Account, stack: str, given: Mapping[str, object]) -> dict[str, Any]:
    """The settings of a stack, with others over them, in the emulated account."""
    local = yaml.safe_load((account.folder / "Pulumi.local.yaml").read_text())["config"]
    provider = {key: value for key, value in local.items() if key.startswith("aws:") and key != "aws:region"}
    provider["aws:endpoints"] = [dict.fromkeys(services, account.url) for services in local["aws:endpoints"]]
    own = yaml.safe_load((account.folder / f"Pulumi.{stack}.yaml").read_text())["config"]
    return {"config": {**own, **provider, **{f"recommender:{key}": value for key, value in given.items()}}}
