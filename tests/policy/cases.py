"""What somebody may do to a stack that the rules must catch: each case spoils one resource that was right."""

import json
from collections.abc import Callable, Mapping
from typing import Any, Final

Inputs = dict[str, Any]
Spoil = Callable[[Inputs], None]

OWNERS: Final = {"project": "recommender", "stack": "dev", "managed-by": "pulumi"}
OTHERWISE: Final[Mapping[str, Inputs]] = {
    "aws:sns/topicPolicy:TopicPolicy": {
        "arn": "arn:topic",
        "policy": json.dumps(
            {
                "Statement": [
                    {"Effect": "Allow", "Principal": {"AWS": "1"}, "Action": "sns:Publish", "Resource": "arn:topic"}
                ]
            }
        ),
    },
    "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup": {"vpcId": "vpc-1"},
    "aws:ec2/securityGroupRule:SecurityGroupRule": {
        "type": "ingress",
        "securityGroupId": "sg-1",
        "protocol": "tcp",
        "fromPort": 443,
        "toPort": 443,
        "cidrBlocks": ["0.0.0.0/0"],
    },
    "aws:iam/userPolicyAttachment:UserPolicyAttachment": {"user": "ci", "policyArn": "arn:aws:iam::1:policy/push"},
}
"""Right ones of the types that the program itself never makes."""


def to(**values: object) -> Spoil:
    """Set inputs; None takes one away."""

    def spoil(inputs: Inputs) -> None:
        for key, value in values.items():
            inputs.pop(key, None) if value is None else inputs.update({key: value})

    return spoil


def container(**values: object) -> Spoil:
    """Set fields of the only container."""

    def spoil(inputs: Inputs) -> None:
        (definition,) = json.loads(inputs["containerDefinitions"])
        inputs["containerDefinitions"] = json.dumps([definition | values])

    return spoil


def statement(key: str = "policy", **values: object) -> Spoil:
    """Add to a policy document a statement that allows one thing by name, but for these fields."""

    def spoil(inputs: Inputs) -> None:
        document = json.loads(inputs[key])
        added = {"Sid": "Planted", "Effect": "Allow", "Action": "s3:GetObject", "Resource": "arn:aws:s3:::films/*"}
        document["Statement"].append({name: value for name, value in {**added, **values}.items() if value is not None})
        inputs[key] = json.dumps(document)

    return spoil


def unencrypted_disk(inputs: Inputs) -> None:
    inputs["blockDeviceMappings"] = [{"deviceName": "/dev/xvda", "ebs": {"encrypted": "false"}}]


REPOSITORY: Final = "aws:ecr/repository:Repository"
GROUP: Final = "aws:ec2/securityGroup:SecurityGroup"
INGRESS: Final = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
LISTENER: Final = "aws:lb/listener:Listener"
SERVICE: Final = "aws:ecs/service:Service"
TASK: Final = "aws:ecs/taskDefinition:TaskDefinition"
BLOCK: Final = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"
GRANTS: Final = "aws:iam/rolePolicy:RolePolicy"

RULE: Final = "aws:ec2/securityGroupRule:SecurityGroupRule"
DEFAULT_GROUP: Final = "aws:ec2/defaultSecurityGroup:DefaultSecurityGroup"

CASES: Final[Mapping[str, tuple[str, str, Spoil, str]]] = {
    "open port by the older kind of rule": ("no-open-group", RULE, to(fromPort=22, toPort=22), "80 and 443 alone"),
    "open port by the older kind of rule, IPv6": (
        "no-open-group",
        RULE,
        to(cidrBlocks=["10.0.0.0/8"], ipv6CidrBlocks=["::/0"], protocol="-1"),
        "lets ::/0 in",
    ),
    "rules in the default group": (
        "no-open-group",
        DEFAULT_GROUP,
        to(ingress=[{"fromPort": 22, "toPort": 22, "protocol": "tcp", "cidrBlocks": ["0.0.0.0/0"]}]),
        "inline ingress rules",
    ),
    "open port": ("no-open-group", INGRESS, to(cidrIpv4="0.0.0.0/0", fromPort=8080, toPort=8080), "80 and 443 alone"),
    "open port, IPv6": (
        "no-open-group",
        INGRESS,
        to(cidrIpv4=None, cidrIpv6="::/0", fromPort=22, toPort=22),
        "lets ::/0 in",
    ),
    "all ports": ("no-open-group", INGRESS, to(cidrIpv4="0.0.0.0/0", fromPort=80, toPort=443), "80 and 443 alone"),
    "any protocol": (
        "no-open-group",
        INGRESS,
        to(cidrIpv4="0.0.0.0/0", fromPort=None, toPort=None, ipProtocol="-1"),
        "lets 0.0.0.0/0 in on every port",
    ),
    "rule in a group": ("no-open-group", GROUP, to(ingress=[{"fromPort": 22}]), "inline ingress rules"),
    "group of no VPC": ("no-default-network", GROUP, to(vpcId=None), "names no VPC"),
    "registry in the clear": ("encryption", REPOSITORY, to(encryptionConfigurations=None), "set AES256 or KMS"),
    "disk in the clear": ("encryption", "aws:ec2/launchTemplate:LaunchTemplate", unencrypted_disk, "/dev/xvda"),
    "old TLS": (
        "encryption",
        LISTENER,
        to(protocol="HTTPS", sslPolicy="ELBSecurityPolicy-2016-08"),
        "allowed: one of ELBSecurityPolicy-TLS13",
    ),
    "plain HTTP": ("https", LISTENER, to(protocol="HTTP", defaultActions=[{"type": "forward"}]), "plain HTTP"),
    "odd headers": (
        "strict-headers",
        "aws:lb/loadBalancer:LoadBalancer",
        to(dropInvalidHeaderFields=False),
        "set dropInvalidHeaderFields",
    ),
    "logs for ever": (
        "log-retention",
        "aws:cloudwatch/logGroup:LogGroup",
        to(retentionInDays=0),
        "set retentionInDays",
    ),
    "open bucket": ("shut-buckets", BLOCK, to(ignorePublicAcls=False), "open to ignorePublicAcls"),
    "image by tag": ("pinned-images", TASK, container(image="ghcr.io/films/app:latest"), "by its digest"),
    "image as root": ("pinned-images", TASK, container(user="0:0"), "as root"),
    "image as nobody said": ("pinned-images", TASK, container(user=None), "as root"),
    "writable image": ("read-only-images", TASK, container(readonlyRootFilesystem=False), "readonlyRootFilesystem"),
    "privileged": ("pinned-images", TASK, container(privileged=True), "unset privileged"),
    "silent container": ("pinned-images", TASK, container(logConfiguration=None), "has no log"),
    "moving tags": ("careful-registry", REPOSITORY, to(imageTagMutability="MUTABLE"), "IMMUTABLE"),
    "unscanned": ("careful-registry", REPOSITORY, to(imageScanningConfiguration=None), "set scanOnPush"),
    "no way back": (
        "safe-deployments",
        SERVICE,
        to(deploymentCircuitBreaker={"enable": True, "rollback": False}),
        "enable and rollback",
    ),
    "not waited for": ("safe-deployments", SERVICE, to(waitForSteadyState=None), "set waitForSteadyState"),
    "tasks of nobody": ("tagged-tasks", SERVICE, to(propagateTags="NONE"), "set propagateTags"),
    "everything allowed": ("no-wildcards", GRANTS, statement(Action="*"), "allows the actions *"),
    "all of a service": ("no-wildcards", GRANTS, statement(Action=["s3:Get*"]), "s3:Get*; name each action"),
    "every resource": ("no-wildcards", GRANTS, statement(Resource="*"), "s3:GetObject on every resource"),
    "login and more": (
        "no-wildcards",
        GRANTS,
        statement(Action=["ecr:GetAuthorizationToken", "ecr:DeleteRepository"], Resource=["*"]),
        "ecr:DeleteRepository on every resource",
    ),
    "all but one": ("no-wildcards", GRANTS, statement(Action=None, NotAction="iam:PassRole"), "by NotAction"),
    "pusher of everything": (
        "no-wildcards",
        "aws:iam/policy:Policy",
        statement(Action="ecr:*"),
        "allows the actions ecr:*",
    ),
    "role for anybody": (
        "no-wildcards",
        "aws:iam/role:Role",
        statement("assumeRolePolicy", Action="sts:AssumeRole", Resource=None, Principal={"AWS": "*"}),
        "allows every principal",
    ),
    "registry for anybody": (
        "no-wildcards",
        "aws:ecr/repositoryPolicy:RepositoryPolicy",
        statement(Action="ecr:BatchGetImage", Resource=None, Principal="*"),
        "allows every principal",
    ),
    "bucket for anybody": (
        "no-wildcards",
        "aws:s3/bucketPolicy:BucketPolicy",
        statement(Principal="*"),
        "allows every principal",
    ),
    "topic for anybody": (
        "no-wildcards",
        "aws:sns/topicPolicy:TopicPolicy",
        statement(Action="sns:Publish", Principal={"AWS": ["*"]}),
        "allows every principal",
    ),
    "full access for a role": (
        "no-wildcards",
        "aws:iam/rolePolicyAttachment:RolePolicyAttachment",
        to(policyArn="arn:aws:iam::aws:policy/AmazonEC2ContainerRegistryFullAccess"),
        "attaches AmazonEC2ContainerRegistryFullAccess",
    ),
    "full access for a user": (
        "no-wildcards",
        "aws:iam/userPolicyAttachment:UserPolicyAttachment",
        to(policyArn="arn:aws:iam::aws:policy/AdministratorAccess"),
        "attaches AdministratorAccess",
    ),
}
"""Rule, type, what is done to a right resource of that type, and words of the message."""
