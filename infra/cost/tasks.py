"""What the tasks themselves cost: on Fargate, with a share on Spot, on machines of one's own, or part of the week."""

import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Final

from infra.config.settings import Settings
from infra.config.settings_tasks import WorkingHours
from infra.cost import prices
from infra.cost.prices import Price
from infra.service.fargate_sizes import GIB
from infra.service.instances import ROOT_VOLUME_GIB

CPU_UNITS_A_VCPU: Final = 1024
LOG_GB_A_TASK: Final = 0.25
"""A task's log a month with one in a hundred answers logged."""
DAYS: Final = ("MON", "TUE", "WED", "THU", "FRI", "SAT", "SUN")
HOURS_A_WEEK: Final = 7 * 24


@dataclass(frozen=True, kw_only=True)
class CostLine:
    """One thing on the bill: how much of what, and US dollars a month."""

    what: str
    monthly_usd: float


def priced(count: float, what: str, price: Price, *, share: float = 1.0) -> CostLine:
    """So many of something, all month long or for a share of it."""
    return CostLine(what=f"{count:g} {what}", monthly_usd=count * share * price.monthly)


def task_lines(settings: Settings, count: int) -> Sequence[CostLine]:
    """What `count` tasks cost with all that comes with each."""
    share = share_of_week(settings.service.scaling.working_hours)
    on_machines = settings.service.capacity.launch_type == "EC2"
    lines = [*(_machines(settings, count, share) if on_machines else _fargate(settings, count, share))]
    lines.append(priced(count * LOG_GB_A_TASK * share, "GB of logs, assumed", prices.LOG_DATA))
    return lines


def unpriced_resources(settings: Settings) -> Iterator[str]:
    """What runs and has no price in the table."""
    capacity = settings.service.capacity
    if capacity.launch_type == "EC2" and capacity.instance_type not in prices.MACHINES:
        yield f"instances of type {capacity.instance_type}, whose price is not known here"
    if settings.tasks:
        yield "tasks that end, by the second that they run"


def share_of_week(hours: WorkingHours | None) -> float:
    """The part of the time in which tasks run, 0 to 1."""
    if hours is None:
        return 1.0
    start, end = (datetime.strptime(text, "%H:%M") for text in (hours.start, hours.end))
    return _days(hours.days) * (end - start).total_seconds() / 3600 / HOURS_A_WEEK


def _days(text: str) -> int:
    found: set[int] = set()
    for part in text.split(","):
        first, _, last = part.partition("-")
        begin, end = DAYS.index(first), DAYS.index(last or first)
        found |= {day % len(DAYS) for day in range(begin, end + 1 if end >= begin else end + 1 + len(DAYS))}
    return len(found)


def _fargate(settings: Settings, count: int, share: float) -> Iterator[CostLine]:
    service, architecture = settings.service, settings.image.cpu_architecture
    vcpus, gigabytes = service.cpu / CPU_UNITS_A_VCPU, service.memory_mib / GIB
    task = vcpus * prices.FARGATE_VCPU[architecture].monthly + gigabytes * prices.FARGATE_GB[architecture].monthly
    size = f"of {vcpus:g} vCPU and {gigabytes:g} GB, {architecture}"
    on_spot = tasks_on_spot(count, service.capacity.spot_percent)
    yield CostLine(what=f"{count - on_spot} Fargate tasks {size}", monthly_usd=(count - on_spot) * task * share)
    yield CostLine(
        what=f"{on_spot} Fargate Spot tasks {size}, at best",
        monthly_usd=on_spot * task * share * prices.FARGATE_SPOT_SHARE,
    )
    if tasks_have_addresses(settings):
        yield priced(count, "public IPv4 addresses of the tasks", prices.PUBLIC_IPV4, share=share)


def tasks_on_spot(count: int, percent: int) -> int:
    """Of so many tasks, those on Spot: the first is not, unless all are."""
    if percent == 100:
        return count
    return round(max(count - 1, 0) * percent / 100)


def _machines(settings: Settings, count: int, share: float) -> Iterator[CostLine]:
    service = settings.service
    kind = service.capacity.instance_type
    machine = prices.MACHINES.get(kind)
    if machine is None:
        return
    fitting = min(machine.tasks, machine.cpu // service.cpu, machine.memory_mib // service.memory_mib)
    machines = math.ceil(count / max(fitting, 1))
    yield priced(machines, f"instances {kind} for {count} tasks", machine.price, share=share)
    yield priced(machines * ROOT_VOLUME_GIB, "GB of the instances' disks", prices.DISK, share=share)
    if tasks_have_addresses(settings):
        yield priced(machines, "public IPv4 addresses of the instances", prices.PUBLIC_IPV4, share=share)


def tasks_have_addresses(settings: Settings) -> bool:
    """Whether the tasks' only way out is a public address of their own."""
    network = settings.network
    return network.mode == "default" or (network.mode == "existing" and not network.private_subnet_ids)
