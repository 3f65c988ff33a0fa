"""The tasks: as many as wanted, replaced one after the other, rolled back when they do not get healthy."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pulumi
import pulumi_aws as aws

from infra.config.settings import CpuArchitecture, ServiceSettings
from infra.contract import CONTAINER_NAME, CONTAINER_PORT
from infra.service.autoscaling import autoscale
from infra.service.capacity import service_capacity
from infra.service.container import container_definitions
from infra.service.roles import exec_policy
from infra.service.rollback import explain_failures, running_task_definition
from infra.service.security_groups import task_security_group
from infra.service.task import TaskArgs, define_task

DEPLOYMENT_TIMEOUT: Final = "20m"


@dataclass(frozen=True, kw_only=True)
class FargateServiceArgs:
    """What runs, where, and behind what.

    image_uri: by digest. repository_arns: the ECR repositories that it is pulled from.
    request_label: of the metric that counts requests, for autoscaling.
    environment: what the image must be told, beside the settings' own.
    rollback_alarms: names of alarms that end a deployment when they ring.
    wait_for: what must be there before the service, and go after it: the load balancer's listener.
    """

    vpc_id: pulumi.Input[str]
    subnet_ids: pulumi.Input[Sequence[str]]
    assign_public_ip: bool
    load_balancer_security_group_id: pulumi.Input[str]
    target_group_arn: pulumi.Input[str]
    request_label: pulumi.Input[str]
    wait_for: Sequence[pulumi.Resource]
    image_uri: pulumi.Input[str]
    repository_arns: Sequence[pulumi.Input[str]]
    environment: Mapping[str, pulumi.Input[str]]
    cpu_architecture: CpuArchitecture
    rollback_alarms: Sequence[pulumi.Input[str]] = ()
    settings: ServiceSettings


class FargateService(pulumi.ComponentResource):
    """An ECS service behind a target group: on Fargate, unless its settings say EC2."""

    cluster_arn: pulumi.Output[str]
    cluster_name: pulumi.Output[str]
    service_name: pulumi.Output[str]
    task_definition_arn: pulumi.Output[str]
    log_group_name: pulumi.Output[str]
    security_group_id: pulumi.Output[str]

    def __init__(self, name: str, args: FargateServiceArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("recommender:infra:FargateService", name, None, opts)
        settings = args.settings
        child = pulumi.ResourceOptions(parent=self)
        cluster = aws.ecs.Cluster(f"{name}-cluster", opts=child)
        task = define_task(name, _task_args(args), self)
        security_group, rules = task_security_group(
            name, vpc_id=args.vpc_id, load_balancer_group_id=args.load_balancer_security_group_id, opts=child
        )
        capacity = service_capacity(
            name,
            settings.capacity,
            cluster=cluster,
            vpc_id=args.vpc_id,
            subnet_ids=args.subnet_ids,
            assign_public_ip=args.assign_public_ip,
            cpu_architecture=args.cpu_architecture,
            opts=child,
        )
        service = aws.ecs.Service(
            f"{name}-service",
            cluster=cluster.arn,
            task_definition=task.definition.arn,
            launch_type=capacity.launch_type,
            capacity_provider_strategies=capacity.strategies,
            force_new_deployment=True if capacity.strategies else None,  # or a changed strategy is refused
            enable_execute_command=settings.enable_execute_command or None,
            desired_count=settings.desired_count,
            deployment_minimum_healthy_percent=100,
            deployment_maximum_percent=200,
            deployment_circuit_breaker=aws.ecs.ServiceDeploymentCircuitBreakerArgs(enable=True, rollback=True),
            alarms=_alarms(args.rollback_alarms),
            health_check_grace_period_seconds=settings.health_check_grace_seconds,
            wait_for_steady_state=True,
            load_balancers=[
                aws.ecs.ServiceLoadBalancerArgs(
                    target_group_arn=args.target_group_arn,
                    container_name=CONTAINER_NAME,
                    container_port=CONTAINER_PORT,
                )
            ],
            network_configuration=aws.ecs.ServiceNetworkConfigurationArgs(
                subnets=args.subnet_ids,
                security_groups=[security_group.id],
                # On EC2 the machine has the address, and pulls and logs for the task.
                assign_public_ip=args.assign_public_ip and settings.capacity.launch_type == "FARGATE",
            ),
            enable_ecs_managed_tags=True,
            propagate_tags="SERVICE",
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=[*args.wait_for, *rules, *task.grants, *capacity.wait_for],
                # With autoscaling the number of tasks is its business; without, it is this program's.
                ignore_changes=["desiredCount"] if settings.scaling.on else None,
                hooks=explain_failures(name),
                custom_timeouts=pulumi.CustomTimeouts(
                    create=DEPLOYMENT_TIMEOUT, update=DEPLOYMENT_TIMEOUT, delete=DEPLOYMENT_TIMEOUT
                ),
            ),
        )
        autoscale(
            name,
            settings.scaling,
            desired_count=settings.desired_count,
            cluster_name=cluster.name,
            service_name=service.name,
            request_label=args.request_label,
            opts=child,
        )
        self.cluster_arn = cluster.arn
        self.cluster_name = cluster.name
        self.service_name = service.name
        self.task_definition_arn = running_task_definition(
            cluster_arn=cluster.arn, service=service, task_definition_arn=task.definition.arn, parent=self
        )
        self.log_group_name = task.log_group.name
        self.security_group_id = security_group.id
        self.register_outputs(
            {
                "cluster_name": self.cluster_name,
                "service_name": self.service_name,
                "task_definition_arn": self.task_definition_arn,
                "log_group_name": self.log_group_name,
            }
        )


def _task_args(args: FargateServiceArgs) -> TaskArgs:
    settings = args.settings
    return TaskArgs(
        launch_type=settings.capacity.launch_type,
        cpu=settings.cpu,
        memory_mib=settings.memory_mib,
        cpu_architecture=args.cpu_architecture,
        containers=lambda log_group, region: container_definitions(
            image=args.image_uri,
            environment={**settings.environment, **args.environment},
            secrets=settings.secrets,
            log_group=log_group,
            region=region,
            start_seconds=settings.container_start_seconds,
            enable_execute_command=settings.enable_execute_command,
        ),
        repository_arns=args.repository_arns,
        secrets=settings.secrets,
        log_retention_days=settings.log_retention_days,
        task_policy=exec_policy() if settings.enable_execute_command else None,
    )


def _alarms(names: Sequence[pulumi.Input[str]]) -> aws.ecs.ServiceAlarmsArgs | None:
    return aws.ecs.ServiceAlarmsArgs(alarm_names=list(names), enable=True, rollback=True) if names else None
