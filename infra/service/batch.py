"""Batch jobs: runs of the service's image with another command, started manually or by a schedule."""

from __future__ import annotations

import json
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Final

import pulumi
import pulumi_aws as aws

from infra.args import Args
from infra.aws_limits import ROLE_NAME_LENGTH, SCHEDULE_NAME_LENGTH
from infra.config.batch import BatchJob
from infra.naming import child_name
from infra.service.container import batch_container_definitions
from infra.service.fargate_service import FargateService, FargateServiceArgs
from infra.service.roles import s3_policy, scheduler_policy, scheduler_trust_policy
from infra.service.task import Task, TaskArgs, define_task

START_ATTEMPTS: Final = 3
START_WITHIN_SECONDS: Final = 3600
TAGS_FROM: Final = "TASK_DEFINITION"
"""Where a task's tags come from, by which its cost is found."""


class BatchJobsArgs(Args):
    """Arguments of `BatchJobs`.

    jobs: run on Fargate, whatever the service's launch type; those with gpus on its instances. service_args: whose
    image, subnets, variables and secrets the jobs share. service: whose cluster and security group they use.
    """

    jobs: tuple[BatchJob, ...]
    service_args: FargateServiceArgs
    service: FargateService


class BatchJobs(pulumi.ComponentResource):
    """A task definition, log group and roles for each batch job, and its schedule if it has one.

    commands: for each job the command that runs it now; None without jobs.
    """

    commands: pulumi.Output[Mapping[str, str]] | None

    def __init__(self, name: str, args: BatchJobsArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("recommender:infra:BatchTasks", name, None, opts)
        commands = {job.name: self._job(name, job, args) for job in args.jobs}
        self.commands = pulumi.Output.all(**commands) if commands else None
        self.register_outputs({"commands": commands})

    def _job(self, name: str, job: BatchJob, args: BatchJobsArgs) -> pulumi.Output[str]:
        service_args = args.service_args
        partition = aws.get_partition_output(opts=pulumi.InvokeOutputOptions(parent=self)).partition
        grants = partition.apply(lambda known: s3_policy(known, read=job.s3_read, write=job.s3_write))
        task_args = TaskArgs(
            launch_type="EC2" if job.gpus else "FARGATE",
            network_mode="bridge" if job.gpus else "awsvpc",
            cpu=job.cpu,
            memory_mib=job.memory_mib,
            cpu_architecture=service_args.cpu_architecture,
            containers=lambda log_group, region: batch_container_definitions(
                replace(service_args.container, gpus=job.gpus), job.command, log_group=log_group, region=region
            ),
            repository_arns=service_args.repository_arns,
            secrets=service_args.secrets,
            kms_key_arns=service_args.secrets_kms_key_arns,
            log_retention_days=service_args.log_retention_days,
            task_policy=grants if job.s3_read or job.s3_write else None,
            execution_role_arn=service_args.execution_role_arn,
            task_role_arn=service_args.task_role_arn,
        )
        task = define_task(f"{name}-{job.name}", task_args, self)
        if job.schedule:
            self._schedule(f"{name}-{job.name}", job, args, task)
        return pulumi.Output.all(
            cluster=args.service.cluster_arn,
            definition=task.definition.arn,
            subnets=service_args.subnets.ids,
            group=args.service.security_group_id,
            provider=args.service.instances_provider if job.gpus else None,
            region=aws.get_region_output(opts=pulumi.InvokeOutputOptions(parent=self)).region,
        ).apply(lambda known: run_command(assign_public_ip=service_args.subnets.assign_public_ip, **known))

    def _schedule(self, name: str, job: BatchJob, args: BatchJobsArgs, task: Task) -> None:
        child = pulumi.ResourceOptions(parent=self)
        account = aws.get_caller_identity_output(opts=pulumi.InvokeOutputOptions(parent=self)).account_id
        role = aws.iam.Role(
            child_name(name, "scheduler", limit=ROLE_NAME_LENGTH),
            assume_role_policy=account.apply(scheduler_trust_policy),
            opts=child,
        )
        policy = pulumi.Output.all(
            cluster=args.service.cluster_arn,
            definition=task.definition.arn,
            roles=task.role_arns,
        ).apply(lambda known: scheduler_policy(**known))
        grants = aws.iam.RolePolicy(f"{name}-scheduler-grants", role=role.id, policy=policy, opts=child)
        aws.scheduler.Schedule(
            child_name(name, "schedule", limit=SCHEDULE_NAME_LENGTH),
            schedule_expression=job.schedule,
            schedule_expression_timezone=job.timezone,
            flexible_time_window=aws.scheduler.ScheduleFlexibleTimeWindowArgs(mode="OFF"),
            target=aws.scheduler.ScheduleTargetArgs(
                arn=args.service.cluster_arn,
                role_arn=role.arn,
                ecs_parameters=aws.scheduler.ScheduleTargetEcsParametersArgs(
                    task_definition_arn=task.definition.arn,
                    propagate_tags=TAGS_FROM,
                    enable_ecs_managed_tags=True,
                    **_placement(job, args),
                ),
                retry_policy=aws.scheduler.ScheduleTargetRetryPolicyArgs(
                    maximum_retry_attempts=START_ATTEMPTS, maximum_event_age_in_seconds=START_WITHIN_SECONDS
                ),
            ),
            opts=pulumi.ResourceOptions(parent=self, depends_on=[grants, *task.grants]),
        )


def _placement(job: BatchJob, args: BatchJobsArgs) -> dict[str, Any]:
    """Where the scheduler runs a job: on Fargate in the service's subnets, or on its instances, in their network."""
    if job.gpus and args.service.instances_provider:
        strategy = aws.scheduler.ScheduleTargetEcsParametersCapacityProviderStrategyArgs(
            capacity_provider=args.service.instances_provider, weight=1
        )
        return {"capacity_provider_strategies": [strategy]}
    network = aws.scheduler.ScheduleTargetEcsParametersNetworkConfigurationArgs(
        subnets=args.service_args.subnets.ids,
        security_groups=[args.service.security_group_id],
        assign_public_ip=args.service_args.subnets.assign_public_ip,
    )
    return {"launch_type": "FARGATE", "network_configuration": network}


def run_command(
    *,
    cluster: str,
    definition: str,
    subnets: Sequence[str],
    group: str,
    assign_public_ip: bool,
    region: str,
    provider: str | None,
) -> str:
    """The shell command that runs a job now. provider: of the instances; None: on Fargate, in the subnets."""
    address = "ENABLED" if assign_public_ip else "DISABLED"
    network = {"awsvpcConfiguration": {"subnets": subnets, "securityGroups": [group], "assignPublicIp": address}}
    words = ["aws", "ecs", "run-task", "--cluster", cluster, "--task-definition", definition]
    if provider:
        words += ["--capacity-provider-strategy", f"capacityProvider={provider},weight=1"]
    else:
        words += ["--launch-type", "FARGATE", "--network-configuration", json.dumps(network)]
    words += ["--propagate-tags", TAGS_FROM, "--region", region, "--enable-ecs-managed-tags"]
    return shlex.join(words)
