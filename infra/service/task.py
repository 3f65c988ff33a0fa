"""An ECS task: its definition, log group, execution role and task role."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import pulumi
import pulumi_aws as aws

from infra.args import Input
from infra.aws_limits import ROLE_NAME_LENGTH
from infra.config.image import CpuArchitecture
from infra.config.service import LaunchType, NetworkMode
from infra.naming import child_name
from infra.service.roles import execution_policy, task_trust_policy


@dataclass(frozen=True, kw_only=True)
class TaskArgs:
    """The parts of a task.

    cpu, memory_mib: a Fargate size. containers: the container definitions as JSON, by log group name and region.
    repository_arns, secrets, kms_key_arns: what the execution role may pull, read and decrypt with. task_policy: IAM
    policy of the container itself, as JSON; None: no permissions. execution_role_arn, task_role_arn: existing roles,
    which stay as they are; empty: created.
    """

    launch_type: LaunchType
    network_mode: NetworkMode
    cpu: int
    memory_mib: int
    cpu_architecture: CpuArchitecture
    containers: Callable[[Input[str], Input[str]], Input[str]]
    repository_arns: Sequence[Input[str]]
    secrets: Mapping[str, str]
    kms_key_arns: Sequence[str]
    log_retention_days: int
    task_policy: Input[str] | None
    execution_role_arn: str
    task_role_arn: str


@dataclass(frozen=True, kw_only=True)
class Task:
    """The created resources. role_arns: of its roles, created or not.

    grants: the roles' policies, on which the service or schedule must depend.
    """

    definition: aws.ecs.TaskDefinition
    log_group: aws.cloudwatch.LogGroup
    role_arns: Sequence[Input[str]]
    grants: Sequence[aws.iam.RolePolicy]


def define_task(name: str, args: TaskArgs, parent: pulumi.Resource) -> Task:
    """Create a task definition of the family `name`, its log group and its roles."""
    child = pulumi.ResourceOptions(parent=parent)
    log_group = aws.cloudwatch.LogGroup(f"{name}-logs", retention_in_days=args.log_retention_days, opts=child)
    execution_role_arn, execution_grants = _execution_role(name, args, log_group, child)
    task_role_arn, task_grants = _task_role(name, args, child)
    definition = aws.ecs.TaskDefinition(
        f"{name}-definition",
        family=name,
        requires_compatibilities=[args.launch_type],
        network_mode=args.network_mode,
        cpu=str(args.cpu),
        memory=str(args.memory_mib),
        runtime_platform=aws.ecs.TaskDefinitionRuntimePlatformArgs(
            operating_system_family="LINUX", cpu_architecture=args.cpu_architecture
        ),
        execution_role_arn=execution_role_arn,
        task_role_arn=task_role_arn,
        container_definitions=args.containers(
            log_group.name, aws.get_region_output(opts=pulumi.InvokeOutputOptions(parent=parent)).region
        ),
        skip_destroy=True,  # a rollback needs the previous revision
        opts=child,
    )
    return Task(
        definition=definition,
        log_group=log_group,
        role_arns=[execution_role_arn, task_role_arn],
        grants=[*execution_grants, *task_grants],
    )


def _execution_role(
    name: str, args: TaskArgs, log_group: aws.cloudwatch.LogGroup, opts: pulumi.ResourceOptions
) -> tuple[Input[str], Sequence[aws.iam.RolePolicy]]:
    if args.execution_role_arn:
        return args.execution_role_arn, []
    role = _role(name, "execution", opts)
    policy = pulumi.Output.all(log_group.arn, *args.repository_arns).apply(
        lambda arns: execution_policy(
            log_group_arn=arns[0],
            repository_arns=arns[1:],
            secret_arns=list(args.secrets.values()),
            kms_key_arns=args.kms_key_arns,
        )
    )
    return role.arn, [aws.iam.RolePolicy(f"{name}-execution-grants", role=role.id, policy=policy, opts=opts)]


def _task_role(
    name: str, args: TaskArgs, opts: pulumi.ResourceOptions
) -> tuple[Input[str], Sequence[aws.iam.RolePolicy]]:
    if args.task_role_arn:
        return args.task_role_arn, []
    role = _role(name, "task", opts)
    if args.task_policy is None:
        return role.arn, []
    return role.arn, [aws.iam.RolePolicy(f"{name}-task-grants", role=role.id, policy=args.task_policy, opts=opts)]


def _role(name: str, role: str, opts: pulumi.ResourceOptions) -> aws.iam.Role:
    return aws.iam.Role(
        child_name(name, role, limit=ROLE_NAME_LENGTH), assume_role_policy=task_trust_policy(), opts=opts
    )
