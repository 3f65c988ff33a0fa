"""Checks of a path prefix and of the origins of web pages, for the stack's settings and the service's alike."""

import re
from collections.abc import Sequence
from typing import Final

MAX_ROOT_PATH: Final = 126
"""Characters of a path prefix: a load balancer's path pattern has at most 128, `/*` included. Source:
https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-condition-types.html
("Condition types for listener rules")"""

ROOT_PATH_ALLOWED: Final = (
    "a path such as /recommender: it begins with / and does not end with it, has the characters A-Z a-z 0-9 . _ ~ - "
    f"between, no part that begins with a dot, and at most {MAX_ROOT_PATH} characters"
)
ORIGINS_ALLOWED: Final = "scheme://host or scheme://host:port, such as https://films.example.com, or * alone for any"

_ROOT_PATH: Final = re.compile(r"(/[A-Za-z0-9_~-][A-Za-z0-9._~-]*)+")
_SCHEME: Final = re.compile(r"[a-z][a-z0-9+.-]*")
_HOST: Final = re.compile(r"([a-z0-9]([a-z0-9._-]*[a-z0-9])?|\[[0-9a-f:.]+\])(:(?P<port>[1-9][0-9]{0,4}))?")
_OWN_PORTS: Final = {"http": "80", "https": "443"}


def is_root_path(path: str) -> bool:
    """Whether all requests' paths can begin with `path`."""
    return len(path) <= MAX_ROOT_PATH and _ROOT_PATH.fullmatch(path) is not None


def origins_problem(origins: Sequence[str]) -> tuple[int, str] | None:
    """The position of the first origin that no browser sends, or that is not alone as *, and why; None without one.

    Source: https://html.spec.whatwg.org/multipage/browsers.html ("Origin", serialization).
    """
    for position, origin in enumerate(origins):
        if problem := _problem(origin, alone=len(origins) == 1):
            return position, problem
        if origin in origins[:position]:
            return position, "is named twice"
    return None


def _problem(origin: str, *, alone: bool) -> str:
    """Why `origin` is none, in words that continue its name; empty for one."""
    if origin == "*":
        return "" if alone else "stands for all origins, and so has to be alone"
    scheme, separator, rest = origin.partition("://")
    if not separator or not scheme:
        return "has no scheme such as https://"
    if "*" in origin:
        return "has a *, which is allowed alone only"
    if origin != origin.lower():
        return "has capital letters; browsers send small ones"
    if "@" in rest:
        return "has a user name"
    if re.search("[/?#]", rest):
        return "has a path, or a / at its end"
    host = _HOST.fullmatch(rest)
    if not _SCHEME.fullmatch(scheme) or host is None or int(host["port"] or 1) > 65535:
        return "has no valid host or port; names in other scripts begin with xn--"
    if host["port"] == _OWN_PORTS.get(scheme, ""):
        return f"has the port of {scheme} itself, which browsers leave out"
    return ""
