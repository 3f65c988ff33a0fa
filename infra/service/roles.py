"""Who the tasks are: the role that starts them, with the least it needs, and the role they run as, with nothing."""

import json
import re
from collections.abc import Sequence
from typing import Any, Final

POLICY_VERSION: Final = "2012-10-17"
CHANNELS: Final = ("ControlChannel", "DataChannel")


def task_trust_policy() -> str:
    """The trust policy, as JSON, that lets ECS tasks take a role."""
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "ecs-tasks.amazonaws.com"},
        "Action": "sts:AssumeRole",
    }
    return json.dumps({"Version": POLICY_VERSION, "Statement": [statement]}, sort_keys=True)


def execution_policy(*, repository_arns: Sequence[str], log_group_arn: str, secret_arns: Sequence[str]) -> str:
    """What ECS may do to start a task, as JSON: pull these repositories, write this log, read these secrets.

    Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task_execution_IAM_role.html
    ("Amazon ECS task execution IAM role")
    """
    logs = _allow("Log", ["logs:CreateLogStream", "logs:PutLogEvents"], [f"{log_group_arn.removesuffix(':*')}:*"])
    statements = [*_pull(repository_arns), logs, *_read_secrets(secret_arns)]
    return json.dumps({"Version": POLICY_VERSION, "Statement": statements}, sort_keys=True)


def exec_policy() -> str:
    """What ECS Exec takes, as JSON; its channels have no name that a policy could be scoped to.

    Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-iam-roles.html ("Amazon ECS task IAM role")
    """
    actions = [f"ssmmessages:{verb}{channel}" for verb in ("Create", "Open") for channel in CHANNELS]
    return json.dumps({"Version": POLICY_VERSION, "Statement": [_allow("Exec", actions, ["*"])]}, sort_keys=True)


def s3_policy(partition: str, *, read: Sequence[str], write: Sequence[str]) -> str:
    """Reading what lies under some prefixes and writing under others, as JSON. read, write: s3://bucket/prefix."""
    statements = []
    if read:
        objects = [f"arn:{partition}:s3:::{prefix.removeprefix('s3://')}*" for prefix in read]
        statements.append(_allow("Read", ["s3:GetObject"], objects))
    for place, prefix in enumerate(read):
        bucket, _, folder = prefix.removeprefix("s3://").partition("/")
        listing = _allow(f"List{place}", ["s3:ListBucket"], [f"arn:{partition}:s3:::{bucket}"])
        statements.append({**listing, "Condition": {"StringLike": {"s3:prefix": [f"{folder}*"]}}})
    if write:
        objects = [f"arn:{partition}:s3:::{prefix.removeprefix('s3://')}*" for prefix in write]
        statements.append(_allow("Write", ["s3:AbortMultipartUpload", "s3:PutObject"], objects))
    return json.dumps({"Version": POLICY_VERSION, "Statement": statements}, sort_keys=True)


def scheduler_trust_policy(account: str) -> str:
    """The trust policy, as JSON, that lets this account's schedules take a role, and nobody else's."""
    statement = {
        "Effect": "Allow",
        "Principal": {"Service": "scheduler.amazonaws.com"},
        "Action": "sts:AssumeRole",
        "Condition": {"StringEquals": {"aws:SourceAccount": account}},
    }
    return json.dumps({"Version": POLICY_VERSION, "Statement": [statement]}, sort_keys=True)


def scheduler_policy(*, cluster: str, definition: str, roles: Sequence[str]) -> str:
    """Starting one task in one cluster with its own roles, as JSON."""
    run = _allow("Run", ["ecs:RunTask"], [definition])
    hand = _allow("HandOverRoles", ["iam:PassRole"], roles)
    statements = [
        {**run, "Condition": {"ArnEquals": {"ecs:cluster": cluster}}},
        {**hand, "Condition": {"StringEquals": {"iam:PassedToService": "ecs-tasks.amazonaws.com"}}},
    ]
    return json.dumps({"Version": POLICY_VERSION, "Statement": statements}, sort_keys=True)


def _pull(repository_arns: Sequence[str]) -> list[dict[str, Any]]:
    if not repository_arns:
        return []
    actions = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
    return [
        # Has no resource to be scoped to. Source: "Actions, resources, and condition keys for Amazon Elastic
        # Container Registry", https://docs.aws.amazon.com/service-authorization/latest/reference/
        _allow("LogIn", ["ecr:GetAuthorizationToken"], ["*"]),
        _allow("Pull", actions, repository_arns),
    ]


def _read_secrets(arns: Sequence[str]) -> list[dict[str, Any]]:
    secrets = sorted({_whole_secret(arn) for arn in arns if ":secretsmanager:" in arn})
    parameters = sorted({arn for arn in arns if ":ssm:" in arn})
    statements = []
    if secrets:
        statements.append(_allow("Secrets", ["secretsmanager:GetSecretValue"], secrets))
    if parameters:
        statements.append(_allow("Parameters", ["ssm:GetParameters"], parameters))
    return statements


def _whole_secret(arn: str) -> str:
    """The secret's own ARN, without the JSON key and version that `valueFrom` may add."""
    return ":".join(re.split(":", arn)[:7])


def _allow(sid: str, actions: Sequence[str], resources: Sequence[str]) -> dict[str, Any]:
    return {"Sid": sid, "Effect": "Allow", "Action": list(actions), "Resource": list(resources)}
