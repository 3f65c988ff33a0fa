"""The IAM actions that each resource type of pulumi-aws needs, from what its provider was recorded to call.

`tests/docs/provider/calls.json` has the calls by type; what AWS asks its policies besides, and what was not recorded,
is here with its source. A new type: a resource in `tests/docs/provider/main.tf`, recorded anew (`record.py` says how),
or until then an entry in DOCUMENTED.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Final

import pulumi_aws

RECORDED: Final[Mapping[str, Mapping[str, list[str]]]] = json.loads(
    (Path(__file__).parent / "provider" / "calls.json").read_text(encoding="utf-8")
)
"""Terraform's types to phases to calls, as `service:Operation`."""
GIVEN: Final = frozenset({"aws_route53_zone", "provider"})
"""Recorded for the sake of others: the program is given a zone."""

REGISTRY: Final = frozenset(
    re.findall(r'"(aws:\w+/\w+:\w+)": "\w+"', Path(str(pulumi_aws.__file__)).read_text(encoding="utf-8"))
)
"""Every resource type of pulumi-aws, from its own list."""

_VPC: Final = ("aws_vpc", "aws_subnet", "aws_internet_gateway", "aws_eip", "aws_nat_gateway", "aws_route_table")
COMPONENTS: Final[Mapping[str, tuple[str, ...]]] = {"awsx:ec2:Vpc": (*_VPC, "aws_route", "aws_route_table_association")}
"""The types that a component of pulumi-awsx makes. Source: its `aws.vpc.ts`."""

OTHER_NAMES: Final[Mapping[str, list[str]]] = {"LoadBalancer": ["aws_lb"], "BucketObjectv2": ["aws_s3_object"]}
"""Terraform's types that are named otherwise than Pulumi's classes."""

_PREFIXES: Final[Mapping[str, str]] = {"monitoring": "cloudwatch"}
"""The IAM prefix of a service that signs by another name."""
_ACTIONS: Final[Mapping[str, str]] = {
    **{f"budgets:{verb}Budget": "ModifyBudget" for verb in ("Create", "Update", "Delete")},
    "budgets:DescribeBudget": "ViewBudget",
    "budgets:DescribeNotificationsForBudget": "ViewBudget",
    "s3:DeleteBucketLifecycle": "PutLifecycleConfiguration",
    "s3:DeleteObjects": "DeleteObject",
    "s3:DeletePublicAccessBlock": "PutBucketPublicAccessBlock",
    "s3:GetBucketAccelerateConfiguration": "GetAccelerateConfiguration",
    "s3:GetBucketCors": "GetBucketCORS",
    "s3:GetBucketEncryption": "GetEncryptionConfiguration",
    "s3:GetBucketLifecycleConfiguration": "GetLifecycleConfiguration",
    "s3:GetBucketReplication": "GetReplicationConfiguration",
    "s3:GetObjectLockConfiguration": "GetBucketObjectLockConfiguration",
    "s3:GetPublicAccessBlock": "GetBucketPublicAccessBlock",
    "s3:HeadBucket": "ListBucket",
    "s3:HeadObject": "GetObject",
    "s3:ListObjectVersions": "ListBucketVersions",
    "s3:ListObjectsV2": "ListBucket",
    "s3:PutBucketLifecycleConfiguration": "PutLifecycleConfiguration",
    "s3:PutPublicAccessBlock": "PutBucketPublicAccessBlock",
}
"""Operations whose action has another name. Source: "Service Authorization Reference", the tables of AWS Budgets and
Amazon S3 (docs.aws.amazon.com)."""
NEVER_CALLED: Final = frozenset({"ecs:DeregisterTaskDefinition"})
"""By this program: its task definitions have `skip_destroy`."""


def _of(service: str, actions: str) -> frozenset[str]:
    return frozenset(f"{service}:{action}" for action in actions.split())


_LINKED_ROLE: Final = _of("iam", "CreateServiceLinkedRole")
_PASS_ROLE: Final = _of("iam", "PassRole")
DEPENDENT: Final[Mapping[str, frozenset[str]]] = {
    "application-autoscaling:PutScalingPolicy": _of("cloudwatch", "PutMetricAlarm DescribeAlarms DeleteAlarms"),
    "application-autoscaling:RegisterScalableTarget": _LINKED_ROLE | _of("ecs", "DescribeServices UpdateService"),
    "autoscaling:CreateAutoScalingGroup": _of("ec2", "RunInstances CreateTags")
    | _of("autoscaling", "CreateOrUpdateTags")
    | _PASS_ROLE,
    "codebuild:CreateProject": _PASS_ROLE,
    "codebuild:UpdateProject": _PASS_ROLE,
    "ec2:CreateLaunchTemplate": _of("ec2", "CreateTags") | _of("ssm", "GetParameters"),
    "ec2:CreateVpcEndpoint": _of("route53", "AssociateVPCWithHostedZone") | _of("ec2", "CreateTags"),
    "ecs:CreateCluster": _LINKED_ROLE | _of("ecs", "TagResource"),
    "ecs:CreateService": _of("ecs", "TagResource"),
    "ecs:RegisterTaskDefinition": _PASS_ROLE | _of("ecs", "TagResource"),
    "elasticloadbalancing:CreateLoadBalancer": _LINKED_ROLE,
    "iam:AddRoleToInstanceProfile": _PASS_ROLE,
    "iam:CreateRole": _of("iam", "PutRolePermissionsBoundary"),
    "s3:ListObjectVersions": _of("s3", "DeleteObject DeleteObjectVersion"),
    "scheduler:CreateSchedule": _PASS_ROLE,
    "wafv2:AssociateWebACL": _of("elasticloadbalancing", "SetWebACL"),
}
"""What a call takes of the caller beside its own action. Source: "Service Authorization Reference", the column
"Dependent actions", and the user guides: "Target tracking scaling policies" (Application Auto Scaling asks for the
caller's rights to its alarms), "Service-linked roles" and "Tagging on creation" of each service
(docs.aws.amazon.com)."""
DOCUMENTED: Final[Mapping[str, frozenset[str]]] = {
    "aws:autoscaling/group:Group": _of("autoscaling", "SetInstanceProtection"),
    "aws:codebuild/project:Project": _of("codebuild", "StartBuild BatchGetBuilds")
    | {"ecr:DescribeImages", "logs:GetLogEvents"},
    "aws:ec2/launchTemplate:LaunchTemplate": _of("ec2", "ModifyLaunchTemplate"),
    "aws:ecr/repository:Repository": _of("ecr", "GetAuthorizationToken BatchCheckLayerAvailability PutImage")
    | _of("ecr", "InitiateLayerUpload UploadLayerPart CompleteLayerUpload BatchGetImage GetDownloadUrlForLayer"),
    "aws:ecs/service:Service": _of("ecs", "ListTasks DescribeTasks")
    | {"elasticloadbalancing:DescribeTargetHealth", "logs:GetLogEvents"},
    "aws:iam/policy:Policy": _of("iam", "DeletePolicyVersion"),
    "aws:iam/role:Role": _of("iam", "UpdateRole"),
    "aws:lb/loadBalancer:LoadBalancer": _of("elasticloadbalancing", "SetIpAddressType SetSecurityGroups SetSubnets"),
    "aws:route53/record:Record": _of("route53", "ListHostedZones"),
    "aws:s3/bucketObjectv2:BucketObjectv2": _of("s3", "AbortMultipartUpload"),
    "aws:sns/topicSubscription:TopicSubscription": _of("sns", "SetSubscriptionAttributes"),
    "awsx:ec2:Vpc": _of("ec2", "DescribeAvailabilityZones"),
}
"""What was not recorded: calls of updates that main.tf does not make, the push of an image ("Pushing a Docker image to
an Amazon ECR private repository", docs.aws.amazon.com), the look at tasks that fail (infra/service/diagnosis.py),
builds in CodeBuild (infra/image/cloud_build.py), look-ups of zones, and what a type that is not in main.tf takes
(Service Authorization Reference)."""


def terraform_types(type_: str) -> tuple[str, ...]:
    """The recorded types of Terraform that a type of Pulumi is, or makes; none if it was not recorded."""
    if type_ in COMPONENTS:
        return COMPONENTS[type_]
    module, name = re.fullmatch(r"aws:(\w+)/\w+:(\w+)", type_).groups()  # type: ignore[union-attr]
    snake = re.sub(r"(?<=[a-z0-9])([A-Z])", r"_\1", name).lower()
    candidates = [f"aws_{module}_{snake}", f"aws_{snake}", *OTHER_NAMES.get(name, [])]
    return tuple([one for one in candidates if one in RECORDED and one not in GIVEN][:1])


def calls(kind: str) -> Iterator[str]:
    """The recorded calls for a type of Terraform, of all phases."""
    for made in RECORDED[kind].values():
        yield from made


def action_of(call: str) -> str:
    """The IAM action of a recorded call."""
    service, _, operation = call.partition(":")
    return f"{_PREFIXES.get(service, service)}:{_ACTIONS.get(call, operation)}"


def _rights(type_: str) -> frozenset[str]:
    made = {call for kind in terraform_types(type_) for call in calls(kind)} - NEVER_CALLED
    besides = [DEPENDENT.get(call, frozenset()) for call in made]
    return frozenset(map(action_of, made)).union(*besides, DOCUMENTED.get(type_, frozenset()))


RIGHTS: Final[Mapping[str, frozenset[str]]] = {
    type_: found for type_ in sorted({*REGISTRY, *COMPONENTS, *DOCUMENTED}) if (found := _rights(type_))
}
"""The actions by type, of every type that was recorded or is documented here."""
