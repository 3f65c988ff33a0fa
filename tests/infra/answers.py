"""An AWS account made up for tests: what resources turn out to be, and what look-ups find."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from pulumi.runtime import mocks

from mock_runtime.fake_account import ACCOUNT, FakeAccount, LookupResult
from mock_runtime.fake_account import DIGEST as FOREIGN_DIGEST
from mock_runtime.values import to_plain

__all__ = ["ACCOUNT", "DIGEST", "FOREIGN_DIGEST", "REGION", "Answers", "Aws"]

REGION = "eu-central-1"
DIGEST = "sha256:" + "d1" * 32
RUNNING_SERVICE = "aws:ecs/getService:getService"


@dataclass(frozen=True, kw_only=True)
class Aws:
    """The parts of the account that tests change.

    The default VPC and its subnets, others by id to zone, and what a service runs where that is not what it was
    told to run.
    """

    has_default_vpc: bool = True
    default_subnets: Sequence[str] = ("subnet-b", "subnet-a")
    zones: Mapping[str, str] = field(default_factory=dict)
    vpc_of_given_subnets: str = "vpc-given"
    ipv6_ranges: Mapping[str, str] = field(default_factory=dict)
    hosted_zones: Mapping[str, str] = field(default_factory=dict)
    chinese_services: Sequence[str] = ()
    listener: Mapping[str, Any] = field(default_factory=dict)
    balancer: Mapping[str, Any] = field(default_factory=dict)
    running_task_definition: str = ""


class Answers(FakeAccount):
    """That account, which keeps the calls, makes the resources that the program may make and refuses every other."""

    def __init__(self, aws: Aws, calls: list[tuple[str, Mapping[str, Any]]], *, preview: bool) -> None:
        super().__init__(region=REGION, vpc_id=aws.vpc_of_given_subnets)
        self.aws = aws
        self.calls = calls
        self.preview = preview
        self.wanted_task_definition = ""

    def call(self, args: mocks.MockCallArgs) -> Any:
        self.calls.append((args.token, to_plain(args.args)))
        if args.token == RUNNING_SERVICE:
            running = self.aws.running_task_definition or self.wanted_task_definition
            return {"taskDefinition": running, "serviceName": args.args["serviceName"], "id": "service"}
        return super().call(args)

    def vpc(self, asked: Mapping[str, Any]) -> LookupResult:
        if asked.get("default") and not self.aws.has_default_vpc:
            return {}, [("filter", "no matching EC2 VPC found")]
        return super().vpc(asked)

    def endpoint_service(self, names: Sequence[str]) -> str:
        plain, chinese = names
        return chinese if plain.split(".", 3)[3] in self.aws.chinese_services else plain

    def default_subnets(self) -> Sequence[str]:
        return self.aws.default_subnets

    def subnet(self, subnet_id: str) -> dict[str, Any]:
        ranges = {"ipv6CidrBlock": self.aws.ipv6_ranges.get(subnet_id, "")}
        return {**super().subnet(subnet_id), "availabilityZone": self.aws.zones[subnet_id], **ranges}

    def hosted_zone(self, name: str) -> LookupResult:
        zone = self.aws.hosted_zones.get(name)
        if zone is None:
            return {}, [("name", "no matching Route 53 Hosted Zone found")]
        return {"zoneId": zone, "id": zone}

    def listener(self, arn: str) -> LookupResult:
        if self.aws.listener.get("missing"):
            return {}, [("arn", "no matching ELBv2 Listener found")]
        return {"arn": arn, "id": arn, "loadBalancerArn": "arn:of:shared", "protocol": "HTTPS", "port": 443} | dict(
            self.aws.listener
        )

    def load_balancer(self, arn: str) -> dict[str, Any]:
        return {**super().load_balancer(arn), "vpcId": "vpc-default", **self.aws.balancer}

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str | None, dict[Any, Any]]:
        if not args.custom and not args.typ.startswith("awsx:"):
            return "", dict(args.inputs)
        if args.typ == "awsx:ec2:Vpc":
            return super().new_resource(args) if self.preview else ("", {"vpcId": "vpc-new", **NEW_SUBNETS})
        if args.typ == "aws:ecs/service:Service":
            self.wanted_task_definition = args.inputs.get("taskDefinition", "")
        computed = COMPUTED.get(args.typ)
        if computed is None:
            raise AssertionError(f"a resource that no test expects: {args.typ}")
        if self.preview:
            return super().new_resource(args)
        known = {"name": args.name, **args.inputs}
        known |= {key: value.format(args.name) for key, value in computed.items()}
        return f"{args.name}-id", known | STRUCTURED.get(args.typ, {})


NEW_SUBNETS = {"publicSubnetIds": ["subnet-out-a", "subnet-out-b"], "privateSubnetIds": ["subnet-in-a", "subnet-in-b"]}

_ARN = {"arn": "arn:of:{}"}
_BALANCED = {"arn": "arn:of:{}", "arnSuffix": "suffix/{}"}

STRUCTURED: Mapping[str, dict[str, Any]] = {
    "aws:acm/certificate:Certificate": {
        "domainValidationOptions": [
            {"resourceRecordName": "_proof", "resourceRecordType": "CNAME", "resourceRecordValue": "_of.acm"}
        ]
    }
}

COMPUTED: Mapping[str, Mapping[str, str]] = {
    "aws:acm/certificate:Certificate": _ARN,
    "aws:acm/certificateValidation:CertificateValidation": {},
    "aws:appautoscaling/policy:Policy": _ARN,
    "aws:appautoscaling/target:Target": _ARN,
    "aws:budgets/budget:Budget": _ARN,
    "aws:cloudwatch/dashboard:Dashboard": {},
    "aws:cloudwatch/metricAlarm:MetricAlarm": _ARN,
    "aws:appautoscaling/scheduledAction:ScheduledAction": _ARN,
    "aws:autoscaling/group:Group": _ARN,
    "aws:cloudwatch/logGroup:LogGroup": {"arn": "arn:aws:logs:r:a:log-group:{}"},
    "aws:codebuild/project:Project": _ARN,
    "aws:ec2/launchTemplate:LaunchTemplate": {**_ARN, "latestVersion": "1"},
    "aws:ec2/securityGroup:SecurityGroup": _ARN,
    "aws:ec2/vpcEndpoint:VpcEndpoint": _ARN,
    "aws:ecr/lifecyclePolicy:LifecyclePolicy": {},
    "aws:ecr/repository:Repository": {"arn": f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/{{}}"},
    "aws:ecr/repositoryPolicy:RepositoryPolicy": {},
    "aws:ecs/capacityProvider:CapacityProvider": _ARN,
    "aws:ecs/cluster:Cluster": _ARN,
    "aws:ecs/clusterCapacityProviders:ClusterCapacityProviders": {},
    "aws:ecs/service:Service": _ARN,
    "aws:ecs/taskDefinition:TaskDefinition": _ARN,
    "aws:iam/instanceProfile:InstanceProfile": _ARN,
    "aws:iam/policy:Policy": _ARN,
    "aws:iam/role:Role": _ARN,
    "aws:iam/rolePolicy:RolePolicy": {},
    "aws:iam/rolePolicyAttachment:RolePolicyAttachment": {},
    "aws:lb/listener:Listener": _ARN,
    "aws:lb/listenerRule:ListenerRule": _ARN,
    "aws:lb/loadBalancer:LoadBalancer": {**_BALANCED, "dnsName": "{}.elb.example", "zoneId": "Z{}"},
    "aws:lb/targetGroup:TargetGroup": _BALANCED,
    "aws:route53/record:Record": {"fqdn": "fqdn.{}"},
    "aws:s3/bucket:Bucket": {"arn": "arn:aws:s3:::{}", "bucket": "{}"},
    "aws:s3/bucketLifecycleConfiguration:BucketLifecycleConfiguration": {},
    "aws:s3/bucketObjectv2:BucketObjectv2": {"arn": "arn:aws:s3:::bucket/{}.zip"},
    "aws:s3/bucketPolicy:BucketPolicy": {},
    "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock": {},
    "aws:scheduler/schedule:Schedule": _ARN,
    "aws:sns/topic:Topic": _ARN,
    "aws:sns/topicSubscription:TopicSubscription": _ARN,
    "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule": _ARN,
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": _ARN,
    "aws:wafv2/webAcl:WebAcl": _ARN,
    "aws:wafv2/webAclAssociation:WebAclAssociation": {},
    "docker-build:index:Image": {"digest": DIGEST, "ref": "unused"},
    "pulumi:providers:docker": {},
}
"""The types that this project uses, and what AWS would add to each; {} stands for the resource's name."""
