"""Resource names within AWS's limits, less the suffix that Pulumi's auto-naming adds."""

import hashlib
import re
from typing import Final

AUTONAME_SUFFIX_LENGTH: Final = 8
"""A hyphen and seven random hex digits. Source: https://www.pulumi.com/docs/iac/concepts/resources/names/
("Resource names")."""

_HASH_LENGTH: Final = 6


def base_name(project: str, stack: str, *, limit: int = 40) -> str:
    """`project-stack` in letters, digits and single hyphens, at most `limit` characters."""
    plain = re.sub(r"[^A-Za-z0-9]+", "-", f"{project}-{stack}").strip("-")
    return shorten(plain, limit)


def repository_name(project: str, stack: str) -> str:
    """The name of the ECR repository: `base_name` in lower case, as ECR requires."""
    return base_name(project, stack).lower()


def child_name(name: str, role: str, *, limit: int) -> str:
    """`name-role` for a resource whose physical name, auto-naming's suffix included, has `limit` characters."""
    return f"{shorten(name, limit - AUTONAME_SUFFIX_LENGTH - len(role) - 1)}-{role}"


def shorten(name: str, limit: int) -> str:
    """The name itself if it fits, else its beginning and a hash of the whole, at most `limit` characters."""
    if len(name) <= limit:
        return name
    digest = hashlib.sha256(name.encode()).hexdigest()[:_HASH_LENGTH]
    return f"{name[: limit - _HASH_LENGTH - 1].rstrip('-')}-{digest}"
