"""Orphaned resources of a destroyed stack: found by its tags, with how AWS bills them."""

from collections.abc import Callable, Iterator, Mapping, Sequence
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
        "codebuild:project",
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


@dataclass(frozen=True)
class Lookup:
    """How a resource that is listed is looked up: with `parameter` its id, or its ARN; `found` lists it in the answer.

    gone: values of `state` of one that is deleted.
    """

    service: str
    operation: str
    parameter: str
    found: str
    state: str = ""
    gone: Sequence[str] = ()
    by_arn: bool = False


def _in_ec2(operation: str, parameter: str, found: str, *, gone: Sequence[str] = ()) -> Lookup:
    return Lookup("ec2", operation, parameter, found, "State", gone)


def _balancing(operation: str, parameter: str, found: str) -> Lookup:
    return Lookup("elbv2", operation, parameter, found, by_arn=True)


LOOKUPS: Final[Mapping[str, Lookup]] = {
    "ec2:elastic-ip": _in_ec2("describe_addresses", "AllocationIds", "Addresses"),
    "ec2:internet-gateway": _in_ec2("describe_internet_gateways", "InternetGatewayIds", "InternetGateways"),
    "ec2:launch-template": _in_ec2("describe_launch_templates", "LaunchTemplateIds", "LaunchTemplates"),
    "ec2:natgateway": _in_ec2("describe_nat_gateways", "NatGatewayIds", "NatGateways", gone=("deleted", "deleting")),
    "ec2:network-interface": _in_ec2("describe_network_interfaces", "NetworkInterfaceIds", "NetworkInterfaces"),
    "ec2:route-table": _in_ec2("describe_route_tables", "RouteTableIds", "RouteTables"),
    "ec2:security-group": _in_ec2("describe_security_groups", "GroupIds", "SecurityGroups"),
    "ec2:security-group-rule": _in_ec2("describe_security_group_rules", "SecurityGroupRuleIds", "SecurityGroupRules"),
    "ec2:snapshot": _in_ec2("describe_snapshots", "SnapshotIds", "Snapshots"),
    "ec2:subnet": _in_ec2("describe_subnets", "SubnetIds", "Subnets"),
    "ec2:volume": _in_ec2("describe_volumes", "VolumeIds", "Volumes", gone=("deleted", "deleting")),
    "ec2:vpc": _in_ec2("describe_vpcs", "VpcIds", "Vpcs"),
    "ec2:vpc-endpoint": _in_ec2(
        "describe_vpc_endpoints", "VpcEndpointIds", "VpcEndpoints", gone=("deleted", "deleting")
    ),
    "ecs:capacity-provider": Lookup(
        "ecs", "describe_capacity_providers", "capacityProviders", "capacityProviders", "status", ("INACTIVE",)
    ),
    "ecs:cluster": Lookup("ecs", "describe_clusters", "clusters", "clusters", "status", ("INACTIVE",)),
    "ecs:service": Lookup("ecs", "describe_services", "services", "services", "status", ("INACTIVE",)),
    "ecs:task": Lookup("ecs", "describe_tasks", "tasks", "tasks", "lastStatus", ("STOPPED",)),
    "elasticloadbalancing:listener": _balancing("describe_listeners", "ListenerArns", "Listeners"),
    "elasticloadbalancing:listener-rule": _balancing("describe_rules", "RuleArns", "Rules"),
    "elasticloadbalancing:loadbalancer": _balancing("describe_load_balancers", "LoadBalancerArns", "LoadBalancers"),
    "elasticloadbalancing:targetgroup": _balancing("describe_target_groups", "TargetGroupArns", "TargetGroups"),
}
"""The kinds that the tagging API lists for a while after they are gone, and that a deployer may look up."""

IAM_KINDS: Final[Sequence[tuple[str, Mapping[str, str], str, str, str]]] = (
    ("list_roles", {}, "Roles", "get_role", "RoleName"),
    ("list_instance_profiles", {}, "InstanceProfiles", "get_instance_profile", "InstanceProfileName"),
    ("list_policies", {"Scope": "Local"}, "Policies", "get_policy", "PolicyArn"),
)
"""How IAM lists a kind, and shows one of it with its tags."""

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
        tags, name = {"project": project, "stack": stack}, base_name(project, stack)
        found = [*_tagged(client, tags), *_iam(client, tags, name), *_dashboards(client, name)]
        left = [one for one in dict.fromkeys(found) if not _gone(client, one)]
    except (ClientError, BotoCoreError) as error:
        raise DeployError(
            f"AWS did not list the resources of the stack {stack!r}: {error}\n"
            "Credentials are needed that may tag:GetResources, cloudwatch:ListDashboards, iam:List*, ec2:Describe*, "
            "ecs:Describe* and elasticloadbalancing:Describe*, as the stack's own do."
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
            yield _orphan(found["ResourceARN"])


def _orphan(arn: str) -> Orphan:
    kind = kind_of(arn)
    billing = "" if kind in FREE else BILLING.get(kind, "perhaps: not known here")
    return Orphan(arn=arn, kind=kind, billing=billing)


def _iam(clients: Clients, tags: Mapping[str, str], name: str) -> Iterator[Orphan]:
    """Roles, instance profiles and policies with the stack's name and tags; the tagging API has no roles."""
    iam = clients("iam")
    for listing, scope, listed, getting, parameter in IAM_KINDS:
        for page in iam.get_paginator(listing).paginate(**scope):
            for one in page[listed]:
                own_name = one["Arn"].rpartition("/")[2]
                if own_name.startswith(f"{name}-"):
                    answer = getattr(iam, getting)(**{parameter: one["Arn"] if parameter == "PolicyArn" else own_name})
                    found = answer[parameter.removesuffix("Name").removesuffix("Arn")]
                    if tags.items() <= {tag["Key"]: tag["Value"] for tag in found.get("Tags", [])}.items():
                        yield _orphan(one["Arn"])


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
        if one.kind == "ec2:instance":
            groups = clients("ec2").describe_instances(InstanceIds=[id_])["Reservations"]
            states = [instance["State"]["Name"] for group in groups for instance in group["Instances"]]
            return all(state in ("shutting-down", "terminated") for state in states)
        if lookup := LOOKUPS.get(one.kind):
            arguments: dict[str, Any] = {lookup.parameter: [one.arn if lookup.by_arn else id_]}
            if one.kind in ("ecs:service", "ecs:task"):
                arguments["cluster"] = one.arn.split("/")[1]
            found = getattr(clients(lookup.service), lookup.operation)(**arguments)[lookup.found]
            return all(lookup.state in entry and entry[lookup.state] in lookup.gone for entry in found)
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
