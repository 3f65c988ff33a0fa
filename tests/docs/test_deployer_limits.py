"""The deployer's policies allow what the program's resources take, and no way to more; roles stay in their boundary."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest

from infra.image.cloud_build import build_policy
from tests.docs.iam_evaluation import Request, allows
from tests.docs.policy_requests import (
    BOUNDARY,
    BUCKET,
    BUILD_ROLE,
    BUILDS,
    CLUSTER,
    DEFINITION,
    INSTANCE_POLICY,
    NEW,
    OWN,
    POLICY,
    ROLE,
    SERVICE,
    arn,
    requests,
)
from tests.docs.rights import RIGHTS

DOCS = Path(__file__).resolve().parents[2] / "docs"


def document(name: str) -> dict[str, Any]:
    return dict(json.loads((DOCS / name).read_text(encoding="utf-8")))


DEPLOYER = [document(f"deployer-policy{part}.json") for part in ("", "-options", "-codebuild")]
LIMIT = document("role-boundary.json")
EVERYTHING = {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}

BY_AN_INPUT = {"kms:DescribeKey", "kms:CreateGrant", "kms:RetireGrant"}
"""For `registryKmsKeyArn`, an input of a resource that is there in any case."""
OF_RULES = {
    f"elasticloadbalancing:{name}" for name in ("CreateRule", "DeleteRule", "ModifyRule", "SetRulePriorities")
} | {"elasticloadbalancing:DescribeRules"}
"""For a listener that answers under a path."""
NEEDED = sorted(set().union(*RIGHTS.values()) | BY_AN_INPUT | OF_RULES)


@pytest.mark.parametrize("action", NEEDED)
def test_it_allows_what_the_provider_asks_for(action: str) -> None:
    assert [one for one in requests(action) if not allows(DEPLOYER, one)] == []


CALLS: Mapping[str, Mapping[str, Sequence[str]]] = json.loads(
    Path(__file__).with_name("provider_calls.json").read_text(encoding="utf-8")
)
"""The calls of Terraform's AWS provider 5.100, which pulumi-aws runs, and the keys of the tags in them: recorded
between it and an emulated AWS while Pulumi created a stack with `monitoring`, `maxCount`, `createPushPolicy`, refreshed
it, added the tag `team` to all of it, and deleted it. `sts:GetCallerIdentity` takes no permission."""


@pytest.mark.parametrize("phase", CALLS)
def test_it_allows_every_call_that_the_provider_was_seen_to_make(phase: str) -> None:
    refused = [one for action in CALLS[phase] for one in requests(action) if not allows(DEPLOYER, one)]
    assert refused == []


def test_the_provider_tags_what_it_creates_in_the_same_call() -> None:
    created = {name: keys for name, keys in CALLS["up"].items() if keys}
    assert {"ec2:CreateSecurityGroup", "ec2:AuthorizeSecurityGroupIngress", "iam:CreateRole"} <= set(created)
    assert [name for name, keys in created.items() if "project" not in keys] == []
    assert "ec2:CreateTags" not in CALLS["up"]


OTHER_ROLE = arn("iam", "role/administrator", region="")
OLD_ROLE = arn("iam", "role/recommender-made-by-hand", region="")
OTHER_LIMIT = arn("iam", "policy/recommender-anything", region="")
LIMIT_ARN = BOUNDARY
ADMINISTRATOR = "arn:aws:iam::aws:policy/AdministratorAccess"
WITHIN = {"iam:PermissionsBoundary": BOUNDARY}
FOREIGN = {"aws:ResourceTag/project": "payroll"}
VPC, GROUP, TEMPLATE = (arn("ec2", name) for name in ("vpc/vpc-9", "security-group/sg-9", "launch-template/lt-9"))
TO_TASKS = {"iam:PassedToService": "ecs-tasks.amazonaws.com"}


def ask(action: str, resource: str = "*", **context: Any) -> Request:
    return Request(action, resource, context)


ATTACKS: Mapping[str, Sequence[Request]] = {
    "create a role without a boundary": [ask("iam:CreateRole", ROLE, **NEW)],
    "create a role with another boundary": [
        ask("iam:CreateRole", ROLE, **{"iam:PermissionsBoundary": other})
        for other in (OTHER_LIMIT, ADMINISTRATOR, arn("iam", "policy/x/boundary-recommender", region=""))
    ],
    "create a role of another name": [ask("iam:CreateRole", OTHER_ROLE, **WITHIN)],
    "swap a role's boundary": [ask("iam:PutRolePermissionsBoundary", ROLE, **{"iam:PermissionsBoundary": OTHER_LIMIT})],
    "remove a role's boundary": [ask("iam:DeleteRolePermissionsBoundary", ROLE, **WITHIN)],
    "change the boundary itself": [
        ask(f"iam:{name}", LIMIT_ARN)
        for name in ("CreatePolicyVersion", "SetDefaultPolicyVersion", "DeletePolicy", "DeletePolicyVersion")
    ],
    "put a policy on a role without a boundary": [
        ask("iam:PutRolePolicy", ROLE),
        ask("iam:PutRolePolicy", OLD_ROLE),
        ask("iam:PutRolePolicy", OTHER_ROLE, **WITHIN),
    ],
    "attach AdministratorAccess to a role": [
        ask("iam:AttachRolePolicy", ROLE, **WITHIN, **{"iam:PolicyARN": policy}) for policy in (ADMINISTRATOR, POLICY)
    ],
    "attach a policy to a role without a boundary": [
        ask("iam:AttachRolePolicy", OLD_ROLE, **{"iam:PolicyARN": INSTANCE_POLICY})
    ],
    "let somebody else assume a role that exists": [
        ask("iam:UpdateAssumeRolePolicy", role) for role in (ROLE, OLD_ROLE, OTHER_ROLE)
    ],
    "change a policy that others are attached to": [
        ask(f"iam:{name}", POLICY) for name in ("CreatePolicyVersion", "SetDefaultPolicyVersion")
    ],
    "create users, groups and keys": [
        ask(f"iam:{name}", arn("iam", "user/anybody", region=""))
        for name in ("CreateUser", "CreateAccessKey", "CreateLoginProfile", "AttachUserPolicy", "PutUserPolicy")
    ]
    + [ask("iam:AddUserToGroup", arn("iam", "group/admins", region=""))],
    "assume another role": [ask("sts:AssumeRole", role) for role in (ROLE, OTHER_ROLE)],
    "pass an administrator's role to a task": [ask("iam:PassRole", OTHER_ROLE, **TO_TASKS)],
    "pass a role to another service": [
        ask("iam:PassRole", ROLE, **{"iam:PassedToService": f"{service}.amazonaws.com"})
        for service in ("lambda", "cloudformation", "glue", "codebuild", "sagemaker", "ssm", "datapipeline")
    ],
    "pass a role to nobody in particular": [ask("iam:PassRole", ROLE)],
    "run code by another service": [
        ask(name)
        for name in (
            "cloudformation:CreateStack",
            "codebuild:CreateProject",
            "glue:CreateDevEndpoint",
            "lambda:CreateFunction",
            "sagemaker:CreateNotebookInstance",
            "ssm:SendCommand",
            "ssm:StartSession",
        )
    ],
    "build in another's project, with its role": [
        ask(f"codebuild:{name}", arn("codebuild", "project/payroll"))
        for name in ("UpdateProject", "DeleteProject", "StartBuild", "BatchGetBuilds")
    ],
    "build with another's role": [
        ask("iam:PassRole", role, **{"iam:PassedToService": "codebuild.amazonaws.com"})
        for role in (ROLE, OLD_ROLE, OTHER_ROLE)
    ],
    "hand the role of a build to another service": [
        ask("iam:PassRole", BUILD_ROLE, **{"iam:PassedToService": f"{service}.amazonaws.com"})
        for service in ("lambda", "cloudformation", "glue", "sagemaker", "ssm")
    ],
    "give builds credentials, show them to everybody, or start them from outside": [
        ask(f"codebuild:{name}", resource)
        for name in ("ImportSourceCredentials", "UpdateProjectVisibility", "CreateWebhook", "PutResourcePolicy")
        for resource in ("*", arn("codebuild", "project/recommender-dev-build-1a2b3c4"))
    ],
    "read or replace what another stack's services log or another project builds": [
        ask(f"s3:{name}", f"{bucket}/a")
        for name in ("GetObject", "PutObject")
        for bucket in (BUCKET, "arn:aws:s3:::payroll-builds-1a2b3c4")
    ],
    "run a task or look into one": [
        ask("ecs:RunTask", DEFINITION, **{"ecs:cluster": CLUSTER}),
        ask("ecs:StartTask", DEFINITION),
        ask("ecs:ExecuteCommand", arn("ecs", "task/recommender-dev-cluster/1")),
    ],
    "run another project's task definition, with its roles": [
        ask(f"ecs:{name}", SERVICE, **{"ecs:task-definition": arn("ecs", "task-definition/payroll:7")})
        for name in ("CreateService", "UpdateService")
    ],
    "change another project's service": [
        ask(f"ecs:{name}", arn("ecs", "service/payroll/payroll")) for name in ("UpdateService", "DeleteService")
    ],
    "create a service role of another service": [
        ask(
            "iam:CreateServiceLinkedRole",
            arn("iam", "role/aws-service-role/x/y", region=""),
            **{"iam:AWSServiceName": "ssm.amazonaws.com"},
        )
    ],
    "put a role into another's instance profile": [
        ask("iam:AddRoleToInstanceProfile", arn("iam", "instance-profile/payroll", region=""))
    ],
    "change another project's launch template": [
        ask(f"ec2:{name}", TEMPLATE, **context)
        for name in ("CreateLaunchTemplateVersion", "ModifyLaunchTemplate", "DeleteLaunchTemplate")
        for context in ({}, FOREIGN)
    ],
    "start an instance of another template, or of none": [
        ask("ec2:RunInstances", TEMPLATE, **{"ec2:LaunchTemplate": TEMPLATE}),
        ask("ec2:RunInstances", arn("ec2", "instance/*"), **NEW),
    ],
    "tag what is not the project's, to delete it after that": [
        ask("ec2:CreateTags", resource, **NEW, **context) for resource in (VPC, GROUP) for context in ({}, FOREIGN)
    ]
    + [ask("acm:AddTagsToCertificate", arn("acm", "certificate/9"), **NEW)],
    "tag another's security group rule": [
        ask("ec2:CreateTags", arn("ec2", "security-group-rule/sgr-9"), **NEW, **context) for context in ({}, FOREIGN)
    ],
    "give a thing of the project to another": [
        ask("ec2:CreateTags", VPC, **OWN, **{"aws:RequestTag/project": "payroll"})
    ],
    "create a thing in the name of another project": [
        ask("ec2:CreateSecurityGroup", GROUP, **{"aws:RequestTag/project": "payroll"}),
        ask("ec2:CreateVpc", VPC),
    ],
    "open or close another project's security group": [
        ask(f"ec2:{name}", GROUP, **context)
        for name in (
            "AuthorizeSecurityGroupIngress",
            "AuthorizeSecurityGroupEgress",
            "RevokeSecurityGroupIngress",
            "RevokeSecurityGroupEgress",
            "ModifySecurityGroupRules",
            "DeleteSecurityGroup",
        )
        for context in ({}, FOREIGN)
    ],
    "change or delete another project's network": [
        ask(f"ec2:{name}", arn("ec2", f"{kind}/9"), **context)
        for name, kind in (
            ("DeleteVpc", "vpc"),
            ("ModifyVpcAttribute", "vpc"),
            ("CreateSubnet", "vpc"),
            ("CreateRouteTable", "vpc"),
            ("CreateVpcEndpoint", "vpc"),
            ("AttachInternetGateway", "vpc"),
            ("DeleteSubnet", "subnet"),
            ("ModifySubnetAttribute", "subnet"),
            ("CreateRoute", "route-table"),
            ("ReplaceRoute", "route-table"),
            ("DeleteRoute", "route-table"),
            ("AssociateRouteTable", "route-table"),
            ("DeleteNatGateway", "natgateway"),
            ("ReleaseAddress", "elastic-ip"),
            ("TerminateInstances", "instance"),
        )
        for context in ({}, FOREIGN)
    ],
    "delete what another project has": [
        ask("ecr:DeleteRepository", arn("ecr", "repository/payroll")),
        ask("ecr:PutImage", arn("ecr", "repository/payroll")),
        ask("elasticloadbalancing:DeleteLoadBalancer", arn("elasticloadbalancing", "loadbalancer/app/payroll/1")),
        ask("elasticloadbalancing:ModifyRule", arn("elasticloadbalancing", "listener-rule/app/payroll/1/2/3")),
        ask("logs:DeleteLogGroup", arn("logs", "log-group:payroll")),
        ask("logs:GetLogEvents", arn("logs", "log-group:payroll:log-stream:a")),
        ask("sns:Subscribe", arn("sns", "payroll")),
        ask("s3:DeleteBucket", "arn:aws:s3:::payroll"),
        ask("s3:DeleteObject", "arn:aws:s3:::my-team-pulumi-state/.pulumi/stacks/payroll.json"),
        ask("cloudwatch:DeleteAlarms", arn("cloudwatch", "alarm:payroll")),
        ask(
            "autoscaling:UpdateAutoScalingGroup", arn("autoscaling", "autoScalingGroup:1:autoScalingGroupName/payroll")
        ),
        ask("acm:DeleteCertificate", arn("acm", "certificate/9"), **FOREIGN),
        ask("wafv2:DeleteWebACL", arn("wafv2", "regional/webacl/payroll/1")),
    ],
    "read secrets": [
        ask("secretsmanager:GetSecretValue", arn("secretsmanager", "secret:payroll-AbCdEf"), **OWN),
        ask("ssm:GetParameters", arn("ssm", "parameter/payroll")),
        ask("kms:Decrypt", arn("kms", "key/9")),
        ask("s3:GetObject", "arn:aws:s3:::recommender-dev/a"),
    ],
    "use a key outside the registry": [
        ask("kms:CreateGrant", arn("kms", "key/9")),
        ask(
            "kms:CreateGrant",
            arn("kms", "key/9"),
            **{"kms:ViaService": "ecr.eu-central-1.amazonaws.com", "kms:GrantIsForAWSResource": "false"},
        ),
    ],
    "redirect a zone's mail or delegate a name": [
        ask(
            "route53:ChangeResourceRecordSets",
            "arn:aws:route53:::hostedzone/Z",
            **{"route53:ChangeResourceRecordSetsRecordTypes": ["A", kind]},
        )
        for kind in ("MX", "NS", "TXT")
    ],
}


@pytest.mark.parametrize("attack", ATTACKS)
def test_it_does_not_let_the_deployer(attack: str) -> None:
    assert ATTACKS[attack]
    assert [one for one in ATTACKS[attack] if allows(DEPLOYER, one)] == []


@pytest.mark.parametrize("attack", ["remove a role's boundary", "change the boundary itself"])
def test_the_boundary_stands_even_if_another_policy_allows_everything(attack: str) -> None:
    assert [one for one in ATTACKS[attack] if allows([*DEPLOYER, EVERYTHING], one)] == []


OUTSIDE_THE_BOUNDARY: Sequence[Request] = [
    *(ask(f"iam:{name}", ROLE, **WITHIN) for name in ("CreateRole", "PutRolePolicy", "AttachRolePolicy", "GetRole")),
    *(ask(f"iam:{name}", LIMIT_ARN) for name in ("CreatePolicyVersion", "DeletePolicy")),
    ask("iam:CreateUser", arn("iam", "user/anybody", region="")),
    ask("iam:DeleteRolePermissionsBoundary", ROLE),
    ask("iam:PassRole", OTHER_ROLE, **TO_TASKS),
    ask("iam:PassRole", ROLE, **{"iam:PassedToService": "lambda.amazonaws.com"}),
    ask("sts:AssumeRole", OTHER_ROLE),
    ask("ecs:RunTask", arn("ecs", "task-definition/payroll:7"), **{"ecs:cluster": CLUSTER}),
    ask("ecs:RunTask", DEFINITION, **{"ecs:cluster": arn("ecs", "cluster/payroll")}),
    ask("ecs:RegisterContainerInstance", arn("ecs", "cluster/payroll")),
    ask("ecs:UpdateService", SERVICE),
    ask("ecs:RegisterTaskDefinition"),
    ask("ecs:ExecuteCommand", CLUSTER),
    ask("ec2:RunInstances", arn("ec2", "instance/*"), **NEW),
    ask("ec2:AuthorizeSecurityGroupIngress", GROUP, **OWN),
    ask("lambda:CreateFunction"),
    ask("cloudformation:CreateStack"),
    ask("secretsmanager:GetSecretValue", arn("secretsmanager", "secret:payroll-AbCdEf")),
    ask("secretsmanager:GetSecretValue", arn("secretsmanager", "secret:payroll-AbCdEf"), **FOREIGN),
    ask("secretsmanager:PutSecretValue", arn("secretsmanager", "secret:token-AbCdEf"), **OWN),
    ask("ssm:GetParameters", arn("ssm", "parameter/payroll")),
    ask("ssm:SendCommand", arn("ec2", "instance/i-9")),
    ask("kms:Decrypt", arn("kms", "key/9")),
    ask("s3:GetObject", "arn:aws:s3:::my-team-pulumi-state/.pulumi/stacks/payroll.json"),
    ask("s3:DeleteObject", "arn:aws:s3:::my-team-films/a"),
    ask("ecr:PutImage", arn("ecr", "repository/payroll")),
    ask("ecr:BatchDeleteImage", arn("ecr", "repository/recommender-dev")),
    ask("s3:PutObject", f"{BUILDS}/a.zip"),
    ask("s3:GetObject", f"{BUCKET}/AWSLogs/a"),
    ask("codebuild:StartBuild", arn("codebuild", "project/recommender-dev-build-1a2b3c4")),
    ask("logs:PutLogEvents", arn("logs", "log-group:payroll:log-stream:a")),
]


@pytest.mark.parametrize("request_", OUTSIDE_THE_BOUNDARY, ids=lambda one: f"{one.action} {one.resource}")
def test_a_role_within_the_boundary_cannot_though_its_policy_allows_everything(request_: Request) -> None:
    assert allows([EVERYTHING], request_), "the policy alone allows it"
    assert not allows([EVERYTHING], request_, boundary=LIMIT)


def test_the_role_of_a_build_keeps_all_its_rights_within_the_boundary() -> None:
    logs = arn("logs", "log-group:recommender-dev-build-logs-1a2b3c4")
    granted = json.loads(build_policy(BUILDS, arn("ecr", "repository/recommender-dev"), logs))
    for statement in granted["Statement"]:
        for resource in statement["Resource"]:
            one = f"{resource.removesuffix('/*')}/a.zip" if resource.startswith(BUILDS) else resource
            lost = [name for name in statement["Action"] if not allows([granted], ask(name, one), boundary=LIMIT)]
            assert lost == []


def test_the_boundary_has_no_wildcard_among_its_actions() -> None:
    listed = [one["Action"] for one in LIMIT["Statement"]]
    actions = [action for one in listed for action in ([one] if isinstance(one, str) else one)]
    assert [action for action in actions if "*" in action] == []


def test_the_documents_name_one_boundary() -> None:
    text = "".join((DOCS / name).read_text(encoding="utf-8") for name in ("deployer-policy.json", "aws-account.md"))
    assert "policy/boundary-recommender" in text
    assert "--policy-name boundary-recommender --policy-document file://docs/role-boundary.json" in text
    assert f"permissionsBoundary {BOUNDARY}" in text
