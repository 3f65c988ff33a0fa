"""EC2 instances for the tasks: a capacity provider whose Auto Scaling group ECS sizes."""

from __future__ import annotations

import base64
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

import pulumi
import pulumi_aws as aws

from infra.args import Input, Subnets
from infra.config.image import CpuArchitecture
from infra.iam import trust_policy
from infra.instance_types import INSTANCE_TYPES, has_gpus
from infra.naming import provider_name
from infra.service.security_groups import allow_https_out

IMAGES: Final[Mapping[CpuArchitecture, str]] = {
    "X86_64": "resolve:ssm:/aws/service/ecs/optimized-ami/amazon-linux-2023/recommended/image_id",
    "ARM64": "resolve:ssm:/aws/service/ecs/optimized-ami/amazon-linux-2023/arm64/recommended/image_id",
}
"""The current ECS-optimised AMI, resolved by EC2 at each launch, so that no new instance is out of date.
Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/retrieve-ecs-optimized_AMI.html
("Retrieving Amazon ECS-optimized Linux AMI metadata")"""

GPU_IMAGE: Final = "resolve:ssm:/aws/service/ecs/optimized-ami/amazon-linux-2023/gpu/recommended/image_id"
"""The current ECS-optimised AMI with NVIDIA's driver, which registers the GPUs with ECS. Source:
https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-gpu.html ("Amazon ECS task definitions for GPU
workloads")"""

INSTANCE_POLICY: Final = "service-role/AmazonEC2ContainerServiceforEC2Role"
ROOT_VOLUME_GIB: Final = 30


@dataclass(frozen=True, kw_only=True)
class Instances:
    """provider: the name of the capacity provider. security_group: of the instances."""

    provider: pulumi.Output[str]
    security_group: aws.ec2.SecurityGroup


@dataclass(frozen=True, kw_only=True)
class InstancesArgs:
    """The instances and their subnets."""

    cluster_name: Input[str]
    subnets: Subnets
    cpu_architecture: CpuArchitecture
    instance_type: str
    max_instances: int


def create_instances(name: str, args: InstancesArgs, opts: pulumi.ResourceOptions) -> Instances:
    """A capacity provider with managed scaling; an instance with tasks is not terminated.

    Managed termination protection needs the group's own protection from scale-in. Source:
    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/managed-termination-protection.html
    ("Control the instances Amazon ECS terminates")
    """
    if args.instance_type not in INSTANCE_TYPES:
        pulumi.log.warn(
            f"How many tasks fit on an instance of type {args.instance_type} is not known here: check that "
            "maxInstances has room for one task more than run, or no deployment can start",
            opts.parent,
        )
    security_group = aws.ec2.SecurityGroup(
        f"{name}-instances-group",
        description=f"Machines of the {pulumi.get_project()}",
        vpc_id=args.subnets.vpc_id,
        opts=opts,
    )
    allow_https_out(f"{name}-instances-to-https", security_group, opts)
    template, grant = _template(name, args, security_group, opts)
    group = aws.autoscaling.Group(
        f"{name}-instances",
        min_size=0,
        max_size=args.max_instances,
        vpc_zone_identifiers=args.subnets.ids,
        launch_template=aws.autoscaling.GroupLaunchTemplateArgs(
            id=template.id, version=template.latest_version.apply(str)
        ),
        protect_from_scale_in=True,
        force_delete=True,  # or scale-in protection would block the deletion
        tags=[aws.autoscaling.GroupTagArgs(key="AmazonECSManaged", value="true", propagate_at_launch=True)],
        opts=pulumi.ResourceOptions.merge(
            opts, pulumi.ResourceOptions(depends_on=[grant], ignore_changes=["desiredCapacity"])
        ),
    )
    provider = aws.ecs.CapacityProvider(
        f"{provider_name(name)}-instances-provider",
        auto_scaling_group_provider=aws.ecs.CapacityProviderAutoScalingGroupProviderArgs(
            auto_scaling_group_arn=group.arn,
            managed_termination_protection="ENABLED",
            managed_draining="ENABLED",
            managed_scaling=aws.ecs.CapacityProviderAutoScalingGroupProviderManagedScalingArgs(
                status="ENABLED", target_capacity=100
            ),
        ),
        opts=opts,
    )
    return Instances(provider=provider.name, security_group=security_group)


def user_data(cluster_name: str) -> str:
    """The user data, in base64: join the cluster, block tasks from the instance's own role."""
    lines = ["#!/bin/bash", f"echo ECS_CLUSTER={cluster_name} >> /etc/ecs/ecs.config"]
    lines.append("echo ECS_AWSVPC_BLOCK_IMDS=true >> /etc/ecs/ecs.config")
    return base64.b64encode("\n".join([*lines, ""]).encode()).decode()


def _template(
    name: str, args: InstancesArgs, security_group: aws.ec2.SecurityGroup, opts: pulumi.ResourceOptions
) -> tuple[aws.ec2.LaunchTemplate, pulumi.Resource]:
    profile, grant = _profile(name, opts)
    template = aws.ec2.LaunchTemplate(
        f"{name}-instance",
        image_id=GPU_IMAGE if has_gpus(args.instance_type) else IMAGES[args.cpu_architecture],
        instance_type=args.instance_type,
        iam_instance_profile=aws.ec2.LaunchTemplateIamInstanceProfileArgs(arn=profile.arn),
        user_data=pulumi.Output.from_input(args.cluster_name).apply(user_data),
        network_interfaces=[
            aws.ec2.LaunchTemplateNetworkInterfaceArgs(
                security_groups=[security_group.id],
                associate_public_ip_address=str(args.subnets.assign_public_ip).lower(),
            )
        ],
        metadata_options=aws.ec2.LaunchTemplateMetadataOptionsArgs(
            http_endpoint="enabled", http_tokens="required", http_put_response_hop_limit=1
        ),
        block_device_mappings=[
            aws.ec2.LaunchTemplateBlockDeviceMappingArgs(
                device_name="/dev/xvda",
                ebs=aws.ec2.LaunchTemplateBlockDeviceMappingEbsArgs(
                    volume_size=ROOT_VOLUME_GIB, volume_type="gp3", encrypted="true", delete_on_termination="true"
                ),
            )
        ],
        opts=opts,
    )
    return template, grant


def _profile(name: str, opts: pulumi.ResourceOptions) -> tuple[aws.iam.InstanceProfile, pulumi.Resource]:
    role = aws.iam.Role(f"{name}-instance", assume_role_policy=trust_policy("ec2.amazonaws.com"), opts=opts)
    partition = aws.get_partition_output(opts=pulumi.InvokeOutputOptions(parent=opts.parent)).partition
    grant = aws.iam.RolePolicyAttachment(
        f"{name}-instance-grants",
        role=role.name,
        policy_arn=pulumi.Output.concat("arn:", partition, ":iam::aws:policy/", INSTANCE_POLICY),
        opts=opts,
    )
    return aws.iam.InstanceProfile(f"{name}-instance", role=role.name, opts=opts), grant
