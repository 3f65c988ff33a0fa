"""AWS's own tables and limits, each with its source. Imports no Pulumi."""

import re
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Final

from botocore.loaders import create_loader

GIB: Final = 1024  # MiB

FARGATE_MEMORY_MIB: Final[Mapping[int, Sequence[int]]] = MappingProxyType(
    {
        256: (512, 1 * GIB, 2 * GIB),
        512: tuple(range(1 * GIB, 4 * GIB + 1, GIB)),
        1024: tuple(range(2 * GIB, 8 * GIB + 1, GIB)),
        2048: tuple(range(4 * GIB, 16 * GIB + 1, GIB)),
        4096: tuple(range(8 * GIB, 30 * GIB + 1, GIB)),
        8192: tuple(range(16 * GIB, 60 * GIB + 1, 4 * GIB)),
        16384: tuple(range(32 * GIB, 120 * GIB + 1, 8 * GIB)),
    }
)
"""CPU units to the memory sizes of a Fargate task, MiB, ascending.
Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/task-cpu-memory-error.html
("Troubleshoot Amazon ECS task definition invalid CPU or memory errors")"""

LOG_RETENTION_DAYS: Final = (
    *(1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731),
    *(1096, 1827, 2192, 2557, 2922, 3288, 3653),
)
"""Source: https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html
("PutRetentionPolicy")"""

SLOW_START_SECONDS: Final = (30, 900)
"""Source: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/edit-target-group-attributes.html
("Edit target group attributes for your Application Load Balancer")"""

WAF_RATE: Final = (10, 2_000_000_000)
"""Requests in the window of a rate-based rule.
Source: https://docs.aws.amazon.com/waf/latest/APIReference/API_RateBasedStatement.html ("RateBasedStatement")"""

AVAILABILITY_ZONES: Final = 2
"""The minimum of an application load balancer. Source:
https://docs.aws.amazon.com/elasticloadbalancing/latest/application/application-load-balancers.html
("Application Load Balancers")"""

DEFAULT_SUBNETS: Final[Mapping[str, int]] = MappingProxyType(
    {"us-east-1": 6, "us-west-1": 2, "us-west-2": 4, "ap-northeast-2": 4}
)
"""Regions in which an account has not three availability zones, and so not three default subnets. Source:
https://docs.aws.amazon.com/global-infrastructure/latest/regions/aws-availability-zones.html
("AWS Availability Zones")"""
SECURITY_GROUP_RULES: Final = 60
"""Inbound rules of a group, for IPv4 and IPv6 each; the default quota.
Source: https://docs.aws.amazon.com/vpc/latest/userguide/amazon-vpc-limits.html ("Amazon VPC quotas")"""

LOAD_BALANCER_NAME_LENGTH: Final = 32
"""Load balancers and target groups. Source:
https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateLoadBalancer.html
("CreateLoadBalancer")"""

ROLE_NAME_LENGTH: Final = 64
"""Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html ("IAM and AWS STS quotas")"""

SCHEDULE_NAME_LENGTH: Final = 64
"""Source: https://docs.aws.amazon.com/scheduler/latest/APIReference/API_CreateSchedule.html ("CreateSchedule")"""

LOAD_BALANCER_RESERVED_PREFIX: Final = "internal-"
"""Source: https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateLoadBalancer.html
("CreateLoadBalancer")"""

LISTENER_RULE_PRIORITY: Final = 50_000
"""Source: https://docs.aws.amazon.com/elasticloadbalancing/latest/APIReference/API_CreateRule.html ("CreateRule")"""

LISTENER_RULE_VALUES: Final = 5
"""Values in all conditions of a listener rule. Source:
https://docs.aws.amazon.com/elasticloadbalancing/latest/application/load-balancer-limits.html
("Quotas for your Application Load Balancers")"""

HTTP_PORT: Final = 80
HTTPS_PORT: Final = 443


def default_subnets(region: str) -> int:
    """The number of subnets of a new account's default VPC in a region, one in each of its availability zones."""
    return DEFAULT_SUBNETS.get(region, 3)


def check_fargate_cpu(cpu: int) -> None:
    """Raise ValueError unless Fargate has tasks of this many CPU units."""
    if cpu not in FARGATE_MEMORY_MIB:
        allowed = ", ".join(str(size) for size in FARGATE_MEMORY_MIB)
        raise ValueError(f"Fargate has no task with {cpu} CPU units; allowed: {allowed}")


def check_fargate_size(cpu: int, memory_mib: int) -> None:
    """Raise ValueError unless Fargate runs tasks of this many CPU units and MiB."""
    check_fargate_cpu(cpu)
    allowed = FARGATE_MEMORY_MIB[cpu]
    if memory_mib not in allowed:
        sizes = ", ".join(str(size) for size in allowed)
        raise ValueError(f"Fargate has no task with {cpu} CPU units and {memory_mib} MiB; with {cpu}: {sizes}")


def partition_of(region: str) -> str:
    """The partition of a region by its name, so that of a new region too; empty: unknown. Source: botocore's data."""
    partitions = create_loader().load_data("partitions")["partitions"]
    return next((str(one["id"]) for one in partitions if re.match(one["regionRegex"], region)), "")


def nearest(value: float, allowed: Sequence[int]) -> int:
    """The allowed number closest to `value`; of two equally close ones the smaller."""
    return min(allowed, key=lambda candidate: (abs(candidate - value), candidate))
