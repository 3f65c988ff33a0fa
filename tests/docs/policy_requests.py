"""What AWS asks its policies when the provider makes, changes and deletes this program's resources.

Source: Service Authorization Reference, "Actions, resources, and condition keys" of each service
(docs.aws.amazon.com); the tags are those of infra/tags.py.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Final

from tests.docs.iam_evaluation import Request

ACCOUNT: Final = "111122223333"
BOUNDARY: Final = f"arn:aws:iam::{ACCOUNT}:policy/boundary-recommender"
INSTANCE_POLICY: Final = "arn:aws:iam::aws:policy/service-role/AmazonEC2ContainerServiceforEC2Role"
NEW: Final = {"aws:RequestTag/project": "recommender", "aws:TagKeys": ["project", "stack", "managed-by"]}
"""The context of a request that tags what it creates."""
OWN: Final = {"aws:ResourceTag/project": "recommender"}
"""The context of a resource of this project."""


def arn(service: str, resource: str, *, region: str = "eu-central-1", account: str = ACCOUNT) -> str:
    return f"arn:aws:{service}:{region}:{account}:{resource}"


ROLE: Final = arn("iam", "role/recommender-dev-task-1a2b3c4", region="")
POLICY: Final = arn("iam", "policy/recommender-dev-pusher-1a2b3c4", region="")
PROFILE: Final = arn("iam", "instance-profile/recommender-dev-instance-1a2b3c4", region="")
CLUSTER: Final = arn("ecs", "cluster/recommender-dev-cluster-1a2b3c4")
SERVICE: Final = arn("ecs", "service/recommender-dev-cluster-1a2b3c4/recommender-dev-service-1a2b3c4")
DEFINITION: Final = arn("ecs", "task-definition/recommender-dev:1")
PROVIDER: Final = arn("ecs", "capacity-provider/recommender-dev-instances-provider-1a2b3c4")
BUCKET: Final = "arn:aws:s3:::recommender-dev-access-logs-1a2b3c4"
BUILDS: Final = "arn:aws:s3:::recommender-dev-builds-1a2b3c4"
BUILD_ROLE: Final = arn("iam", "role/recommender-dev-build-1a2b3c4", region="")
ALARM: Final = arn("cloudwatch", "alarm:recommender-dev-latency-1a2b3c4")
TRACKING: Final = arn("cloudwatch", "alarm:TargetTracking-service/recommender-dev-cluster-1a2b3c4/x-AlarmHigh-1a2b")

OF_A_SERVICE: Final[Mapping[str, Sequence[str]]] = {
    "autoscaling": [arn("autoscaling", "autoScalingGroup:1a2b:autoScalingGroupName/recommender-dev-instances-1a2b3c4")],
    "budgets": [arn("budgets", "budget/recommender-dev-budget", region="")],
    "cloudwatch": [ALARM, TRACKING],
    "codebuild": [arn("codebuild", "project/recommender-dev-build-1a2b3c4")],
    "ecr": [arn("ecr", "repository/recommender-dev")],
    "elasticloadbalancing": [
        arn("elasticloadbalancing", f"{kind}-dev-1a2b3c4/0123456789abcdef")
        for kind in ("loadbalancer/app/recommender", "targetgroup/recommender", "listener/app/recommender")
    ]
    + [arn("elasticloadbalancing", "listener-rule/app/recommender-dev/0123456789abcdef/0123456789abcdef/01")],
    "logs": [arn("logs", "log-group:recommender-dev-logs-1a2b3c4"), arn("logs", "log-group:recommender-dev-logs:*")],
    "route53": ["arn:aws:route53:::hostedzone/ZEXAMPLE"],
    "s3": [BUCKET, BUILDS],
    "scheduler": [arn("scheduler", "schedule/default/recommender-dev-score-schedule-1a2b3c4")],
    "sns": [arn("sns", "recommender-dev-alarms-1a2b3c4")],
    "wafv2": [arn("wafv2", "regional/webacl/recommender-dev-firewall/1a2b")],
}
"""The resources that a service asks about, where it asks about no other."""
OF_AN_ACTION: Final[Mapping[str, Sequence[str]]] = {
    "cloudwatch:DeleteDashboards": [arn("cloudwatch", "dashboard/recommender-dev", region="")],
    "cloudwatch:GetDashboard": [arn("cloudwatch", "dashboard/recommender-dev", region="")],
    "cloudwatch:PutDashboard": [arn("cloudwatch", "dashboard/recommender-dev", region="")],
    "ecs:CreateCapacityProvider": [PROVIDER],
    "ecs:DeleteCapacityProvider": [PROVIDER],
    "ecs:UpdateCapacityProvider": [PROVIDER],
    "ecs:DeleteService": [SERVICE],
    "ecs:UntagResource": [CLUSTER, SERVICE, DEFINITION, PROVIDER],
    "ecs:TagResource": [CLUSTER, SERVICE, DEFINITION, PROVIDER],
    "elasticloadbalancing:SetWebACL": [arn("elasticloadbalancing", "loadbalancer/app/recommender-dev-1a2b3c4/01")],
    "s3:AbortMultipartUpload": [f"{BUILDS}/a.zip"],
    "s3:DeleteObject": [f"{BUCKET}/AWSLogs/a", f"{BUILDS}/a.zip"],
    "s3:DeleteObjectVersion": [f"{BUCKET}/AWSLogs/a", f"{BUILDS}/a.zip"],
    "s3:GetObject": [f"{BUILDS}/a.zip"],
    "s3:GetObjectTagging": [f"{BUILDS}/a.zip"],
    "s3:PutObject": [f"{BUILDS}/a.zip"],
    "ssm:GetParameters": ["arn:aws:ssm:eu-central-1::parameter/aws/service/ecs/optimized-ami/a"],
}
WITHOUT_A_RESOURCE: Final = (
    "application-autoscaling:",
    "autoscaling:Describe",
    "cloudwatch:DescribeAlarms",
    "cloudwatch:ListDashboards",
    "ec2:Describe",
    "ecr:GetAuthorizationToken",
    "ecs:Describe",
    "ecs:List",
    "ecs:RegisterTaskDefinition",
    "elasticloadbalancing:Describe",
    "logs:DescribeLogGroups",
    "route53:GetChange",
    "route53:ListHostedZones",
    "tag:GetResources",
)

_CREATED: Final[Mapping[str, Sequence[str]]] = {
    "CreateInternetGateway": [],
    "CreateLaunchTemplate": [],
    "CreateNatGateway": ["subnet", "elastic-ip"],
    "CreateRouteTable": ["vpc"],
    "CreateSubnet": ["vpc"],
    "CreateVpc": [],
    "CreateVpcEndpoint": ["vpc", "subnet", "security-group"],
    "AllocateAddress": [],
}
"""Actions that create something with its tags, and what of the project's they ask for besides."""
_KINDS: Final[Mapping[str, str]] = {
    "AllocateAddress": "elastic-ip",
    "CreateInternetGateway": "internet-gateway",
    "CreateLaunchTemplate": "launch-template",
    "CreateNatGateway": "natgateway",
    "CreateRouteTable": "route-table",
    "CreateSecurityGroup": "security-group",
    "CreateSubnet": "subnet",
    "CreateVpc": "vpc",
    "CreateVpcEndpoint": "vpc-endpoint",
    "RunInstances": "instance",
}
_CHANGED: Final[Mapping[str, Sequence[str]]] = {
    "AssociateRouteTable": ["route-table", "subnet"],
    "AttachInternetGateway": ["internet-gateway", "vpc"],
    "CreateLaunchTemplateVersion": ["launch-template"],
    "CreateRoute": ["route-table"],
    "DeleteInternetGateway": ["internet-gateway"],
    "DeleteLaunchTemplate": ["launch-template"],
    "DeleteNatGateway": ["natgateway"],
    "DeleteRoute": ["route-table"],
    "DeleteRouteTable": ["route-table"],
    "DeleteSecurityGroup": ["security-group"],
    "DeleteSubnet": ["subnet"],
    "DeleteVpc": ["vpc"],
    "DeleteVpcEndpoints": ["vpc-endpoint"],
    "DetachInternetGateway": ["internet-gateway", "vpc"],
    "DisassociateAddress": ["elastic-ip"],
    "DisassociateRouteTable": ["route-table", "subnet"],
    "ModifyLaunchTemplate": ["launch-template"],
    "ModifySubnetAttribute": ["subnet"],
    "ModifyVpcAttribute": ["vpc"],
    "ModifyVpcEndpoint": ["vpc-endpoint", "subnet", "security-group"],
    "ReleaseAddress": ["elastic-ip"],
    "ReplaceRoute": ["route-table"],
}


def requests(action: str) -> list[Request]:
    """What AWS asks for one action of the provider on this project's resources; raises KeyError for an unknown one."""
    service, _, name = action.partition(":")
    if action.startswith(WITHOUT_A_RESOURCE):
        return [Request(action)]
    if service in SPECIAL:
        return [Request(action, resource, context) for resource, context in SPECIAL[service](name)]
    resources = OF_AN_ACTION.get(action) or OF_A_SERVICE[service]
    return [Request(action, resource) for resource in resources]


_Asked = Iterator[tuple[str, Mapping[str, str | Sequence[str]]]]


def _iam(name: str) -> _Asked:
    if name == "PassRole":
        for principal in ("ecs-tasks", "scheduler", "ec2"):
            yield ROLE, {"iam:PassedToService": f"{principal}.amazonaws.com"}
        yield BUILD_ROLE, {"iam:PassedToService": "codebuild.amazonaws.com"}
    elif name == "CreateServiceLinkedRole":
        for principal in ("ecs", "elasticloadbalancing", "ecs.application-autoscaling"):
            role = f"role/aws-service-role/{principal}.amazonaws.com/AWSServiceRole"
            yield arn("iam", role, region=""), {"iam:AWSServiceName": f"{principal}.amazonaws.com"}
    elif name in ("AttachRolePolicy", "DetachRolePolicy"):
        yield ROLE, {"iam:PermissionsBoundary": BOUNDARY, "iam:PolicyARN": INSTANCE_POLICY}
    elif "InstanceProfile" in name and name != "ListInstanceProfilesForRole":
        yield PROFILE, NEW
    elif "Role" in name or name == "ListRoleTags":
        yield ROLE, {**NEW, "iam:PermissionsBoundary": BOUNDARY}
    else:
        yield POLICY, NEW


def _ec2(name: str) -> _Asked:
    kind = _KINDS.get(name)
    if name == "CreateTags":
        for created in (*_KINDS, "AuthorizeSecurityGroupIngress"):
            yield arn("ec2", f"{_KINDS.get(created, 'security-group-rule')}/a"), {**NEW, "ec2:CreateAction": created}
        yield arn("ec2", "security-group/sg-1"), {**OWN, "aws:RequestTag/team": "search", "aws:TagKeys": ["team"]}
        yield arn("ec2", "security-group/sg-1"), {**OWN, **NEW}
    elif name == "DeleteTags":
        yield arn("ec2", "vpc/vpc-1"), {**OWN, "aws:TagKeys": ["team"]}
    elif name == "CreateSecurityGroup":
        yield arn("ec2", "security-group/*"), NEW
        yield arn("ec2", "vpc/vpc-default"), {}
    elif name == "RunInstances":
        template = arn("ec2", "launch-template/lt-1")
        yield template, {**OWN, "ec2:LaunchTemplate": template}
        yield "arn:aws:ec2:eu-central-1::image/ami-1", {"ec2:LaunchTemplate": template}
        for part in ("instance", "volume", "network-interface", "subnet", "security-group"):
            yield arn("ec2", f"{part}/1"), {"ec2:LaunchTemplate": template}
    elif "SecurityGroup" in name and name != "DeleteSecurityGroup":
        yield arn("ec2", "security-group/sg-1"), OWN
        yield arn("ec2", "security-group-rule/sgr-1"), NEW if name.startswith("Authorize") else {}
    elif kind:
        yield arn("ec2", f"{kind}/*"), NEW
        for other in _CREATED[name]:
            yield arn("ec2", f"{other}/1"), OWN
    else:
        for own in _CHANGED[name]:
            yield arn("ec2", f"{own}/1"), OWN
    if name in ("CreateVpcEndpoint", "ModifyVpcEndpoint"):
        yield arn("ec2", "route-table/rtb-main"), {}  # AWS made the VPC's main route table, without tags


def _ecs(name: str) -> _Asked:
    if name in ("CreateService", "UpdateService"):
        yield SERVICE, {"ecs:task-definition": DEFINITION, "ecs:cluster": CLUSTER}
    else:
        for resource in OF_AN_ACTION.get(f"ecs:{name}", [CLUSTER]):
            yield resource, {}


def _acm(name: str) -> _Asked:
    certificate = arn("acm", "certificate/1a2b")
    yield ("*", NEW) if name == "RequestCertificate" else (certificate, {**OWN, **NEW} if "Tags" in name else OWN)


def _kms(name: str) -> _Asked:
    context = {"kms:ViaService": "ecr.eu-central-1.amazonaws.com"}
    yield arn("kms", "key/1a2b"), {**context, **({"kms:GrantIsForAWSResource": "true"} if "Create" in name else {})}


def _route53(name: str) -> _Asked:
    for kind in ("A", "AAAA", "CNAME"):
        yield (
            "arn:aws:route53:::hostedzone/ZEXAMPLE",
            {"route53:ChangeResourceRecordSetsRecordTypes": [kind]} if name.startswith("Change") else {},
        )


SPECIAL: Final = {"iam": _iam, "ec2": _ec2, "ecs": _ecs, "acm": _acm, "kms": _kms, "route53": _route53}
