"""Building blocks of IAM policies."""

import json
from collections.abc import Mapping, Sequence
from typing import Any, Final

POLICY_VERSION: Final = "2012-10-17"
ECR_PULL_ACTIONS: Final = ("ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")


def policy(statements: Sequence[Mapping[str, Any]]) -> str:
    """A policy document as JSON, the same for the same content."""
    return json.dumps({"Version": POLICY_VERSION, "Statement": list(statements)}, sort_keys=True)


def allow(sid: str, actions: Sequence[str], resources: Sequence[str]) -> dict[str, Any]:
    """A statement that allows `actions` on `resources`."""
    return {"Sid": sid, "Effect": "Allow", "Action": list(actions), "Resource": list(resources)}


def push_statements(repository_arn: str) -> list[dict[str, Any]]:
    """Statements for pushing to one ECR repository; the login action has no resource to be scoped to.

    Source: https://docs.aws.amazon.com/AmazonECR/latest/userguide/image-push-iam.html
    ("IAM permissions for pushing an image to an Amazon ECR private repository")
    """
    push = ["ecr:CompleteLayerUpload", "ecr:InitiateLayerUpload", "ecr:PutImage", "ecr:UploadLayerPart"]
    login = allow("LogIn", ["ecr:GetAuthorizationToken"], ["*"])
    return [login, allow("Push", [*ECR_PULL_ACTIONS, *push], [repository_arn])]


def trust_policy(service: str, condition: Mapping[str, Any] | None = None) -> str:
    """The trust policy, as JSON, that lets an AWS service assume a role."""
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    return policy([{**statement, **({"Condition": condition} if condition else {})}])
