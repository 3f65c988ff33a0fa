"""Orphaned resources of a destroyed stack: found by its tags, with how AWS bills them."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

import boto3
from botocore.exceptions import BotoCoreError, ClientError

from deploy.errors import DeployError
from deploy.stack_file import LOCAL_STACK, check_stack, read_project, read_stack_file
from infra.naming import base_name
from local.settings import PROJECT_DIR

Clients = Callable[[str], Any]
"""A service's name to a boto3 client of it, in the stack's region."""

BILLING: Final[Mapping[str, str]] = {
    "cloudwatch:alarm": "by the month",
    "cloudwatch:dashboard": "by the month",
    "ec2:elastic-ip": "by the hour",
    "ec2:instance": "by the second",
    "ec2:natgateway": "by the hour",
    "ec2:snapshot": "by the size",
    "ec2:volume": "by the size",
    "ec2:vpc-endpoint": "by the hour",
    "ecr:repository": "by the size of its images",
    "ecs:service": "by its tasks",
    "ecs:task": "by the second",
    "elasticloadbalancing:loadbalancer": "by the hour",
    "kms:key": "by the month",
    "logs:log-group": "by the size of its logs",
    "s3:bucket": "by the size of its objects",
    "secretsmanager:secret": "by the month",
    "wafv2:regional": "by the month",
}
FREE: Final = frozenset(
    {
        "autoscaling:autoScalingGroup",
        "ec2:internet-gateway",
        "ec2:launch-template",
        "ec2:network-interface",
        "ec2:route-table",
        "ec2:security-group",
        "ec2:security-group-rule",
        "ec2:subnet",
        "ec2:vpc",
        "ecs:capacity-provider",
        "ecs:cluster",
        "ecs:task-definition",
        "elasticloadbalancing:listener",
        "elasticloadbalancing:listener-rule",
        "elasticloadbalancing:targetgroup",
        "iam:instance-profile",
        "iam:policy",
        "iam:role",
        "scheduler:schedule",
        "sns:topic",
        "acm:certificate",
    }
)
"""Kinds that cost nothing by themselves; one that is neither here nor in BILLING is reported as billed."""

UNSEEN: Final = "what carries no tags: Route 53 records, scaling policies, the budget, data that has left the account"


@dataclass(frozen=True, kw_only=True)
class Orphan:
    """One resource that still exists. billing: how AWS bills it; empty when it is free."""

    arn: str
    kind: str
    billing: str


def find_orphans(stack: str, *, clients: Clients | None = None) -> list[Orphan]:
    """Every existing resource with this project's and stack's tags, billed ones first.

    AWS lists some resources for a while after their deletion; where it can be checked, those are left out. Raises
    `DeployError` when AWS does not answer.
    """
    project, config = _stack_file(stack)
    client = clients or _clients(stack, config)
    try:
        found = [
            *_tagged(client, {"project": project, "stack": stack}),
            *_dashboards(client, base_name(project, stack)),
        ]
        left = [one for one in found if not _gone(client, one)]
    except (ClientError, BotoCoreError) as error:
        raise DeployError(
            f"AWS did not list the resources of the stack {stack!r}: {error}\n"
            "Credentials are needed that may tag:GetResources, cloudwatch:ListDashboards, ec2:Describe* and "
            "ecs:DescribeServices, as the stack's own do."
        ) from error
    return sorted(left, key=lambda one: (not one.billing, one.kind, one.arn))


def format_orphans(stack: str, left: list[Orphan]) -> str:
    """The orphans as lines for people."""
    costly, free = [one for one in left if one.billing], [one for one in left if not one.billing]
    lines = [f"Of the stack {stack!r}, {len(costly)} resources that cost money and {len(free)} that do not are left."]
    lines += [f"  {one.billing:26} {one.arn}" for one in costly]
    lines += [f"  {'free':26} {one.arn}" for one in free]
    return "\n".join([*lines, f"Not checked: {UNSEEN}."])


def kind_of(arn: str) -> str:
    """Service and type of an ARN, such as `ec2:natgateway`; S3's have no type of their own."""
    _, _, service, _, _, resource = arn.split(":", 5)
    if service == "s3":
        return "s3:bucket"
    if service == "sns":
        return "sns:topic"
    return f"{service}:{resource.replace(':', '/').split('/')[0]}"


def _tagged(clients: Clients, tags: Mapping[str, str]) -> Iterator[Orphan]:
    filters = [{"Key": key, "Values": [value]} for key, value in tags.items()]
    pages = clients("resourcegroupstaggingapi").get_paginator("get_resources").paginate(TagFilters=filters)
    for page in pages:
        for found in page["ResourceTagMappingList"]:
            kind = kind_of(found["ResourceARN"])
            billing = "" if kind in FREE else BILLING.get(kind, "perhaps: not known here")
            yield Orphan(arn=found["ResourceARN"], kind=kind, billing=billing)


def _dashboards(clients: Clients, name: str) -> Iterator[Orphan]:
    """Dashboards carry no tags; ours has the stack's name."""
    for entry in clients("cloudwatch").list_dashboards(DashboardNamePrefix=name)["DashboardEntries"]:
        if entry["DashboardName"] == name:
            kind = "cloudwatch:dashboard"
            yield Orphan(arn=entry["DashboardArn"], kind=kind, billing=BILLING[kind])


def _gone(clients: Clients, one: Orphan) -> bool:
    """Whether a resource that is still listed is known to be deleted."""
    id_ = one.arn.rpartition("/")[2]
    try:
        if one.kind == "ec2:natgateway":
            gateways = clients("ec2").describe_nat_gateways(NatGatewayIds=[id_])["NatGateways"]
            return all(gateway["State"] in ("deleted", "deleting") for gateway in gateways)
        if one.kind == "ec2:instance":
            groups = clients("ec2").describe_instances(InstanceIds=[id_])["Reservations"]
            states = [instance["State"]["Name"] for group in groups for instance in group["Instances"]]
            return all(state in ("shutting-down", "terminated") for state in states)
        if one.kind == "ecs:service":
            cluster = one.arn.split("/")[1]
            services = clients("ecs").describe_services(cluster=cluster, services=[id_])["services"]
            return all(service["status"] == "INACTIVE" for service in services)
    except ClientError as error:
        if "NotFound" in error.response["Error"]["Code"]:
            return True
        raise
    return False


def _stack_file(stack: str) -> tuple[str, dict[str, Any]]:
    file = check_stack(stack, PROJECT_DIR)
    return str(read_project(PROJECT_DIR)["name"]), dict(read_stack_file(file)["config"])


def _clients(stack: str, config: Mapping[str, Any]) -> Clients:
    if stack == LOCAL_STACK:
        from local.engine.aws import client
        from local.errors import LocalError
        from local.settings import REGION, load_settings

        try:
            url = load_settings().aws_url
        except LocalError as error:
            raise DeployError(str(error)) from error
        return lambda service: client(service, endpoint_url=url, region=REGION)
    session: Any = boto3.session.Session(region_name=config.get("aws:region"), profile_name=config.get("aws:profile"))
    made: Callable[[str], Any] = session.client
    return made
