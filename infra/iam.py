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


def trust_policy(service: str, condition: Mapping[str, Any] | None = None) -> str:
    """The trust policy, as JSON, that lets an AWS service assume a role."""
    statement = {"Effect": "Allow", "Principal": {"Service": service}, "Action": "sts:AssumeRole"}
    return policy([{**statement, **({"Condition": condition} if condition else {})}])
