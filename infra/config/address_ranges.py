"""Checks of client address ranges, as EC2's security groups take them."""

import re
from collections import Counter
from collections.abc import Iterable
from ipaddress import IPv4Network, IPv6Network, ip_network
from typing import Final

from infra.aws_limits import SECURITY_GROUP_RULES
from infra.config.base import SettingError
from infra.errors import Remove, Set

_MAPPED_BITS: Final = 96
"""The prefix ::ffff:0:0, below which IPv6 repeats the IPv4 addresses."""


def check_range(value: str) -> None:
    """Raise SettingError unless the range is an address and the length of its prefix, without bits beyond it."""
    allowed = "allowed: address ranges such as 203.0.113.0/24 or 2001:db8::/32"
    try:
        network = ip_network(re.sub("%[^/]*", "", value), strict=False)
    except ValueError as error:
        raise SettingError(f'has "{value}" ({error}); {allowed}', Set("", "203.0.113.0/24")) from None
    if isinstance(network, IPv6Network) and network.prefixlen >= _MAPPED_BITS and network.network_address.ipv4_mapped:
        network = IPv4Network((network.network_address.ipv4_mapped, network.prefixlen - _MAPPED_BITS))
    if str(network) != value:
        raise SettingError(f'has "{value}"{_reason(value)}; {allowed}', Set("", str(network)))


def check_number_of_ranges(values: Iterable[str], *, ports: int) -> None:
    """Raise SettingError for more ranges than a security group can let in to each of so many ports."""
    most = SECURITY_GROUP_RULES // ports
    for family, count in Counter("IPv6" if ":" in value else "IPv4" for value in values).items():
        if count > most:
            raise SettingError(
                f"has {count} ranges of {family} addresses; allowed: at most {most}, since each needs "
                f"{ports} of the {SECURITY_GROUP_RULES} inbound rules that a security group has",
                "combine ranges to larger ones",
                Remove("allowedCidrs"),
                key="allowedCidrs",
            )


def _reason(value: str) -> str:
    if "/" not in value:
        return " without the length of its prefix"
    try:
        ip_network(value)
    except ValueError:
        return ", which has host bits set"
    return ""
