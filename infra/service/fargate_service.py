"""The ECS service: tasks behind a target group, replaced one by one, rolled back when they do not become healthy."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, Self

import pulumi
import pulumi_aws as aws
from pydantic import model_validator

from infra.args import Input, Subnets, Target
from infra.config.image import CpuArchitecture
from infra.config.service import ServiceSettings, check_instance_architecture
from infra.service.autoscaling import autoscale
from infra.service.capacity import service_capacity, service_cluster
from infra.service.container import Container, service_container_definitions
from infra.service.roles import exec_policy
from infra.service.rollback import deployment_failure_hook, running_task_definition
from infra.service.security_groups import EPHEMERAL_PORTS, allow_requests, task_security_group
from infra.service.task import TaskArgs, define_task

DEPLOYMENT_TIMEOUT: Final = "20m"


class FargateServiceArgs(ServiceSettings):
    """Arguments of `FargateService`, beside its settings.

    subnets: of the tasks. target: where they register. image_uri: by digest. repository_arns: the ECR repositories that
    it is pulled from. container_port: on which the container listens, also in its variable PORT. health_command: as in
    Docker's HEALTHCHECK; empty: the load balancer's health check alone. user: uid:gid; empty: the image's own.
    environment: readable by anyone who may describe the task; a secret Output is rejected. rollback_alarms: names of
    alarms that end a deployment. scalable_target: Application Auto Scaling keeps the number of tasks, also where
    nothing scales it; False where the account has none, as the emulated AWS.
    """

    subnets: Subnets
    target: Target
    image_uri: Input[str]
    repository_arns: Sequence[Input[str]] = ()
    cpu_architecture: CpuArchitecture = "X86_64"
    container_name: str = "app"
    container_port: int = 8080
    health_command: tuple[str, ...] = ()
    user: str = ""
    environment: Mapping[str, Input[str]] = {}  # type: ignore[assignment]
    rollback_alarms: Sequence[Input[str]] = ()
    scalable_target: bool = True

    @model_validator(mode="after")
    def _check_architecture(self) -> Self:
        check_instance_architecture(self, self.cpu_architecture)
        return self

    @property
    def container(self) -> Container:
        """The container of the service."""
        return Container(
            name=self.container_name,
            image=self.image_uri,
            user=self.user,
            environment=self.environment,
            secrets=self.secrets,
            gpus=self.gpus,
        )


class FargateService(pulumi.ComponentResource):
    """An ECS service behind a target group: on Fargate, or with launch_type EC2 on instances.

    instances_provider: the name of their capacity provider; None: no instances. security_group_id: of tasks that have a
    network interface of their own.
    """

    instances_provider: pulumi.Output[str] | None
    cluster_arn: pulumi.Output[str]
    cluster_name: pulumi.Output[str]
    service_name: pulumi.Output[str]
    task_definition_arn: pulumi.Output[str]
    log_group_name: pulumi.Output[str]
    security_group_id: pulumi.Output[str]

    def __init__(self, name: str, args: FargateServiceArgs, opts: pulumi.ResourceOptions | None = None) -> None:
        super().__init__("recommender:infra:FargateService", name, None, opts)
        child = pulumi.ResourceOptions(parent=self)
        cluster = service_cluster(name, args, child)
        task = define_task(name, _task_args(args), self)
        security_group, https_out = task_security_group(name, vpc_id=args.subnets.vpc_id, opts=child)
        capacity = service_capacity(
            name,
            args,
            cluster=cluster,
            subnets=args.subnets,
            cpu_architecture=args.cpu_architecture,
            opts=child,
        )
        on_ports = args.network_mode == "bridge"
        rules = allow_requests(
            name,
            capacity.instances.security_group if capacity.instances and on_ports else security_group,
            targets="instances" if on_ports else "tasks",
            load_balancer_group_id=args.target.security_group_id,
            ports=EPHEMERAL_PORTS if on_ports else (args.container_port, args.container_port),
            opts=child,
        )
        service = aws.ecs.Service(
            f"{name}-service",
            cluster=cluster.arn,
            task_definition=task.definition.arn,
            capacity_provider_strategies=capacity.strategies,
            force_new_deployment=True,  # or the provider refuses another strategy
            # Needs a maximum above 100 % and no placement strategy other than by zone. Source:
            # https://docs.aws.amazon.com/AmazonECS/latest/developerguide/service-rebalancing.html
            # ("Balancing an Amazon ECS service across Availability Zones")
            availability_zone_rebalancing="ENABLED",
            enable_execute_command=args.enable_execute_command or None,
            desired_count=args.desired_count,
            deployment_minimum_healthy_percent=100,
            deployment_maximum_percent=200,
            deployment_circuit_breaker=aws.ecs.ServiceDeploymentCircuitBreakerArgs(enable=True, rollback=True),
            alarms=_alarms(args.rollback_alarms),
            health_check_grace_period_seconds=args.health_check_grace_seconds,
            wait_for_steady_state=True,
            load_balancers=[
                aws.ecs.ServiceLoadBalancerArgs(
                    target_group_arn=args.target.target_group_arn,
                    container_name=args.container_name,
                    container_port=args.container_port,
                )
            ],
            network_configuration=None
            if on_ports
            else aws.ecs.ServiceNetworkConfigurationArgs(
                subnets=args.subnets.ids,
                security_groups=[security_group.id],
                # On EC2 the instance has the address, and pulls and logs for the task.
                assign_public_ip=args.subnets.assign_public_ip and args.launch_type == "FARGATE",
            ),
            enable_ecs_managed_tags=True,
            propagate_tags="SERVICE",
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=[
                    args.target.listener,
                    https_out,
                    *rules,
                    *task.grants,
                    *capacity.wait_for,
                    *args.subnets.routes,
                ],
                # Autoscaling, where there is any, owns the number of tasks.
                ignore_changes=["desiredCount"] if args.autoscales else None,
                replacement_trigger=args.network_mode,
                replace_with=[security_group],  # with the VPC, across which a service cannot move
                hooks=deployment_failure_hook(name),
                custom_timeouts=pulumi.CustomTimeouts(
                    create=DEPLOYMENT_TIMEOUT, update=DEPLOYMENT_TIMEOUT, delete=DEPLOYMENT_TIMEOUT
                ),
            ),
        )
        if args.autoscales or args.scalable_target:
            autoscale(
                name,
                args,
                cluster_name=cluster.name,
                service_name=service.name,
                request_label=args.target.request_label,
                opts=child,
            )
        self.instances_provider = capacity.instances.provider if capacity.instances else None
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
    return TaskArgs(
        launch_type=args.launch_type,
        network_mode=args.network_mode,
        cpu=args.cpu,
        memory_mib=args.memory_mib,
        cpu_architecture=args.cpu_architecture,
        containers=lambda log_group, region: service_container_definitions(
            args.container,
            log_group=log_group,
            region=region,
            port=args.container_port,
            host_port=0 if args.network_mode == "bridge" else args.container_port,
            health_command=args.health_command,
            start_seconds=args.health_check_start_period_seconds,
            enable_execute_command=args.enable_execute_command,
        ),
        repository_arns=args.repository_arns,
        secrets=args.secrets,
        kms_key_arns=args.secrets_kms_key_arns,
        log_retention_days=args.log_retention_days,
        task_policy=exec_policy() if args.enable_execute_command else None,
        execution_role_arn=args.execution_role_arn,
        task_role_arn=args.task_role_arn,
    )


def _alarms(names: Sequence[Input[str]]) -> aws.ecs.ServiceAlarmsArgs | None:
    return aws.ecs.ServiceAlarmsArgs(alarm_names=list(names), enable=True, rollback=True) if names else None
