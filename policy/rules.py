"""The rules of the pack: which check on which type of resource, and whether breaking it stops a deployment."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from checks import (
    Check,
    careful_containers,
    careful_registry,
    described_group,
    encrypted_disks,
    encrypted_registry,
    forgetful_log,
    modern_tls,
    named_grants,
    named_trust,
    no_broad_attachment,
    open_port,
    plain_http,
    read_only_containers,
    rules_in_group,
    safe_deployment,
    shut_bucket,
    strict_headers,
    tagged,
    tasks_with_tags,
)


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One rule: its name and reason for people, and what it looks for in each type of resource.

    mandatory: whether breaking it stops the deployment; otherwise it is told as advice.
    """

    name: str
    description: str
    checks: Mapping[str, Check]
    mandatory: bool = True


TAGGED_TYPES: Final = (
    "aws:cloudwatch/logGroup:LogGroup",
    "aws:cloudwatch/metricAlarm:MetricAlarm",
    "aws:ec2/launchTemplate:LaunchTemplate",
    "aws:ec2/securityGroup:SecurityGroup",
    "aws:ec2/vpcEndpoint:VpcEndpoint",
    "aws:ecr/repository:Repository",
    "aws:ecs/cluster:Cluster",
    "aws:ecs/service:Service",
    "aws:ecs/taskDefinition:TaskDefinition",
    "aws:iam/role:Role",
    "aws:lb/listener:Listener",
    "aws:lb/loadBalancer:LoadBalancer",
    "aws:lb/targetGroup:TargetGroup",
    "aws:s3/bucket:Bucket",
    "aws:sns/topic:Topic",
    "aws:wafv2/webAcl:WebAcl",
)

RULES: Final = (
    Rule(
        name="no-open-group",
        description="The world reaches the load balancer's two ports and nothing else.",
        checks={
            "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": open_port,
            "aws:ec2/securityGroup:SecurityGroup": rules_in_group,
        },
    ),
    Rule(
        name="no-default-network",
        description="A security group says which VPC it belongs to.",
        checks={"aws:ec2/securityGroup:SecurityGroup": described_group},
    ),
    Rule(
        name="encryption",
        description="What is kept is encrypted, and what travels under a certificate is encrypted well.",
        checks={
            "aws:ecr/repository:Repository": encrypted_registry,
            "aws:ec2/launchTemplate:LaunchTemplate": encrypted_disks,
            "aws:lb/listener:Listener": modern_tls,
        },
    ),
    Rule(
        name="https",
        description="People's requests are not readable on their way.",
        checks={"aws:lb/listener:Listener": plain_http},
        mandatory=False,
    ),
    Rule(
        name="strict-headers",
        description="The load balancer drops what is no valid header.",
        checks={"aws:lb/loadBalancer:LoadBalancer": strict_headers},
    ),
    Rule(
        name="log-retention",
        description="Logs are forgotten after a time that somebody chose.",
        checks={"aws:cloudwatch/logGroup:LogGroup": forgetful_log},
    ),
    Rule(
        name="shut-buckets",
        description="No bucket can be opened to the public.",
        checks={"aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": shut_bucket},
    ),
    Rule(
        name="pinned-images",
        description="Containers run by digest, unprivileged, with a log.",
        checks={"aws:ecs/taskDefinition:TaskDefinition": careful_containers},
    ),
    Rule(
        name="read-only-images",
        description="Containers cannot change what they are.",
        checks={"aws:ecs/taskDefinition:TaskDefinition": read_only_containers},
        mandatory=False,
    ),
    Rule(
        name="careful-registry",
        description="Tags do not move, and what is pushed is scanned.",
        checks={"aws:ecr/repository:Repository": careful_registry},
    ),
    Rule(
        name="safe-deployments",
        description="A version that does not get healthy is rolled back, and the deployment fails.",
        checks={"aws:ecs/service:Service": safe_deployment},
    ),
    Rule(
        name="tags",
        description="Everything that costs money says which project and stack it belongs to.",
        checks=dict.fromkeys(TAGGED_TYPES, tagged),
    ),
    Rule(
        name="tagged-tasks",
        description="Tasks carry the tags of their service.",
        checks={"aws:ecs/service:Service": tasks_with_tags},
    ),
    Rule(
        name="no-wildcards",
        description="Policies name the actions and resources that they allow.",
        checks={
            "aws:ecr/repositoryPolicy:RepositoryPolicy": named_grants,
            "aws:iam/policy:Policy": named_grants,
            "aws:iam/role:Role": named_trust,
            "aws:iam/rolePolicy:RolePolicy": named_grants,
            "aws:iam/rolePolicyAttachment:RolePolicyAttachment": no_broad_attachment,
            "aws:iam/userPolicyAttachment:UserPolicyAttachment": no_broad_attachment,
            "aws:s3/bucketPolicy:BucketPolicy": named_grants,
            "aws:sns/topicPolicy:TopicPolicy": named_grants,
        },
    ),
)
