"""How much runs, on what, and which tasks run and end; `config_tasks.py` makes these values."""

from dataclasses import dataclass
from typing import Literal

from infra.service.fargate_sizes import check_fargate_size

LaunchType = Literal["FARGATE", "EC2"]


@dataclass(frozen=True, kw_only=True)
class CapacitySettings:
    """What the service's tasks run on.

    spot_percent: with FARGATE, the share of tasks on Spot, which AWS takes back with two minutes' notice; the
        first task is not on Spot unless all are.
    instance_type, max_instances: with EC2, the machines. A task needs a network interface of its own, of which a
        small machine has few: two tasks on a t3.medium.
    """

    launch_type: LaunchType
    spot_percent: int
    instance_type: str
    max_instances: int

    def __post_init__(self) -> None:
        if not 0 <= self.spot_percent <= 100:
            raise ValueError(f"spot_percent is {self.spot_percent}; allowed: 0 to 100")
        if self.launch_type == "EC2" and self.spot_percent:
            raise ValueError("spot_percent goes with launch_type FARGATE, not EC2")
        if self.max_instances < 1:
            raise ValueError(f"max_instances is {self.max_instances}; allowed: 1 or more")


@dataclass(frozen=True, kw_only=True)
class WorkingHours:
    """When the service runs; outside there is no task. days: as in cron, such as MON-FRI. start, end: HH:MM."""

    days: str
    start: str
    end: str
    timezone: str


@dataclass(frozen=True, kw_only=True)
class ScheduledMinimum:
    """From a moment on, no fewer tasks than `fewest`. schedule: cron(...), rate(...) or at(...)."""

    name: str
    schedule: str
    timezone: str
    fewest: int


@dataclass(frozen=True, kw_only=True)
class ScalingSettings:
    """How the number of tasks follows the load and the clock.

    max_count: most tasks; 0: the load changes nothing. cpu_target_percent: mean use to aim at.
    memory_target_percent: the same for memory; 0: not looked at.
    requests_per_target: a minute and task to aim at; 0: not looked at.
    """

    max_count: int
    cpu_target_percent: int
    memory_target_percent: int
    requests_per_target: int
    scheduled_minimums: tuple[ScheduledMinimum, ...]
    working_hours: WorkingHours | None

    @property
    def on(self) -> bool:
        """Whether the number of tasks is autoscaling's business."""
        return bool(self.max_count or self.scheduled)

    @property
    def scheduled(self) -> bool:
        """Whether the clock changes the fewest and the most tasks."""
        return bool(self.scheduled_minimums or self.working_hours)


@dataclass(frozen=True, kw_only=True)
class BatchTaskSettings:
    """A run of the image that ends.

    command: the program and its arguments, each whole, with whatever spaces and commas it has.
    schedule: cron(...), rate(...) or at(...); empty: by hand alone.
    s3_read, s3_write: s3://bucket/prefix that it may read, and may write.
    cpu, memory_mib: a pair that Fargate has.
    """

    name: str
    command: tuple[str, ...]
    schedule: str
    timezone: str
    s3_read: tuple[str, ...]
    s3_write: tuple[str, ...]
    cpu: int
    memory_mib: int

    def __post_init__(self) -> None:
        check_fargate_size(self.cpu, self.memory_mib)
        if not self.command:
            raise ValueError("command is empty; allowed: a program and its arguments")
