"""Claims about the check after a destroy: what costs money is told, what has gone is not."""

import json
from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import boto3
import pytest
from botocore.stub import Stubber

from deploy import __main__ as command
from deploy import orphans as module
from deploy.errors import DeployError
from deploy.orphans import BILLING, FREE, LOOKUPS, Orphan, find_orphans, format_orphans, kind_of
from tests.infra.recorder import run_main

PLACE = "eu-central-1:111122223333"
BALANCER = f"arn:aws:elasticloadbalancing:{PLACE}:loadbalancer/app/films/1"
GATEWAY = f"arn:aws:ec2:{PLACE}:natgateway/nat-1"
INSTANCE = f"arn:aws:ec2:{PLACE}:instance/i-1"
SERVICE = f"arn:aws:ecs:{PLACE}:service/films/films-1"
REPOSITORY = f"arn:aws:ecr:{PLACE}:repository/recommender-dev"
LOGS = f"arn:aws:logs:{PLACE}:log-group:films-logs"
BUCKET = "arn:aws:s3:::films-access-logs"
DEFINITION = f"arn:aws:ecs:{PLACE}:task-definition/films:7"
GROUP = f"arn:aws:ec2:{PLACE}:security-group/sg-1"
STRANGE = f"arn:aws:newservice:{PLACE}:thing/1"

Answer = tuple[str, dict[str, Any], dict[str, Any] | None]


def account(
    tagged: list[str], *, dashboards: tuple[str, ...] = (), iam: list[Answer] | None = None, **more: Answer
) -> Callable[[str], Any]:
    """Clients of an account where these things carry the stack's tags; `more` answers further services."""
    listed = {"ResourceTagMappingList": [{"ResourceARN": arn} for arn in tagged]}
    filters = [{"Key": "project", "Values": ["recommender"]}, {"Key": "stack", "Values": ["dev"]}]
    entries = [
        {"DashboardName": name, "DashboardArn": f"arn:aws:cloudwatch::1:dashboard/{name}"} for name in dashboards
    ]
    answers: dict[str, Answer] = {
        "resourcegroupstaggingapi": ("get_resources", listed, {"TagFilters": filters}),
        "cloudwatch": ("list_dashboards", {"DashboardEntries": entries}, {"DashboardNamePrefix": "recommender-dev"}),
        **more,
    }

    listing = [("list_roles", "Roles"), ("list_instance_profiles", "InstanceProfiles"), ("list_policies", "Policies")]
    nothing: list[Answer] = [(operation, {found: []}, None) for operation, found in listing]

    def client(service: str) -> Any:
        made = boto3.client(service, region_name="eu-central-1", aws_access_key_id="x", aws_secret_access_key="x")
        stub = Stubber(made)
        for operation, response, expected in (
            nothing if service == "iam" and iam is None else iam if service == "iam" else [answers[service]]
        ):
            if "ErrorCode" in response:
                stub.add_client_error(operation, response["ErrorCode"])
            else:
                stub.add_response(operation, response, expected)
        stub.activate()
        return made

    return client


def test_what_costs_money_comes_first_with_how_it_is_billed() -> None:
    there: dict[str, Answer] = {
        "ec2": ("describe_security_groups", {"SecurityGroups": [{}]}, {"GroupIds": ["sg-1"]}),
        "elbv2": ("describe_load_balancers", {"LoadBalancers": [{}]}, {"LoadBalancerArns": [BALANCER]}),
    }
    left = find_orphans("dev", clients=account([DEFINITION, GROUP, BALANCER, REPOSITORY, LOGS, BUCKET], **there))
    assert [one.arn for one in left if one.billing] == [REPOSITORY, BALANCER, LOGS, BUCKET]
    assert {one.arn for one in left if not one.billing} == {DEFINITION, GROUP}
    text = format_orphans("dev", left)
    assert "4 resources that cost money and 2 that do not are left" in text
    assert f"by the hour                {BALANCER}" in text


def test_a_kind_that_nobody_knows_is_told_as_if_it_cost_money() -> None:
    (one,) = find_orphans("dev", clients=account([STRANGE]))
    assert one.billing == "perhaps: not known here"


@pytest.mark.parametrize(("state", "left"), [("deleted", 0), ("deleting", 0), ("available", 1)])
def test_a_gateway_that_is_listed_but_gone_is_not_told(state: str, left: int) -> None:
    clients = account([GATEWAY], ec2=("describe_nat_gateways", {"NatGateways": [{"State": state}]}, None))
    assert len(find_orphans("dev", clients=clients)) == left


def test_a_gateway_that_is_not_found_has_gone() -> None:
    clients = account([GATEWAY], ec2=("describe_nat_gateways", {"ErrorCode": "NatGatewayNotFound"}, None))
    assert find_orphans("dev", clients=clients) == []


@pytest.mark.parametrize(("state", "left"), [("terminated", 0), ("running", 1), ("stopped", 1)])
def test_a_terminated_instance_is_not_told(state: str, left: int) -> None:
    found = {"Reservations": [{"Instances": [{"State": {"Name": state}}]}]}
    clients = account([INSTANCE], ec2=("describe_instances", found, {"InstanceIds": ["i-1"]}))
    assert len(find_orphans("dev", clients=clients)) == left


@pytest.mark.parametrize(("status", "left"), [("INACTIVE", 0), ("DRAINING", 1), ("ACTIVE", 1)])
def test_an_inactive_service_is_not_told(status: str, left: int) -> None:
    asked = {"cluster": "films", "services": ["films-1"]}
    clients = account([SERVICE], ecs=("describe_services", {"services": [{"status": status}]}, asked))
    assert len(find_orphans("dev", clients=clients)) == left


@pytest.mark.parametrize("kind", LOOKUPS)
def test_what_is_listed_for_a_while_after_it_is_gone_is_not_told(kind: str) -> None:
    lookup = LOOKUPS[kind]
    service, _, type_ = kind.partition(":")
    arn = f"arn:aws:{service}:{PLACE}:{type_}/films/1"
    asked: dict[str, Any] = {lookup.parameter: [arn if lookup.by_arn else "1"]}
    if kind in ("ecs:service", "ecs:task"):
        asked["cluster"] = "films"
    answers: list[tuple[dict[str, Any], int]] = [({lookup.found: []}, 0), ({"ErrorCode": "ThingNotFound"}, 0)]
    answers += [({lookup.found: [{lookup.state: state}]}, 0) for state in lookup.gone]
    answers += [({lookup.found: [{lookup.state: "available"} if lookup.gone else {}]}, 1)]
    for response, left in answers:
        clients = account([arn], **{lookup.service: (lookup.operation, response, asked)})
        assert len(find_orphans("dev", clients=clients)) == left


def test_a_role_of_the_stack_is_found_by_its_name_and_tags() -> None:
    def role(name: str) -> dict[str, Any]:
        return {
            "Path": "/",
            "RoleName": name,
            "RoleId": "AROAEXAMPLEEXAMPLE",
            "Arn": f"arn:aws:iam::111122223333:role/{name}",
            "CreateDate": datetime(2026, 1, 1, tzinfo=UTC),
        }

    own, other, foreign = "recommender-dev-task-1", "recommender-dev-two-task-1", "payroll-task"
    tags = {own: "dev", other: "dev-two"}
    asked: list[Answer] = [("list_roles", {"Roles": [role(name) for name in (own, other, foreign)]}, None)]
    for name, stack in tags.items():
        tagged = [{"Key": "project", "Value": "recommender"}, {"Key": "stack", "Value": stack}]
        asked.append(("get_role", {"Role": {**role(name), "Tags": tagged}}, {"RoleName": name}))
    asked += [("list_instance_profiles", {"InstanceProfiles": []}, None), ("list_policies", {"Policies": []}, None)]
    (left,) = find_orphans("dev", clients=account([], iam=asked))
    assert (left.arn, left.kind, left.billing) == (role(own)["Arn"], "iam:role", "")


def test_the_dashboard_is_found_by_its_name_and_others_are_left_alone() -> None:
    left = find_orphans("dev", clients=account([], dashboards=("recommender-dev", "recommender-dev-of-somebody")))
    assert [one.arn for one in left] == ["arn:aws:cloudwatch::1:dashboard/recommender-dev"]


def test_the_tags_that_are_searched_for_are_the_ones_that_are_set(project: object) -> None:
    tags = run_main("dev").one("aws:ecs/cluster:Cluster").inputs["tags"]
    assert (tags["project"], tags["stack"]) == ("recommender", "dev")


@pytest.mark.parametrize(
    ("arn", "kind"),
    [
        (LOGS, "logs:log-group"),
        (f"arn:aws:codebuild:{PLACE}:project/films-build-1a2b3c4", "codebuild:project"),
        (BUCKET, "s3:bucket"),
        (DEFINITION, "ecs:task-definition"),
        (f"arn:aws:cloudwatch:{PLACE}:alarm:films-errors", "cloudwatch:alarm"),
        (f"arn:aws:sns:{PLACE}:films-alarms", "sns:topic"),
        (f"arn:aws:wafv2:{PLACE}:regional/webacl/films/1", "wafv2:regional"),
        (f"arn:aws:secretsmanager:{PLACE}:secret:films-AbCdEf", "secretsmanager:secret"),
    ],
)
def test_every_way_to_write_an_arn_has_its_kind(arn: str, kind: str) -> None:
    assert kind_of(arn) == kind
    assert kind in {*BILLING, *FREE}


def test_nothing_both_costs_and_does_not() -> None:
    assert set(BILLING) & FREE == set()


def test_the_status_says_whether_money_is_lost(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    free = Orphan(arn=DEFINITION, kind="ecs:task-definition", billing="")
    costly = Orphan(arn=BALANCER, kind="elasticloadbalancing:loadbalancer", billing="by the hour")
    for left, status in (([], 0), ([free], 0), ([costly, free], 1)):
        monkeypatch.setattr(command, "find_orphans", lambda stack, left=left: left)
        assert command.main(["orphans", "dev"]) == status
    assert BALANCER in capsys.readouterr().out


def test_an_account_that_refuses_is_no_clean_account(capsys: pytest.CaptureFixture[str]) -> None:
    refused = account([], cloudwatch=("list_dashboards", {"ErrorCode": "AccessDenied"}, None))
    with pytest.raises(DeployError, match=r"AccessDenied(?s:.*)tag:GetResources"):
        find_orphans("dev", clients=refused)
    assert command.main(["orphans", "nowhere"]) == 2
    assert "There are: dev, local, prod" in capsys.readouterr().err


def test_the_stacks_own_region_is_asked(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[dict[str, Any]] = []

    class Session:
        client = staticmethod(account([]))

        def __init__(self, **arguments: Any) -> None:
            made.append(arguments)

    monkeypatch.setattr(module.boto3.session, "Session", Session)
    assert find_orphans("dev") == []
    assert json.dumps(made) == '[{"region_name": "eu-central-1", "profile_name": null}]'
