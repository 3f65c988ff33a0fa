"""The part of the configuration that says how much runs, on what, and which tasks run and end."""

import json
import re
from typing import Final

from infra.config import checks
from infra.config.objects import objects, reject_duplicates
from infra.config.settings_tasks import (
    BatchTaskSettings,
    CapacitySettings,
    LaunchType,
    ScalingSettings,
    ScheduledMinimum,
    WorkingHours,
)
from infra.config.unused import reject_unused
from infra.config.values import ConfigValues, set_command
from infra.errors import ConfigError
from infra.service.fargate_sizes import check_fargate_size

TASK_EXAMPLE: Final = json.dumps({"name": "score", "command": ["python3", "-m", "batch"], "schedule": "rate(1 day)"})
SCHEDULED_MINIMUM_EXAMPLE: Final = json.dumps({"name": "morning", "schedule": "cron(0 7 ? * MON-FRI *)", "fewest": 4})

_NAME: Final = r"[a-z][a-z0-9-]{0,19}"
_S3: Final = r"s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/[^*?]*"
_DAY: Final = "(MON|TUE|WED|THU|FRI|SAT|SUN)"
_TIME: Final = r"([01]\d|2[0-3]):[0-5]\d"
_HOURS: Final = re.compile(
    rf"(?P<days>{_DAY}(-{_DAY})?(,{_DAY}(-{_DAY})?)*) (?P<start>{_TIME})-(?P<end>{_TIME})"
    r"( (?P<timezone>[A-Za-z_]+(/[A-Za-z0-9_+-]+)*))?"
)
_ARM_INSTANCE: Final = re.compile(r"(a1|[a-z]+\d+g[a-z]*)\..+")


def capacity_settings(values: ConfigValues, cpu_architecture: str) -> CapacitySettings:
    """What the service's tasks run on; the machines and the image speak the same instruction set."""
    launch_types: tuple[LaunchType, ...] = ("FARGATE", "EC2")
    launch_type = values.choice("launchType", launch_types)
    spot_percent = values.whole_number("spotPercent", low=0, high=100)
    instance_type = values.text("instanceType")
    if launch_type == "EC2" and spot_percent:
        raise ConfigError(
            key="spotPercent",
            problem=f'is "{spot_percent}" with launchType EC2; allowed with FARGATE',
            command="pulumi config rm spotPercent",
        )
    proposed = "t4g.medium" if cpu_architecture == "ARM64" else "t3.medium"
    if not re.fullmatch(r"[a-z][a-z0-9-]*\.[a-z0-9-]+", instance_type):
        raise ConfigError(
            key="instanceType",
            problem=f'is "{instance_type}"; allowed: a type of EC2 instance',
            command=set_command("instanceType", proposed),
        )
    arm = bool(_ARM_INSTANCE.fullmatch(instance_type))
    if launch_type == "EC2" and arm != (cpu_architecture == "ARM64"):
        raise ConfigError(
            key="instanceType",
            problem=f'is "{instance_type}", {"an ARM" if arm else "an x86"} machine, which cannot run the image; '
            f"cpuArchitecture is {cpu_architecture}",
            command=set_command("instanceType", proposed),
        )
    max_instances = values.whole_number("maxInstances", low=1, high=1000)
    for key, value in (("instanceType", instance_type), ("maxInstances", max_instances)):
        reject_unused(
            key,
            value,
            works=launch_type == "EC2",
            problem="but launchType is FARGATE, which has no instances; allowed with EC2",
            needs=("launchType", "EC2"),
        )
    return CapacitySettings(
        launch_type=launch_type, spot_percent=spot_percent, instance_type=instance_type, max_instances=max_instances
    )


def scaling_settings(values: ConfigValues, desired_count: int) -> ScalingSettings:
    """How the number of tasks follows the load and the clock."""
    max_count = checks.max_count("maxCount", values.whole_number("maxCount", low=0, high=1000), desired_count)
    targets = {
        "cpuTargetPercent": values.whole_number("cpuTargetPercent", low=10, high=90),
        "memoryTargetPercent": values.whole_number("memoryTargetPercent", low=0, high=90),
        "requestsPerTarget": values.whole_number("requestsPerTarget", low=0, high=10_000_000),
    }
    for key, target in targets.items():
        reject_unused(
            key,
            target,
            works=max_count > 0,
            problem="but maxCount is 0, so that the load changes nothing; allowed with maxCount",
            needs=("maxCount", min(max(desired_count, 1) + 1, 1000)),
        )
    return ScalingSettings(
        max_count=max_count,
        cpu_target_percent=targets["cpuTargetPercent"],
        memory_target_percent=targets["memoryTargetPercent"],
        requests_per_target=targets["requestsPerTarget"],
        scheduled_minimums=_scheduled_minimums(values),
        working_hours=_working_hours("workingHours", values.text("workingHours")),
    )


def batch_task_settings(values: ConfigValues) -> tuple[BatchTaskSettings, ...]:
    """The tasks that run and end, in the order in which they are listed."""
    found = objects(values, "tasks", TASK_EXAMPLE)
    tasks = []
    for one in found:
        task = {
            "cpu": one.whole_number("cpu", low=256, high=16384, default=256),
            "memory_mib": one.whole_number("memoryMib", low=512, high=122880, default=512),
        }
        try:
            check_fargate_size(**task)
        except ValueError as error:
            raise one.refused(f"cannot run: {error}") from None
        prefixes = "a list of prefixes such as s3://bucket/folder/"
        made = BatchTaskSettings(
            name=one.text("name", pattern=_NAME, allowed="a letter, then letters, digits and -, at most 20"),
            command=one.strings("command", pattern=".*", allowed="the program and its arguments, a list of texts"),
            schedule=one.schedule(default=""),
            timezone=one.timezone(),
            s3_read=one.strings("s3Read", pattern=_S3, allowed=prefixes, default=()),
            s3_write=one.strings("s3Write", pattern=_S3, allowed=prefixes, default=()),
            **task,
        )
        one.reject_unknown()
        tasks.append(made)
    reject_duplicates(found, [task.name for task in tasks])
    return tuple(tasks)


def _scheduled_minimums(values: ConfigValues) -> tuple[ScheduledMinimum, ...]:
    found = objects(values, "scheduledFloors", SCHEDULED_MINIMUM_EXAMPLE)
    scheduled_minimums = []
    for one in found:
        floor = ScheduledMinimum(
            name=one.text("name", pattern=_NAME, allowed="a letter, then letters, digits and -, at most 20"),
            schedule=one.schedule(),
            timezone=one.timezone(),
            fewest=one.whole_number("fewest", low=0, high=1000),
        )
        one.reject_unknown()
        scheduled_minimums.append(floor)
    reject_duplicates(found, [floor.name for floor in scheduled_minimums])
    return tuple(scheduled_minimums)


def _working_hours(key: str, text: str) -> WorkingHours | None:
    if not text:
        return None
    match = _HOURS.fullmatch(text)
    if match is None or match["start"] >= match["end"]:
        raise ConfigError(
            key=key,
            problem=f'is "{text}"; allowed: days, a time and a later one on the same day, and perhaps a time zone',
            command=set_command(key, "'MON-FRI 07:00-20:00 Europe/Berlin'"),
        )
    return WorkingHours(days=match["days"], start=match["start"], end=match["end"], timezone=match["timezone"] or "UTC")
