"""Resource names within AWS's limits, less the suffix that Pulumi's auto-naming adds."""

import hashlib
import re
from typing import Final

AUTONAME_SUFFIX_LENGTH: Final = 8
"""A hyphen and seven random hex digits. Source: https://www.pulumi.com/docs/iac/concepts/resources/names/
("Resource names")."""

GROUP_RESERVED_PREFIX: Final = "sg-"
"""Source: https://docs.aws.amazon.com/AWSEC2/latest/APIReference/API_CreateSecurityGroup.html
("CreateSecurityGroup")"""

PROVIDER_RESERVED_PREFIXES: Final = ("aws", "ecs", "fargate")
"""Source: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_CreateCapacityProvider.html
("CreateCapacityProvider")"""

_HASH_LENGTH: Final = 6


def base_name(project: str, stack: str, *, limit: int = 40) -> str:
    """`project-stack` in letters, digits and single hyphens, at most `limit` characters, another for each stack.

    Where a character had to be replaced, a hash keeps `feature_x` and `feature-x` apart.
    """
    whole = f"{project}-{stack}"
    plain = re.sub(r"[^A-Za-z0-9]+", "-", whole).strip("-")
    if plain.lower().startswith(GROUP_RESERVED_PREFIX):
        plain = f"app-{plain}"
    return shorten(plain, limit) if plain == whole else _with_hash(plain, whole, limit)


def repository_name(project: str, stack: str) -> str:
    """The name of the ECR repository: `base_name` in lower case, as ECR requires, another for each stack."""
    name = base_name(project, stack)
    return name if name == name.lower() else _with_hash(name.lower(), name, len(name) + _HASH_LENGTH + 1)


def provider_name(name: str) -> str:
    """The beginning of a capacity provider's name: `name`, or where that is reserved, another one."""
    return f"app-{name}" if name.lower().startswith(PROVIDER_RESERVED_PREFIXES) else name


def child_name(name: str, role: str, *, limit: int) -> str:
    """`name-role` for a resource whose physical name, auto-naming's suffix included, has `limit` characters."""
    return f"{shorten(name, limit - AUTONAME_SUFFIX_LENGTH - len(role) - 1)}-{role}"


def shorten(name: str, limit: int) -> str:
    """The name itself if it fits, else its beginning and a hash of the whole, at most `limit` characters."""
    if len(name) <= limit:
        return name
    return _with_hash(name, name, limit)


def _with_hash(name: str, of: str, limit: int) -> str:
    digest = hashlib.sha256(of.encode()).hexdigest()[:_HASH_LENGTH]
    return f"{name[: limit - _HASH_LENGTH - 1].rstrip('-')}-{digest}"
