"""Settings of the ECS service: size and number of tasks, capacity, autoscaling, health, environment, logs."""

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Final, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from infra.aws_limits import FARGATE_MEMORY_MIB, LOG_RETENTION_DAYS, check_fargate_size, nearest
from infra.config.base import KMS_KEY, KMS_KEY_EXAMPLE, SettingError, Settings, each, matches, one_of, reject_unused
from infra.config.schedules import Name, Schedule, ScheduleModel, Timezone, check_distinct_names
from infra.errors import Remove, Set
from infra.instance_types import INSTANCE_TYPES, has_gpus, is_arm, smallest_type

LaunchType = Literal["FARGATE", "EC2"]
NetworkMode = Literal["awsvpc", "bridge"]

_HOURS_EXAMPLE: Final = "MON-FRI 07:00-20:00 Europe/Berlin"
_DAY: Final = "(MON|TUE|WED|THU|FRI|SAT|SUN)"
_TIME: Final = r"([01]\d|2[0-3]):[0-5]\d"
_HOURS: Final = re.compile(
    rf"(?P<days>{_DAY}(-{_DAY})?(,{_DAY}(-{_DAY})?)*) (?P<start>{_TIME})-(?P<end>{_TIME})"
    r"( (?P<timezone>[A-Za-z_]+(/[A-Za-z0-9_+-]+)*))?"
)
_CLUSTER_EXAMPLE: Final = "arn:aws:ecs:eu-central-1:111122223333:cluster/films"
_ROLE: Final = r"arn:[a-z-]+:iam::\d{12}:role/\S+"
_ROLE_EXAMPLE: Final = "arn:aws:iam::111122223333:role/films"
_SECRET_ARN: Final = re.compile(r"arn:[a-z-]+:(secretsmanager:[^:]+:\d{12}:secret:.+|ssm:[^:]+:\d{12}:parameter/.+)")


@dataclass(frozen=True, kw_only=True)
class WorkingHours:
    """When the service runs; outside these hours it has no task. days: as in cron (MON-FRI); start, end: HH:MM."""

    days: str
    start: str
    end: str
    timezone: str


class ScheduledMinimum(ScheduleModel):
    """A minimum number of tasks from a moment on."""

    EXAMPLE: ClassVar[Mapping[str, Any]] = {"name": "morning", "schedule": "cron(0 7 ? * MON-FRI *)", "minCount": 4}

    name: Name
    schedule: Schedule
    timezone: Timezone = "UTC"
    min_count: Annotated[int, Field(ge=0, le=1000, strict=True)]


def _check_variable_names(variables: Mapping[str, str]) -> Mapping[str, str]:
    for name in variables:
        if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
            problem = f'names "{name}"; allowed: letters, digits and _, not beginning with a digit'
            raise SettingError(problem, Set("[0]", "NAME=value"))
    return variables


def _check_secrets(arns: Mapping[str, str]) -> Mapping[str, str]:
    for position, (name, arn) in enumerate(arns.items()):
        if not _SECRET_ARN.fullmatch(arn):
            allowed = "the ARN of a Secrets Manager secret or an SSM parameter"
            raise SettingError(f"has for {name} a value that is not {allowed}", _secret_fix(position, name))
    return arns


def _secret_fix(position: int, name: str) -> Set:
    return Set(f"[{position}]", f"{name}=arn:aws:secretsmanager:REGION:ACCOUNT:secret:NAME-AbCdEf")


def _check_kms_key(arn: str) -> None:
    if not re.fullmatch(KMS_KEY, arn):
        raise SettingError(f'has "{arn}"; allowed: ARNs of KMS keys', Set("", KMS_KEY_EXAMPLE))


def _check_hours(text: str) -> str:
    match = _HOURS.fullmatch(text)
    if text and (match is None or match["start"] >= match["end"]):
        problem = f'is "{text}"; allowed: days, a time and a later one on the same day, and optionally a time zone'
        raise SettingError(problem, Set("", _HOURS_EXAMPLE))
    return text


class ServiceSettings(Settings):
    """Service: ECS service, tasks, autoscaling."""

    cpu: Annotated[
        int, one_of(FARGATE_MEMORY_MIB), Field(description="Fargate CPU units of a task (1024 are one vCPU)")
    ] = 256
    memory_mib: Annotated[int, Field(ge=512, le=120 * 1024, description="Memory of a task, MiB")] = 512
    desired_count: Annotated[int, Field(ge=0, le=1000, description="Number of tasks; with maxCount: the minimum")] = 2
    max_count: Annotated[
        int, Field(ge=0, le=1000, description="Maximum number of tasks for autoscaling; 0: no autoscaling")
    ] = 0
    cpu_target_percent: Annotated[
        int, Field(ge=10, le=90, description="With maxCount: target of the mean CPU utilisation, percent")
    ] = 60
    memory_target_percent: Annotated[
        int, Field(ge=0, le=90, description="With maxCount: target of the mean memory utilisation, percent; 0: none")
    ] = 0
    requests_per_target: Annotated[
        int, Field(ge=0, le=10_000_000, description="With maxCount: target of requests per minute and task; 0: none")
    ] = 0
    scheduled_minimums: Annotated[
        tuple[ScheduledMinimum, ...],
        AfterValidator(check_distinct_names),
        Field(
            description="Minimum number of tasks from a moment on, each as JSON: "
            '{"name", "schedule", "minCount", "timezone"}',
        ),
    ] = ()
    working_hours: Annotated[
        str,
        AfterValidator(_check_hours),
        Field(description="Hours in which the service runs, such as MON-FRI 07:00-20:00 Europe/Berlin; empty: always"),
    ] = ""
    spot_percent: Annotated[
        int,
        Field(
            ge=0,
            le=100,
            description="Share of the tasks on Fargate Spot, which costs less and may be interrupted, percent",
        ),
    ] = 0
    launch_type: Annotated[LaunchType, Field(description="FARGATE, or EC2 for instances that are created here")] = (
        "FARGATE"
    )
    instance_type: Annotated[
        str,
        matches(r"[a-z][a-z0-9-]*\.[a-z0-9-]+", "a type of EC2 instance", "t3.medium"),
        Field(description="With launchType EC2: the instance type; g4dn, g5 and g6, among others, have GPUs"),
    ] = "t3.medium"
    max_instances: Annotated[
        int,
        Field(
            ge=1,
            le=1000,
            description="With launchType EC2: maximum number of instances; a deployment needs room for one more task",
        ),
    ] = 4
    network_mode: Annotated[
        NetworkMode,
        Field(
            description="With launchType EC2: awsvpc, a network interface for each task, or bridge, a port of the "
            "instance, so that more tasks fit. A change replaces service and target group and interrupts the service "
            "until the new tasks are healthy"
        ),
    ] = "awsvpc"
    gpus: Annotated[
        int, Field(ge=0, le=16, description="With launchType EC2 and an instanceType that has them: GPUs of a task")
    ] = 0
    health_check_grace_seconds: Annotated[
        int,
        Field(
            ge=0,
            le=3600,
            description="Time in which a new task may fail the load balancer's health check, seconds; "
            "above the model's load time",
        ),
    ] = 60
    health_check_start_period_seconds: Annotated[
        int,
        Field(ge=0, le=300, description="Time in which a new container may fail its own health check, seconds"),
    ] = 30
    environment: Annotated[
        Mapping[str, str],
        AfterValidator(_check_variable_names),
        Field(description="Further environment variables as NAME=value, readable by anyone who may describe the task"),
    ] = {}
    secrets: Annotated[
        Mapping[str, str],
        AfterValidator(_check_variable_names),
        AfterValidator(_check_secrets),
        Field(description="Secret environment variables as NAME=ARN of a Secrets Manager secret or an SSM parameter"),
    ] = {}
    cluster_arn: Annotated[
        str,
        matches(
            r"arn:[a-z-]+:ecs:[^:]+:\d{12}:cluster/[A-Za-z0-9_-]{1,255}", "the ARN of an ECS cluster", _CLUSTER_EXAMPLE
        ),
        Field(
            description="Existing cluster, which must have the capacity provider FARGATE, and FARGATE_SPOT with "
            "spotPercent, and stays as it is; empty: one of its own"
        ),
    ] = ""
    execution_role_arn: Annotated[
        str,
        matches(_ROLE, "the ARN of an IAM role", _ROLE_EXAMPLE),
        Field(
            description="Existing role with which ECS starts the tasks and batch jobs, which may pull the image, write "
            "to the log groups and read the secrets; empty: roles of their own"
        ),
    ] = ""
    task_role_arn: Annotated[
        str,
        matches(_ROLE, "the ARN of an IAM role", _ROLE_EXAMPLE),
        Field(
            description="Existing role of the tasks and batch jobs themselves, with enableExecuteCommand also for "
            "ssmmessages; empty: roles of their own"
        ),
    ] = ""
    secrets_kms_key_arns: Annotated[
        tuple[str, ...],
        each(_check_kms_key),
        Field(
            description="With secrets: KMS keys of your own that encrypt them. Nothing here can know that one is "
            "needed; without it a task stops with AccessDeniedException for kms:Decrypt"
        ),
    ] = ()
    log_retention_days: Annotated[
        int, one_of(LOG_RETENTION_DAYS), Field(description="Retention of the logs in CloudWatch, days")
    ] = 30
    enable_execute_command: Annotated[
        bool,
        Field(
            description="Let operators run commands in a task (ECS Exec); its root file system becomes writable",
        ),
    ] = False

    @model_validator(mode="after")
    def _check_size(self) -> Self:
        try:
            check_fargate_size(self.cpu, self.memory_mib)
        except ValueError as error:
            fix = Set("memoryMib", nearest(self.memory_mib, FARGATE_MEMORY_MIB[self.cpu]))
            raise SettingError(f'is "{self.memory_mib}": {error}', fix, key="memoryMib") from None
        return self

    @model_validator(mode="after")
    def _check_scaling(self) -> Self:
        least = max(self.desired_count, 1)
        if self.max_count and self.max_count < least:
            problem = (
                f'is "{self.max_count}"; allowed: 0 (no autoscaling) or at least desiredCount, {self.desired_count}'
            )
            raise SettingError(problem, Set("maxCount", least), key="maxCount")
        reject_unused(
            self,
            ["cpu_target_percent", "memory_target_percent", "requests_per_target"],
            used=self.max_count > 0,
            problem="but maxCount is 0, which turns autoscaling off; allowed with maxCount",
            fix=Set("maxCount", min(least + 1, 1000)),
        )
        return self

    @model_validator(mode="after")
    def _check_capacity(self) -> Self:
        if self.launch_type == "EC2" and self.spot_percent:
            problem = f'is "{self.spot_percent}" with launchType EC2; allowed with FARGATE'
            raise SettingError(problem, Remove("spotPercent"), key="spotPercent")
        reject_unused(
            self,
            ["instance_type", "max_instances", "network_mode"],
            used=self.launch_type == "EC2",
            problem="but launchType is FARGATE, which has no instances; allowed with EC2",
            fix=Set("launchType", "EC2"),
        )
        if self.launch_type == "EC2" and self.cluster_arn:
            problem = (
                f'is "{self.cluster_arn}" with launchType EC2, whose capacity provider would have to be added to a '
                "cluster that is not managed here; allowed with FARGATE"
            )
            raise SettingError(problem, Remove("clusterArn"), Set("launchType", "FARGATE"), key="clusterArn")
        check_gpus(self, self.gpus, "gpus")
        fitting = check_instance_size(self, cpu=self.cpu, memory_mib=self.memory_mib, gpus=self.gpus, key="memoryMib")
        if fitting is None:
            return self
        if self.max_instances * fitting <= self.most_tasks:
            raise SettingError(
                f'is "{self.max_instances}", which {self.most_tasks} tasks fill: {fitting} fit on a '
                f"{self.instance_type}, and a deployment starts a new task before it stops an old one",
                Set("maxInstances", math.ceil((self.most_tasks + 1) / fitting)),
                key="maxInstances",
            )
        return self

    @model_validator(mode="after")
    def _check_variables(self) -> Self:
        reject_unused(
            self,
            ["secrets_kms_key_arns"],
            used=bool(self.secrets),
            problem="but there are no secrets that a key could encrypt",
            fix=Set("secrets[0]", _secret_fix(0, "NAME").value),
        )
        if self.execution_role_arn and self.secrets_kms_key_arns:
            problem = f'is "{self.execution_role_arn}", to which secretsKmsKeyArns can add no right; it has to have it'
            raise SettingError(problem, Remove("secretsKmsKeyArns"), Remove("executionRoleArn"), key="executionRoleArn")
        for position, name in enumerate(self.secrets):
            if name in self.environment:
                key = f"secrets[{position}]"
                fix = Set(key, _secret_fix(position, name).value)
                raise SettingError(f"names {name}, which environment names too", fix, key="secrets")
        return self

    @property
    def hours(self) -> WorkingHours | None:
        """The working hours; None: always."""
        match = _HOURS.fullmatch(self.working_hours)
        if match is None:
            return None
        return WorkingHours(
            days=match["days"], start=match["start"], end=match["end"], timezone=match["timezone"] or "UTC"
        )

    @property
    def target_type(self) -> Literal["ip", "instance"]:
        """What the load balancer sends requests to: a task's address, or a port of its instance."""
        return "instance" if self.network_mode == "bridge" else "ip"

    @property
    def autoscales(self) -> bool:
        """Whether autoscaling owns the number of tasks."""
        return bool(self.max_count or self.scales_by_schedule)

    @property
    def scales_by_schedule(self) -> bool:
        """Whether a schedule changes the minimum and maximum number of tasks."""
        return bool(self.scheduled_minimums or self.working_hours)

    @property
    def most_tasks(self) -> int:
        """The largest number of tasks that autoscaling and its schedules may start."""
        return max(self.desired_count, self.max_count, *(minimum.min_count for minimum in self.scheduled_minimums), 0)

    @property
    def min_tasks(self) -> int:
        """The number of tasks that run at any hour."""
        minimums = [minimum.min_count for minimum in self.scheduled_minimums]
        return 0 if self.working_hours else min(self.desired_count, *minimums, self.desired_count)


def check_instance_architecture(settings: ServiceSettings, cpu_architecture: str) -> None:
    """Raise SettingError for EC2 instances that cannot run an image of this architecture."""
    arm = is_arm(settings.instance_type)
    if settings.launch_type == "EC2" and arm != (cpu_architecture == "ARM64"):
        raise SettingError(
            f'is "{settings.instance_type}", {"an ARM" if arm else "an x86"} machine, which cannot run the image; '
            f"cpuArchitecture is {cpu_architecture}",
            Set("cpuArchitecture", "X86_64")
            if has_gpus(settings.instance_type)
            else Set("instanceType", "t4g.medium" if cpu_architecture == "ARM64" else "t3.medium"),
            key="instanceType",
        )


def check_gpus(settings: ServiceSettings, gpus: int, key: str) -> None:
    """Raise SettingError for GPUs that the instances do not have; `key` asks for them."""
    if not gpus:
        return
    if settings.launch_type == "FARGATE":
        problem = f"asks for {gpus} GPUs, but launchType is FARGATE, which has none; allowed with EC2"
        raise SettingError(problem, Set("launchType", "EC2"), key=key)
    if not has_gpus(settings.instance_type):
        raise SettingError(
            f"asks for {gpus} GPUs, but instanceType is {settings.instance_type}, which has none for tasks; allowed: "
            "types of NVIDIA GPUs such as g4dn.xlarge, g5.xlarge or g6.xlarge",
            Set("instanceType", "g4dn.xlarge"),
            key=key,
        )
    kind = INSTANCE_TYPES.get(settings.instance_type)
    if kind and gpus > kind.gpus:
        problem = f"asks for {gpus} GPUs, but a {settings.instance_type} has {kind.gpus}"
        larger = smallest_type(cpu=settings.cpu, memory_mib=settings.memory_mib, gpus=gpus, arm=False)
        raise SettingError(problem, Set("instanceType", larger or "g5.48xlarge"), key=key)


def check_instance_size(settings: ServiceSettings, *, cpu: int, memory_mib: int, gpus: int, key: str) -> int | None:
    """The number of tasks of a size that fit on an instance; None: not known, or on Fargate.

    Raises SettingError where none fits; key: what asks for the size.
    """
    kind = INSTANCE_TYPES.get(settings.instance_type)
    if settings.launch_type == "FARGATE" or kind is None:
        return None
    own_interfaces = settings.network_mode == "awsvpc"
    fitting = kind.tasks(cpu=cpu, memory_mib=memory_mib, gpus=gpus, own_interfaces=own_interfaces)
    if not fitting:
        larger = smallest_type(cpu=cpu, memory_mib=memory_mib, gpus=gpus, arm=is_arm(settings.instance_type))
        raise SettingError(
            f"asks for tasks of {cpu} CPU units and {memory_mib} MiB, of which none fits on a "
            f"{settings.instance_type}: it has {kind.vcpus * 1024} units and {kind.task_memory_mib} MiB for tasks",
            Set("instanceType", larger) if larger else Set("launchType", "FARGATE"),
            key=key,
        )
    return fitting
