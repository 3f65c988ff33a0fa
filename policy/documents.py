"""Checks of IAM policy documents. Imports no Pulumi."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

ACTIONS_WITHOUT_RESOURCE: Final = frozenset(
    {
        "ecr:GetAuthorizationToken",
        "ssmmessages:CreateControlChannel",
        "ssmmessages:CreateDataChannel",
        "ssmmessages:OpenControlChannel",
        "ssmmessages:OpenDataChannel",
    }
)
"""Actions without resource types, which work with "*" only. Source: "Service Authorization Reference", the tables of
Amazon ECR and of Amazon Message Gateway Service (docs.aws.amazon.com)."""


def overly_permissive(document: str) -> Iterator[str]:
    """A message for each wildcard and negation in a document's Allow statements."""
    statements = json.loads(document).get("Statement", [])
    for statement in statements if isinstance(statements, list) else [statements]:
        if statement.get("Effect") == "Allow":
            yield from _statement(statement)


def _statement(statement: Mapping[str, Any]) -> Iterator[str]:
    name = statement.get("Sid") or "a statement without Sid"
    for element in ("NotAction", "NotResource", "NotPrincipal"):
        if element in statement:
            yield f"{name} allows by {element}, thus everything that it does not name"
    actions = _strings(statement.get("Action"))
    for action in actions:
        if "*" in action:
            yield f"{name} allows the actions {action}; name each action"
    if "*" in _strings(statement.get("Resource")):
        broad = sorted(set(actions) - ACTIONS_WITHOUT_RESOURCE)
        if broad:
            yield f"{name} allows {', '.join(broad)} on every resource; name the resources"
    principal = statement.get("Principal")
    public = principal == "*" or (isinstance(principal, Mapping) and "*" in _strings(principal.get("AWS")))
    if public and not statement.get("Condition"):
        yield f"{name} allows every principal; name the accounts"


def _strings(value: Any) -> list[str]:
    if value is None:
        return []
    return [str(item) for item in value] if isinstance(value, list | tuple) else [str(value)]
