"""The rules of the pack: a check per resource type, and whether a violation stops a deployment."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final

from checks import (
    Check,
    broad_attachment,
    container_hardening,
    deployment_rollback,
    disk_encryption,
    group_in_vpc,
    immutable_scanned_registry,
    inline_rules,
    invalid_headers,
    log_retention,
    open_ingress,
    owner_tags,
    plain_http,
    policy_statements,
    propagated_tags,
    public_access_block,
    read_only_root,
    registry_encryption,
    tls_policy,
    trust_statements,
)


@dataclass(frozen=True, kw_only=True)
class Rule:
    """One rule: its name, its description, and its check of each resource type.

    mandatory: whether a violation stops the deployment; otherwise it is a warning.
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
    "aws:lb/listenerRule:ListenerRule",
    "aws:lb/loadBalancer:LoadBalancer",
    "aws:lb/targetGroup:TargetGroup",
    "aws:s3/bucket:Bucket",
    "aws:sns/topic:Topic",
    "aws:wafv2/webAcl:WebAcl",
)

RULES: Final = (
    Rule(
        name="no-open-group",
        description="Only ports 80 and 443 are open to every address.",
        checks={
            "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": open_ingress,
            "aws:ec2/securityGroupRule:SecurityGroupRule": open_ingress,
            "aws:ec2/securityGroup:SecurityGroup": inline_rules,
            "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": inline_rules,
        },
    ),
    Rule(
        name="no-default-network",
        description="A security group names its VPC.",
        checks={"aws:ec2/securityGroup:SecurityGroup": group_in_vpc},
    ),
    Rule(
        name="encryption",
        description="Repositories and disks are encrypted; HTTPS listeners require TLS 1.3 policies.",
        checks={
            "aws:ecr/repository:Repository": registry_encryption,
            "aws:ec2/launchTemplate:LaunchTemplate": disk_encryption,
            "aws:lb/listener:Listener": tls_policy,
        },
    ),
    Rule(
        name="https",
        description="Listeners use HTTPS, or redirect to it.",
        checks={"aws:lb/listener:Listener": plain_http},
        mandatory=False,
    ),
    Rule(
        name="strict-headers",
        description="The load balancer drops invalid headers.",
        checks={"aws:lb/loadBalancer:LoadBalancer": invalid_headers},
    ),
    Rule(
        name="log-retention",
        description="Log groups have a retention time.",
        checks={"aws:cloudwatch/logGroup:LogGroup": log_retention},
    ),
    Rule(
        name="shut-buckets",
        description="Buckets block public access.",
        checks={"aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": public_access_block},
    ),
    Rule(
        name="pinned-images",
        description="Containers run by digest, unprivileged, with a log.",
        checks={"aws:ecs/taskDefinition:TaskDefinition": container_hardening},
    ),
    Rule(
        name="read-only-images",
        description="Containers have a read-only root file system.",
        checks={"aws:ecs/taskDefinition:TaskDefinition": read_only_root},
        mandatory=False,
    ),
    Rule(
        name="careful-registry",
        description="Repositories have immutable tags and scan on push.",
        checks={"aws:ecr/repository:Repository": immutable_scanned_registry},
    ),
    Rule(
        name="safe-deployments",
        description="A version that does not become healthy is rolled back, and the deployment fails.",
        checks={"aws:ecs/service:Service": deployment_rollback},
    ),
    Rule(
        name="tags",
        description="Resources have the tags project, stack and managed-by.",
        checks=dict.fromkeys(TAGGED_TYPES, owner_tags),
    ),
    Rule(
        name="tagged-tasks",
        description="Tasks carry the tags of their service.",
        checks={"aws:ecs/service:Service": propagated_tags},
    ),
    Rule(
        name="no-wildcards",
        description="Policies name the actions and resources that they allow.",
        checks={
            "aws:ecr/repositoryPolicy:RepositoryPolicy": policy_statements,
            "aws:iam/policy:Policy": policy_statements,
            "aws:iam/role:Role": trust_statements,
            "aws:iam/rolePolicy:RolePolicy": policy_statements,
            "aws:iam/rolePolicyAttachment:RolePolicyAttachment": broad_attachment,
            "aws:iam/userPolicyAttachment:UserPolicyAttachment": broad_attachment,
            "aws:s3/bucketPolicy:BucketPolicy": policy_statements,
            "aws:sns/topicPolicy:TopicPolicy": policy_statements,
        },
    ),
)
