"""What the values must look like that decide how the world gets in; each check returns the value or raises
`ConfigError`. Imports no Pulumi resource."""

import re
from collections.abc import Sequence
from typing import Final

from infra.config.values import set_command
from infra.errors import ConfigError

WAF_RATE: Final = (10, 2_000_000_000)
"""Requests in the window. Source: https://docs.aws.amazon.com/waf/latest/APIReference/API_RateBasedStatement.html
("RateBasedStatement")"""

_DOMAIN: Final = re.compile(r"(?=.{1,253}\Z)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]")
_LOCAL_URL: Final = re.compile(r"http://(localhost|127\.\d+\.\d+\.\d+)(:\d+)?(/.*)?")


def existing_network(vpc_id: str, public: Sequence[str], private: Sequence[str], *, internal: bool) -> None:
    """A VPC and the load balancer's subnets are named, none twice and none missing.

    internal: the load balancer can stand in the private subnets, so that no public ones are needed.
    """
    if not vpc_id.startswith("vpc-"):
        raise ConfigError(
            key="vpcId",
            problem=f'is "{vpc_id}"; with network existing: the id of a VPC',
            command=set_command("vpcId", "vpc-0123456789abcdef0"),
        )
    for key, ids in (("publicSubnetIds", public), ("privateSubnetIds", private)):
        needed = key == "publicSubnetIds" and not (internal and private)
        few = len(set(ids)) < 2 and (needed or ids)
        if few or not all(subnet.startswith("subnet-") for subnet in ids):
            raise ConfigError(
                key=key,
                problem=f"is {list(ids)}; with network existing: the ids of at least two subnets, "
                "in two availability zones",
                command=set_command(f"{key}[{min(len(set(ids)), 1)}]", "subnet-0123456789abcdef0"),
            )


def domain(key: str, value: str) -> str:
    """Empty, or a host name with at least one dot, in lower case; no wildcard."""
    name = value.lower().rstrip(".")
    if name and not _DOMAIN.fullmatch(name):
        raise ConfigError(
            key=key,
            problem=f'is "{value}"; allowed: a host name such as films.example.com',
            command=set_command(key, "films.example.com"),
        )
    return name


def hosted_zone_id(key: str, value: str, domain: str) -> str:
    """Empty, or the id of a Route 53 zone, which goes with a domain."""
    if value and not re.fullmatch(r"Z[A-Z0-9]{1,31}", value):
        raise ConfigError(
            key=key,
            problem=f'is "{value}"; allowed: the id of a hosted zone, Z and capital letters or digits',
            command=set_command(key, "Z0123456789ABCDEFGHIJ"),
        )
    if value and not domain:
        raise ConfigError(
            key=key,
            problem=f'is "{value}", but there is no domain to put into the zone',
            command=f"{set_command('domain', 'films.example.com')} (or pulumi config rm {key})",
        )
    return value


def certificate_arn(key: str, value: str, domain: str, public_url: str) -> str:
    """Empty, or the ARN of an ACM certificate, with the name that it is for: a domain or a public URL."""
    if value and not re.fullmatch(r"arn:[a-z-]+:acm:[a-z0-9-]+:\d{12}:certificate/\S+", value):
        example = "arn:aws:acm:eu-central-1:111122223333:certificate/12345678-1234-1234-1234-123456789012"
        raise ConfigError(
            key=key,
            problem=f'is "{value}"; allowed: the ARN of a certificate in ACM, in the stack\'s region',
            command=set_command(key, example),
        )
    if value and not domain and not public_url.startswith("https://"):
        raise ConfigError(
            key=key,
            problem="is set, but not the name that the certificate is for, and no client takes it for the load "
            "balancer's own; allowed with publicUrl (https) or domain",
            command=set_command("publicUrl", "https://films.example.com"),
        )
    return value


def ipv6(key: str, wanted: bool, mode: str, cidrs: Sequence[str]) -> bool:
    """False; or true with subnets of one's own, and with an IPv6 range that may come in."""
    if wanted and mode != "existing":
        raise ConfigError(
            key=key,
            problem=f'is true with network "{mode}", whose subnets have no IPv6 ranges; allowed with existing',
            command=set_command("network", "existing"),
        )
    if wanted and not any(":" in cidr for cidr in cidrs):
        raise ConfigError(
            key=key,
            problem=f"is true, but allowedCidrs, {list(cidrs)}, has no IPv6 range, so that nobody could come in by it",
            command=set_command(f"allowedCidrs[{len(cidrs)}]", "::/0"),
        )
    return wanted


def plain_http_warning(*, domain: str, certificate_arn: str, public_url: str) -> str:
    """What to tell whoever deploys plain HTTP to other machines; empty where there is nothing to tell."""
    if domain or certificate_arn or public_url.startswith("https://") or _LOCAL_URL.fullmatch(public_url):
        return ""
    return (
        "The service will answer over plain HTTP, which anyone on the way can read and change. For HTTPS: "
        f"{set_command('domain', 'films.example.com')} (a name in a zone of Route 53), or certificateArn and publicUrl"
    )
