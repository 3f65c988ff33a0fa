"""The tasks: as many as wanted, replaced one after the other, rolled back when they do not get healthy."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import pulumi
import pulumi_aws as aws

from infra.autoscaling import track_cpu
from infra.container import container_definitions
from infra.contract import CONTAINER_NAME, CONTAINER_PORT
from infra.roles import execution_policy, task_trust_policy
from infra.rollback import explain_failures, running_task_definition
from infra.settings import CpuArchitecture, ServiceSettings

HTTPS_PORT: Final = 443
DEPLOYMENT_TIMEOUT: Final = "20m"


@dataclass(frozen=True, kw_only=True)
class FargateServiceArgs:
    """What runs, where, and behind what.

    image_uri: by digest. repository_arns: the ECR repositories that it is pulled from.
    environment: what the image must be told, beside the settings' own.
    rollback_alarms: names of alarms that end a deployment when they ring.
    wait_for: what must be there before the service, and go after it: the load balancer's listener.
    """

    vpc_id: pulumi.Input[str]
    subnet_ids: pulumi.Input[Sequence[str]]
    assign_public_ip: bool
    load_balancer_security_group_id: pulumi.Input[str]
    target_group_arn: pulumi.Input[str]
    wait_for: Sequence[pulumi.Resource]
    image_uri: pulumi.Input[str]
    repository_arns: Sequence[pulumi.Input[str]]
    environment: Mapping[str, pulumi.Input[str]]
    cpu_architecture: CpuArchitecture
    rollback_alarms: Sequence[pulumi.Input[str]] = ()
    settings: ServiceSettings


class FargateService(pulumi.ComponentResource):
    """An ECS service on Fargate behind a target group."""

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
        log_group = aws.cloudwatch.LogGroup(f"{name}-logs", retention_in_days=settings.log_retention_days, opts=child)
        execution_role, execution_grants = self._execution_role(name, args, log_group)
        task_role = aws.iam.Role(f"{name}-task", assume_role_policy=task_trust_policy(), opts=child)
        task_definition = aws.ecs.TaskDefinition(
            f"{name}-definition",
            family=name,
            requires_compatibilities=["FARGATE"],
            network_mode="awsvpc",
            cpu=str(settings.cpu),
            memory=str(settings.memory_mib),
            runtime_platform=aws.ecs.TaskDefinitionRuntimePlatformArgs(
                operating_system_family="LINUX", cpu_architecture=args.cpu_architecture
            ),
            execution_role_arn=execution_role.arn,
            task_role_arn=task_role.arn,
            container_definitions=container_definitions(
                image=args.image_uri,
                environment={**settings.environment, **args.environment},
                secrets=settings.secrets,
                log_group=log_group.name,
                region=aws.get_region_output(opts=pulumi.InvokeOutputOptions(parent=self)).region,
                start_seconds=settings.container_start_seconds,
            ),
            skip_destroy=True,  # a rollback needs the revision before
            opts=child,
        )
        security_group, rules = self._security_group(name, args)
        service = aws.ecs.Service(
            f"{name}-service",
            cluster=cluster.arn,
            task_definition=task_definition.arn,
            launch_type="FARGATE",
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
                assign_public_ip=args.assign_public_ip,
            ),
            enable_ecs_managed_tags=True,
            propagate_tags="SERVICE",
            opts=pulumi.ResourceOptions(
                parent=self,
                depends_on=[*args.wait_for, *rules, execution_grants],
                # With autoscaling the number of tasks is its business; without, it is this program's.
                ignore_changes=["desiredCount"] if settings.max_count else None,
                hooks=explain_failures(name),
                custom_timeouts=pulumi.CustomTimeouts(
                    create=DEPLOYMENT_TIMEOUT, update=DEPLOYMENT_TIMEOUT, delete=DEPLOYMENT_TIMEOUT
                ),
            ),
        )
        if settings.max_count:
            track_cpu(
                name,
                cluster_name=cluster.name,
                service_name=service.name,
                fewest=settings.desired_count,
                most=settings.max_count,
                target_percent=settings.cpu_target_percent,
                opts=child,
            )
        self.cluster_name = cluster.name
        self.service_name = service.name
        self.task_definition_arn = running_task_definition(
            cluster_arn=cluster.arn, service=service, task_definition_arn=task_definition.arn, parent=self
        )
        self.log_group_name = log_group.name
        self.security_group_id = security_group.id
        self.register_outputs(
            {
                "cluster_name": self.cluster_name,
                "service_name": self.service_name,
                "task_definition_arn": self.task_definition_arn,
                "log_group_name": self.log_group_name,
            }
        )

    def _execution_role(
        self, name: str, args: FargateServiceArgs, log_group: aws.cloudwatch.LogGroup
    ) -> tuple[aws.iam.Role, aws.iam.RolePolicy]:
        child = pulumi.ResourceOptions(parent=self)
        role = aws.iam.Role(f"{name}-execution", assume_role_policy=task_trust_policy(), opts=child)
        policy = pulumi.Output.all(log_group.arn, *args.repository_arns).apply(
            lambda arns: execution_policy(
                log_group_arn=arns[0], repository_arns=arns[1:], secret_arns=list(args.settings.secrets.values())
            )
        )
        return role, aws.iam.RolePolicy(f"{name}-execution-grants", role=role.id, policy=policy, opts=child)

    def _security_group(
        self, name: str, args: FargateServiceArgs
    ) -> tuple[aws.ec2.SecurityGroup, Sequence[pulumi.Resource]]:
        """In from the load balancer alone; out to HTTPS alone: ECR, S3 (its layers), CloudWatch, Secrets Manager.

        Name lookups in a VPC pass no security group. The rules stand alone, since two groups that name each
        other could not be made, nor unmade, in any order.
        """
        child = pulumi.ResourceOptions(parent=self)
        group = aws.ec2.SecurityGroup(
            f"{name}-tasks-group", description="Tasks of the recommender", vpc_id=args.vpc_id, opts=child
        )
        balancer_id = args.load_balancer_security_group_id
        to_tasks = aws.vpc.SecurityGroupEgressRule(
            f"{name}-balancer-to-tasks",
            security_group_id=balancer_id,
            referenced_security_group_id=group.id,
            ip_protocol="tcp",
            from_port=CONTAINER_PORT,
            to_port=CONTAINER_PORT,
            opts=child,
        )
        from_balancer = aws.vpc.SecurityGroupIngressRule(
            f"{name}-tasks-from-balancer",
            security_group_id=group.id,
            referenced_security_group_id=balancer_id,
            ip_protocol="tcp",
            from_port=CONTAINER_PORT,
            to_port=CONTAINER_PORT,
            opts=child,
        )
        to_https = aws.vpc.SecurityGroupEgressRule(
            f"{name}-tasks-to-https",
            security_group_id=group.id,
            cidr_ipv4="0.0.0.0/0",
            ip_protocol="tcp",
            from_port=HTTPS_PORT,
            to_port=HTTPS_PORT,
            opts=child,
        )
        return group, [to_tasks, from_balancer, to_https]


def _alarms(names: Sequence[pulumi.Input[str]]) -> aws.ecs.ServiceAlarmsArgs | None:
    return aws.ecs.ServiceAlarmsArgs(alarm_names=list(names), enable=True, rollback=True) if names else None
