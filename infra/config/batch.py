"""Settings of batch jobs: runs of the image with another command."""

import json
from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from infra.aws_limits import check_fargate_size
from infra.config.base import SettingError, Settings
from infra.config.schedules import SCHEDULES, Name, Schedule, ScheduleModel, Timezone, check_distinct_names
from infra.config.service import ServiceSettings, check_gpus, check_instance_size
from infra.errors import Remove, Set

_Prefix = Annotated[str, Field(pattern=r"^s3://[a-z0-9][a-z0-9.-]{1,61}[a-z0-9]/[^*?]*$")]
_Prefixes = Annotated[
    tuple[_Prefix, ...], Field(json_schema_extra={"allowed": "a list of prefixes such as s3://bucket/folder/"})
]


class BatchJob(ScheduleModel):
    """One batch job: on Fargate, or with gpus on the service's EC2 instances, of which maxInstances counts it.

    command: the program and its arguments, passed unchanged. schedule: empty: started manually only.
    s3_read, s3_write: s3://bucket/prefix that it may read, and may read and write, but not delete in. cpu, memory_mib:
    a Fargate size.
    """

    EXAMPLE: ClassVar[Mapping[str, Any]] = {
        "name": "score",
        "command": ["python3", "-m", "model_service.batch", "--out", "s3://bucket/recommendations/{version}/"],
        "schedule": "rate(1 day)",
        "s3Write": ["s3://bucket/recommendations/"],
    }

    name: Name
    command: Annotated[
        tuple[str, ...],
        Field(min_length=1, json_schema_extra={"allowed": "the program and its arguments, a list of texts"}),
    ]
    schedule: Annotated[Schedule | Literal[""], Field(json_schema_extra={"allowed": f"{SCHEDULES}, or nothing"})] = ""
    timezone: Timezone = "UTC"
    s3_read: _Prefixes = ()
    s3_write: _Prefixes = ()
    gpus: Annotated[int, Field(ge=0, le=16, strict=True)] = 0
    cpu: Annotated[int, Field(ge=256, le=16384, strict=True)] = 256
    memory_mib: Annotated[int, Field(ge=512, le=122880, strict=True)] = 512

    @model_validator(mode="after")
    def _check_size(self) -> Self:
        try:
            check_fargate_size(self.cpu, self.memory_mib)
        except ValueError as error:
            raise SettingError(f"cannot run: {error}") from None
        return self


class BatchSettings(Settings):
    """Batch jobs: runs of the image with another command."""

    jobs: Annotated[
        tuple[BatchJob, ...],
        AfterValidator(check_distinct_names),
        Field(
            alias="batchJobs",
            description="Batch jobs of the image, each as JSON: "
            '{"name", "command", "schedule", "timezone", "s3Read", "s3Write", "cpu", "memoryMib", "gpus"}; '
            "one with gpus runs on the instances of launchType EC2, others on Fargate",
        ),
    ] = ()


def check_jobs(settings: BatchSettings, service: ServiceSettings) -> None:
    """Raise SettingError for a job that the service's instances or role cannot run."""
    for position, job in enumerate(settings.jobs):
        if service.task_role_arn and (job.s3_read or job.s3_write):
            problem = (
                f'is "{service.task_role_arn}", to which s3Read and s3Write of batchJobs[{position}] can add no right; '
                "the role has to have it"
            )
            instead = job.model_dump(by_alias=True, exclude_defaults=True, exclude={"s3_read", "s3_write"})
            fix = Set(f"batchJobs[{position}]", json.dumps(instead))
            raise SettingError(problem, fix, Remove("taskRoleArn"), key="taskRoleArn")
        if job.gpus:
            key = f"batchJobs[{position}]"
            check_gpus(service, job.gpus, key)
            check_instance_size(service, cpu=job.cpu, memory_mib=job.memory_mib, gpus=job.gpus, key=key)
