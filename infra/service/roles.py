"""IAM policies of the tasks: the execution role with least privilege, the task role, the scheduler."""

import re
from collections.abc import Sequence
from typing import Any, Final

from infra.iam import ECR_PULL_ACTIONS, allow, policy, trust_policy

CHANNELS: Final = ("ControlChannel", "DataChannel")


def task_trust_policy() -> str:
    """The trust policy, as JSON, that lets ECS tasks assume a role."""
    return trust_policy("ecs-tasks.amazonaws.com")


def execution_policy(
    *, repository_arns: Sequence[str], log_group_arn: str, secret_arns: Sequence[str], kms_key_arns: Sequence[str] = ()
) -> str:
    """The execution role's policy, as JSON: pull from the repositories, write to the log group, read the secrets.

    kms_key_arns: keys other than AWS's own that encrypt the secrets.
    Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_execution_IAM_role.html
    ("Amazon ECS task execution IAM role")
    """
    logs = allow("Log", ["logs:CreateLogStream", "logs:PutLogEvents"], [f"{log_group_arn.removesuffix(':*')}:*"])
    return policy([*_pull(repository_arns), logs, *_read_secrets(secret_arns), *_decrypt(kms_key_arns, secret_arns)])


def exec_policy() -> str:
    """The task role's policy for ECS Exec, as JSON; its channels have no ARN to be scoped to.

    Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html ("Amazon ECS task IAM role")
    """
    actions = [f"ssmmessages:{verb}{channel}" for verb in ("Create", "Open") for channel in CHANNELS]
    return policy([allow("Exec", actions, ["*"])])


def s3_policy(partition: str, *, read: Sequence[str], write: Sequence[str]) -> str:
    """A policy, as JSON, for reading under S3 prefixes, and for reading and writing. read, write: s3://bucket/prefix.

    A job that was interrupted has to see what it wrote to go on where it was; nothing can be deleted.
    """
    readable = list(dict.fromkeys([*read, *write]))
    statements = []
    if readable:
        objects = [f"arn:{partition}:s3:::{prefix.removeprefix('s3://')}*" for prefix in readable]
        statements.append(allow("Read", ["s3:GetObject"], objects))
    for position, prefix in enumerate(readable):
        bucket, _, folder = prefix.removeprefix("s3://").partition("/")
        listing = allow(f"List{position}", ["s3:ListBucket"], [f"arn:{partition}:s3:::{bucket}"])
        statements.append({**listing, "Condition": {"StringLike": {"s3:prefix": [f"{folder}*"]}}})
    if write:
        objects = [f"arn:{partition}:s3:::{prefix.removeprefix('s3://')}*" for prefix in write]
        statements.append(allow("Write", ["s3:AbortMultipartUpload", "s3:PutObject"], objects))
    return policy(statements)


def scheduler_trust_policy(account: str) -> str:
    """The trust policy, as JSON, that lets the schedules of this account, and no other, assume a role."""
    return trust_policy("scheduler.amazonaws.com", {"StringEquals": {"aws:SourceAccount": account}})


def scheduler_policy(*, cluster: str, definition: str, roles: Sequence[str]) -> str:
    """The scheduler's policy, as JSON: run one task definition in one cluster, tag its tasks and pass its roles.

    Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/CWE_IAM_role.html
    ("Amazon ECS EventBridge IAM Role")
    """
    run = allow("Run", ["ecs:RunTask"], [definition])
    tag = allow("Tag", ["ecs:TagResource"], [f"{cluster.replace(':cluster/', ':task/')}/*"])
    pass_roles = allow("HandOverRoles", ["iam:PassRole"], roles)
    return policy(
        [
            {**run, "Condition": {"ArnEquals": {"ecs:cluster": cluster}}},
            {**tag, "Condition": {"StringEquals": {"ecs:CreateAction": "RunTask"}}},
            {**pass_roles, "Condition": {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}}},
        ]
    )


def _pull(repository_arns: Sequence[str]) -> list[dict[str, Any]]:
    if not repository_arns:
        return []
    return [
        # The login action has no resource to be scoped to. Source: "Actions, resources, and condition keys for Amazon
        # Elastic Container Registry", https://docs.aws.amazon.com/service-authorization/latest/reference/
        allow("LogIn", ["ecr:GetAuthorizationToken"], ["*"]),
        allow("Pull", ECR_PULL_ACTIONS, repository_arns),
    ]


def _read_secrets(arns: Sequence[str]) -> list[dict[str, Any]]:
    secrets = sorted({_secret_arn(arn) for arn in arns if ":secretsmanager:" in arn})
    parameters = sorted({arn for arn in arns if ":ssm:" in arn})
    statements = []
    if secrets:
        statements.append(allow("Secrets", ["secretsmanager:GetSecretValue"], secrets))
    if parameters:
        statements.append(allow("Parameters", ["ssm:GetParameters"], parameters))
    return statements


def _decrypt(kms_key_arns: Sequence[str], secret_arns: Sequence[str]) -> list[dict[str, Any]]:
    """The use of the keys by the services that store the secrets alone."""
    if not kms_key_arns:
        return []
    services = set()
    for _, partition, service, region, *_rest in (arn.split(":") for arn in secret_arns):
        services.add(f"{service}.{region}.amazonaws.com{'.cn' if partition == 'aws-cn' else ''}")
    decrypt = allow("Decrypt", ["kms:Decrypt"], sorted(set(kms_key_arns)))
    return [{**decrypt, "Condition": {"StringEquals": {"kms:ViaService": sorted(services)}}}]


def _secret_arn(arn: str) -> str:
    """The secret's own ARN, without the JSON key and version that `valueFrom` may append.

    One without the six characters that Secrets Manager adds matches any six. Source:
    https://docs.aws.amazon.com/secretsmanager/latest/userguide/permissions_grant-limited-resources.html
    ("Limiting Access to Specific Secrets")
    """
    whole = ":".join(arn.split(":")[:7])
    return whole if re.search(r"-[A-Za-z0-9]{6}$", whole) else f"{whole}-??????"
