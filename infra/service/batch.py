"""Tasks that end: the image run once with another command, by hand or by the clock."""

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pulumi
import pulumi_aws as aws

from infra.config.settings_tasks import BatchTaskSettings
from infra.naming import child_name
from infra.service.container import batch_container_definitions
from infra.service.fargate_service import FargateService, FargateServiceArgs
from infra.service.roles import s3_policy, scheduler_policy, scheduler_trust_policy
from infra.service.task import ROLE_NAME_LIMIT, Task, TaskArgs, define_task

SCHEDULE_NAME_LIMIT: Final = 64
"""Source: https://docs.aws.amazon.com/scheduler/latest/APIReference/API_CreateSchedule.html ("CreateSchedule")"""

START_ATTEMPTS: Final = 3
START_WITHIN_SECONDS: Final = 3600


@dataclass(frozen=True, kw_only=True)
class BatchTasksArgs:
    """What runs, and where; on Fargate, whatever the service runs on.

    like: whose image, subnets, variables and secrets the tasks share. service: whose cluster and security group.
    """

    like: FargateServiceArgs
    service: FargateService
    tasks: Sequence[BatchTaskSettings]


class BatchTasks(pulumi.ComponentResource):
    """A task definition, a log group and a role for each task that ends, and a schedule where one is wanted.

    commands: for each task the command that runs it now; None when there are no tasks.
    """

    commands: pulumi.Output[Mapping[str, str]] | None

    def __init__(self, name: str, args: BatchTasksArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("recommender:infra:BatchTasks", name, None, opts)
        commands = {settings.name: self._task(name, settings, args) for settings in args.tasks}
        self.commands = pulumi.Output.all(**commands) if commands else None
        self.register_outputs({"commands": commands})

    def _task(self, name: str, settings: BatchTaskSettings, args: BatchTasksArgs) -> pulumi.Output[str]:
        like = args.like
        partition = aws.get_partition_output(opts=pulumi.InvokeOutputOptions(parent=self)).partition
        grants = partition.apply(lambda known: s3_policy(known, read=settings.s3_read, write=settings.s3_write))
        task_args = TaskArgs(
            launch_type="FARGATE",
            cpu=settings.cpu,
            memory_mib=settings.memory_mib,
            cpu_architecture=like.cpu_architecture,
            containers=lambda log_group, region: batch_container_definitions(
                image=like.image_uri,
                command=settings.command,
                environment={**like.settings.environment, **like.environment},
                secrets=like.settings.secrets,
                log_group=log_group,
                region=region,
            ),
            repository_arns=like.repository_arns,
            secrets=like.settings.secrets,
            log_retention_days=like.settings.log_retention_days,
            task_policy=grants if settings.s3_read or settings.s3_write else None,
        )
        task = define_task(f"{name}-{settings.name}", task_args, self)
        if settings.schedule:
            self._schedule(f"{name}-{settings.name}", settings, args, task)
        return pulumi.Output.all(
            cluster=args.service.cluster_arn,
            definition=task.definition.arn,
            subnets=args.like.subnet_ids,
            group=args.service.security_group_id,
        ).apply(lambda known: run_command(assign_public_ip=args.like.assign_public_ip, **known))

    def _schedule(self, name: str, settings: BatchTaskSettings, args: BatchTasksArgs, task: Task) -> None:
        child = pulumi.ResourceOptions(parent=self)
        account = aws.get_caller_identity_output(opts=pulumi.InvokeOutputOptions(parent=self)).account_id
        role = aws.iam.Role(
            child_name(name, "scheduler", limit=ROLE_NAME_LIMIT),
            assume_role_policy=account.apply(scheduler_trust_policy),
            opts=child,
        )
        policy = pulumi.Output.all(
            cluster=args.service.cluster_arn,
            definition=task.definition.arn,
            roles=[task.execution_role.arn, task.task_role.arn],
        ).apply(lambda known: scheduler_policy(**known))
        grants = aws.iam.RolePolicy(f"{name}-scheduler-grants", role=role.id, policy=policy, opts=child)
        aws.scheduler.Schedule(
            child_name(name, "schedule", limit=SCHEDULE_NAME_LIMIT),
            schedule_expression=settings.schedule,
            schedule_expression_timezone=settings.timezone,
            flexible_time_window=aws.scheduler.ScheduleFlexibleTimeWindowArgs(mode="OFF"),
            target=aws.scheduler.ScheduleTargetArgs(
                arn=args.service.cluster_arn,
                role_arn=role.arn,
                ecs_parameters=aws.scheduler.ScheduleTargetEcsParametersArgs(
                    task_definition_arn=task.definition.arn,
                    launch_type="FARGATE",
                    network_configuration=aws.scheduler.ScheduleTargetEcsParametersNetworkConfigurationArgs(
                        subnets=args.like.subnet_ids,
                        security_groups=[args.service.security_group_id],
                        assign_public_ip=args.like.assign_public_ip,
                    ),
                ),
                retry_policy=aws.scheduler.ScheduleTargetRetryPolicyArgs(
                    maximum_retry_attempts=START_ATTEMPTS, maximum_event_age_in_seconds=START_WITHIN_SECONDS
                ),
            ),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[grants, *task.grants]),
        )


def run_command(*, cluster: str, definition: str, subnets: Sequence[str], group: str, assign_public_ip: bool) -> str:
    """The command, for a shell, that runs a task now."""
    address = "ENABLED" if assign_public_ip else "DISABLED"
    network = {"awsvpcConfiguration": {"subnets": subnets, "securityGroups": [group], "assignPublicIp": address}}
    words = ["aws", "ecs", "run-task", "--cluster", cluster, "--task-definition", definition]
    words += ["--launch-type", "FARGATE", "--network-configuration", json.dumps(network)]
    return shlex.join(words)
