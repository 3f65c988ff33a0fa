"""IAM policy documents: what one allows too generously. Imports no Pulumi."""

import json
from collections.abc import Iterator, Mapping
from typing import Any, Final

WITHOUT_RESOURCE: Final = frozenset(
    {
        "ecr:GetAuthorizationToken",
        "ssmmessages:CreateControlChannel",
        "ssmmessages:CreateDataChannel",
        "ssmmessages:OpenControlChannel",
        "ssmmessages:OpenDataChannel",
    }
)
"""Actions that know no resource, so that only "*" works. Source: "Service Authorization Reference", the tables of
Amazon ECR and of Amazon Message Gateway Service (docs.aws.amazon.com)."""


def too_generous(document: str) -> Iterator[str]:
    """What is wrong with each statement that allows more than it names; a statement that denies may name all."""
    statements = json.loads(document).get("Statement", [])
    for statement in statements if isinstance(statements, list) else [statements]:
        if statement.get("Effect") == "Allow":
            yield from _statement(statement)


def _statement(statement: Mapping[str, Any]) -> Iterator[str]:
    name = statement.get("Sid") or "a statement without Sid"
    for word in ("NotAction", "NotResource", "NotPrincipal"):
        if word in statement:
            yield f"{name} allows by {word}: everything that it forgets to name"
    actions = _texts(statement.get("Action"))
    for action in actions:
        if "*" in action:
            yield f"{name} allows the actions {action}; name each action"
    if "*" in _texts(statement.get("Resource")):
        strays = sorted(set(actions) - WITHOUT_RESOURCE)
        if strays:
            yield f"{name} allows {', '.join(strays)} on every resource; name the resources"
    principal = statement.get("Principal")
    everybody = principal == "*" or (isinstance(principal, Mapping) and "*" in _texts(principal.get("AWS")))
    if everybody and not statement.get("Condition"):
        yield f"{name} allows everybody in the world; name the accounts"


def _texts(value: Any) -> list[str]:
    if value is None:
        return []
    return [str(item) for item in value] if isinstance(value, list | tuple) else [str(value)]
