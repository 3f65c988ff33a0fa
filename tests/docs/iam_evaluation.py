"""Evaluates IAM policy documents against a request, as AWS does within one account.

Source: IAM User Guide (docs.aws.amazon.com): "Policy evaluation logic", "IAM JSON policy elements: Condition
operators", "Condition context keys with multiple values", "IAM JSON policy elements: Variables and tags".
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

Document = Mapping[str, Any]
Values = Sequence[str]


@dataclass(frozen=True)
class Request:
    """One action on one resource. context: the condition keys that AWS has for it; a key without a value is absent."""

    action: str
    resource: str = "*"
    context: Mapping[str, str | Values] = field(default_factory=dict)

    def values(self, key: str) -> Values | None:
        """The values of a condition key, whose case does not count; None where the request has none."""
        found = next((value for name, value in self.context.items() if name.lower() == key.lower()), None)
        return [found] if isinstance(found, str) else found


def allows(identity: Iterable[Document], request: Request, *, boundary: Document | None = None) -> bool:
    """Whether the policies of an identity allow a request: one allows it, none denies it, and the boundary does not
    take it back."""
    policies = list(identity)
    return _effect(policies, request) and (boundary is None or _effect([boundary], request))


def _effect(documents: Sequence[Document], request: Request) -> bool:
    effects = {one["Effect"] for document in documents for one in document["Statement"] if _applies(one, request)}
    return effects == {"Allow"}


def _applies(statement: Mapping[str, Any], request: Request) -> bool:
    if unknown := set(statement) - {"Sid", "Effect", "Action", "NotAction", "Resource", "NotResource", "Condition"}:
        raise ValueError(f"cannot evaluate {', '.join(sorted(unknown))}")
    action = request.action.lower()
    return (
        _element(statement, "Action", lambda pattern: _like(pattern.lower(), action))
        and _element(statement, "Resource", lambda pattern: _resource_like(pattern, request))
        and all(
            _condition(operator, key, _listed(wanted), request)
            for operator, keys in statement.get("Condition", {}).items()
            for key, wanted in keys.items()
        )
    )


def _element(statement: Mapping[str, Any], name: str, matches: Callable[[str], bool]) -> bool:
    if f"Not{name}" in statement:
        return not any(map(matches, _listed(statement[f"Not{name}"])))
    return any(map(matches, _listed(statement[name])))


def _resource_like(pattern: str, request: Request) -> bool:
    resolved = _resolved(pattern, request)
    return resolved is not None and _like(resolved, request.resource)


def _listed(value: object) -> list[str]:
    return [str(one) for one in value] if isinstance(value, list) else [str(value)]


def _like(pattern: str, text: str) -> bool:
    expression = re.escape(pattern).replace(r"\*", ".*").replace(r"\?", ".")
    return re.fullmatch(expression, text, re.DOTALL) is not None


def _arn_like(pattern: str, text: str) -> bool:
    """Each of an ARN's six parts by itself: a wildcard does not reach across a colon."""
    patterns, parts = pattern.split(":", 5), text.split(":", 5)
    return len(patterns) == len(parts) and all(map(_like, patterns, parts))


def _resolved(text: str, request: Request) -> str | None:
    """`text` with the policy variables' values; None if the request lacks one."""
    for key in re.findall(r"\$\{([^}]+)\}", text):
        values = request.values(key)
        if not values:
            return None
        text = text.replace(f"${{{key}}}", values[0])
    return text


OPERATORS: Final[Mapping[str, Callable[[str, str], bool]]] = {
    "StringEquals": lambda wanted, value: wanted == value,
    "StringLike": _like,
    "ArnEquals": _arn_like,
    "ArnLike": _arn_like,
    "Bool": lambda wanted, value: wanted.lower() == value.lower(),
}
NEGATED: Final[Mapping[str, str]] = {
    "StringNotEquals": "StringEquals",
    "StringNotLike": "StringLike",
    "ArnNotEquals": "ArnEquals",
    "ArnNotLike": "ArnLike",
}


def _condition(operator: str, key: str, wanted: Sequence[str], request: Request) -> bool:
    values = request.values(key)
    if operator == "Null":
        return (values is None) is (wanted[0].lower() == "true")
    quantifier, _, name = operator.rpartition(":")
    base = name.removesuffix("IfExists")
    negated = base in NEGATED
    matches = OPERATORS[NEGATED.get(base, base)]  # KeyError: an operator that this file cannot evaluate
    if values is None:
        return quantifier == "ForAllValues" or (not quantifier and (negated or name != base))
    resolved = [text for one in wanted if (text := _resolved(one, request)) is not None]

    def holds(value: str) -> bool:
        return any(matches(one, value) for one in resolved) is not negated

    return all(map(holds, values)) if quantifier == "ForAllValues" else any(map(holds, values))
