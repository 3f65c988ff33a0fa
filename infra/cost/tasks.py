"""The cost of the tasks: on Fargate, Fargate Spot or EC2 instances, for all or part of the week."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from infra.aws_limits import GIB
from infra.config.service import ServiceSettings, WorkingHours
from infra.config.stack import StackSettings
from infra.cost.prices import FARGATE_SPOT_SHARE, REFERENCE_REGION, Price, PriceList
from infra.instance_types import CPU_UNITS_A_VCPU, INSTANCE_TYPES
from infra.service.instances import ROOT_VOLUME_GIB

LOG_GB_A_TASK: Final = 0.25
"""The log of a task in a month, with one in a hundred recommendations logged."""
DAYS: Final = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
HOURS_A_WEEK: Final = 7 * 24


@dataclass(frozen=True, kw_only=True)
class CostLine:
    """One line of the estimate: quantity and resource, US dollars a month."""

    what: str
    monthly_usd: float


def priced(count: float, what: str, price: Price, *, share: float = 1.0) -> CostLine:
    """`count` units for the whole month, or for a share of it (0 to 1)."""
    return CostLine(what=f"{count:g} {what}{_at(price)}", monthly_usd=count * share * price.monthly)


def _at(price: Price) -> str:
    return f", at the price of {REFERENCE_REGION}" if price.substitute else ""


def task_lines(settings: StackSettings, prices: PriceList, count: int) -> Sequence[CostLine]:
    """The cost of `count` tasks with their addresses and logs."""
    share = share_of_week(settings.service.hours)
    costs = _instances if settings.service.launch_type == "EC2" else _fargate
    return [
        *costs(settings, prices, count, share),
        priced(count * LOG_GB_A_TASK * share, "GB of logs, assumed", prices["log_data"]),
    ]


def unpriced_resources(settings: StackSettings, prices: PriceList) -> Iterator[str]:
    """Resources without a price in the table."""
    service = settings.service
    if service.launch_type == "EC2" and service.instance_type not in prices.prices:
        yield f"instances of type {service.instance_type}, whose price is not known here"
    if settings.batch.jobs:
        yield "batch jobs, by the second"
    if settings.image.builder == "codebuild" and not settings.image.uri:
        yield "image builds in CodeBuild, by the minute"


def share_of_week(hours: WorkingHours | None) -> float:
    """The share of the week in which tasks run, 0 to 1."""
    if hours is None:
        return 1.0
    start, end = (datetime.strptime(text, "%H:%M") for text in (hours.start, hours.end))
    return _days(hours.days) * (end - start).total_seconds() / 3600 / HOURS_A_WEEK


def _days(text: str) -> int:
    days: set[int] = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        begin, end = DAYS.index(first), DAYS.index(last or first)
        days |= {day % len(DAYS) for day in range(begin, end + 1 if end >= begin else end + 1 + len(DAYS))}
    return len(days)


def _fargate(settings: StackSettings, prices: PriceList, count: int, share: float) -> Iterator[CostLine]:
    service, architecture = settings.service, settings.image.cpu_architecture
    vcpus, gigabytes = service.cpu / CPU_UNITS_A_VCPU, service.memory_mib / GIB
    vcpu, gigabyte = (prices[f"fargate_{unit}_{architecture.lower()}"] for unit in ("vcpu", "gb"))
    task = vcpus * vcpu.monthly + gigabytes * gigabyte.monthly
    size = f"of {vcpus:g} vCPU and {gigabytes:g} GB, {architecture}"
    on_spot = tasks_on_spot(count, service.spot_percent)
    yield CostLine(
        what=f"{count - on_spot} Fargate tasks {size}{_at(vcpu)}", monthly_usd=(count - on_spot) * task * share
    )
    yield CostLine(
        what=f"{on_spot} Fargate Spot tasks {size}, at best{_at(vcpu)}",
        monthly_usd=on_spot * task * share * FARGATE_SPOT_SHARE,
    )
    if tasks_have_addresses(settings):
        yield priced(count, "public IPv4 addresses of the tasks", prices["public_ipv4"], share=share)


def tasks_on_spot(count: int, percent: int) -> int:
    """How many of `count` tasks run on Spot: the first one does not unless all do."""
    if percent == 100:
        return count
    return round(max(count - 1, 0) * percent / 100)


def _instances(settings: StackSettings, prices: PriceList, count: int, share: float) -> Iterator[CostLine]:
    kind = settings.service.instance_type
    if kind not in prices.prices:
        return
    instances = math.ceil(count / tasks_that_fit(settings.service))
    yield priced(instances, f"instances {kind} for {count} tasks", prices[kind], share=share)
    yield priced(instances * ROOT_VOLUME_GIB, "GB of the instances' disks", prices["disk"], share=share)
    if tasks_have_addresses(settings):
        yield priced(instances, "public IPv4 addresses of the instances", prices["public_ipv4"], share=share)


def tasks_that_fit(service: ServiceSettings) -> int:
    """How many tasks run on one instance; raises KeyError for a type that is not in `INSTANCE_TYPES`."""
    kind, own_interfaces = INSTANCE_TYPES[service.instance_type], service.network_mode == "awsvpc"
    return kind.tasks(cpu=service.cpu, memory_mib=service.memory_mib, gpus=service.gpus, own_interfaces=own_interfaces)


def tasks_have_addresses(settings: StackSettings) -> bool:
    """Whether the tasks have public addresses."""
    network = settings.network
    return network.mode == "default" or (network.mode == "existing" and not network.private_subnet_ids)
