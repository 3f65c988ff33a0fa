"""A task as ECS knows it: the definition, the log it writes, and the two roles that it has."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pulumi
import pulumi_aws as aws

from infra.config.settings import CpuArchitecture
from infra.config.settings_tasks import LaunchType
from infra.naming import child_name
from infra.service.roles import execution_policy, task_trust_policy

ROLE_NAME_LIMIT: Final = 64
"""Source: https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html ("IAM and AWS STS quotas")"""


@dataclass(frozen=True, kw_only=True)
class TaskArgs:
    """What a task is made of.

    cpu, memory_mib: a pair that Fargate has.
    containers: the container definitions as JSON, given the names of the log group and the region.
    repository_arns, secrets: what may be pulled, and read before the container starts.
    task_policy: what the container itself may do on AWS, as JSON; None: nothing.
    """

    launch_type: LaunchType
    cpu: int
    memory_mib: int
    cpu_architecture: CpuArchitecture
    containers: Callable[[pulumi.Input[str], pulumi.Input[str]], pulumi.Input[str]]
    repository_arns: Sequence[pulumi.Input[str]]
    secrets: Mapping[str, str]
    log_retention_days: int
    task_policy: pulumi.Input[str] | None


@dataclass(frozen=True, kw_only=True)
class Task:
    """What was made. grants: the roles' policies, which whatever starts the task must wait for."""

    definition: aws.ecs.TaskDefinition
    log_group: aws.cloudwatch.LogGroup
    execution_role: aws.iam.Role
    task_role: aws.iam.Role
    grants: Sequence[aws.iam.RolePolicy]


def define_task(name: str, args: TaskArgs, parent: pulumi.Resource) -> Task:
    """Make a task definition of the family `name`, its log group and its roles."""
    child = pulumi.ResourceOptions(parent=parent)
    log_group = aws.cloudwatch.LogGroup(f"{name}-logs", retention_in_days=args.log_retention_days, opts=child)
    execution_role = _role(name, "execution", child)
    task_role = _role(name, "task", child)
    policy = pulumi.Output.all(log_group.arn, *args.repository_arns).apply(
        lambda arns: execution_policy(
            log_group_arn=arns[0], repository_arns=arns[1:], secret_arns=list(args.secrets.values())
        )
    )
    grants = [aws.iam.RolePolicy(f"{name}-execution-grants", role=execution_role.id, policy=policy, opts=child)]
    if args.task_policy is not None:
        grants.append(aws.iam.RolePolicy(f"{name}-task-grants", role=task_role.id, policy=args.task_policy, opts=child))
    definition = aws.ecs.TaskDefinition(
        f"{name}-definition",
        family=name,
        requires_compatibilities=[args.launch_type],
        network_mode="awsvpc",
        cpu=str(args.cpu),
        memory=str(args.memory_mib),
        runtime_platform=aws.ecs.TaskDefinitionRuntimePlatformArgs(
            operating_system_family="LINUX", cpu_architecture=args.cpu_architecture
        ),
        execution_role_arn=execution_role.arn,
        task_role_arn=task_role.arn,
        container_definitions=args.containers(
            log_group.name, aws.get_region_output(opts=pulumi.InvokeOutputOptions(parent=parent)).region
        ),
        skip_destroy=True,  # a rollback needs the revision before
        opts=child,
    )
    return Task(
        definition=definition,
        log_group=log_group,
        execution_role=execution_role,
        task_role=task_role,
        grants=grants,
    )


def _role(name: str, role: str, opts: pulumi.ResourceOptions) -> aws.iam.Role:
    return aws.iam.Role(
        child_name(name, role, limit=ROLE_NAME_LIMIT), assume_role_policy=task_trust_policy(), opts=opts
    )
