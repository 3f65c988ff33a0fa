"""A made-up AWS account that has whatever a configuration names."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Final

from botocore.loaders import create_loader
from pulumi.runtime import mocks

ACCOUNT: Final = "111122223333"
DEFAULT_VPC: Final = "vpc-default"
DIGEST: Final = "sha256:" + "f0" * 32
"""The digest of every image that is already in a registry."""

Failures = list[tuple[str, str]]
LookupResult = dict[str, Any] | tuple[dict[str, Any], Failures]
"""The result of a lookup, and perhaps why there is none."""


class FakeAccount(mocks.Mocks):
    """Answers lookups as an account in which everything exists, and plans resources as a preview does.

    Its partition is that of the region, `aws` for one that is not known. Every subnet is in `vpc_id`, in a zone of its
    own and with an IPv6 range; the default VPC has `default_subnet_count` of them; every Route 53 zone exists.
    Subclasses override single lookups. Raises LookupError for a function without an answer here.
    """

    def __init__(self, *, region: str, vpc_id: str, account: str = ACCOUNT, default_subnet_count: int = 2) -> None:
        self.region = region
        self.vpc_id = vpc_id
        self.account = account
        self.default_subnet_count = default_subnet_count

    def call(self, args: mocks.MockCallArgs) -> Any:
        """Answer a provider function."""
        arguments: Mapping[str, Any] = args.args
        match args.token:
            case "aws:index/getCallerIdentity:getCallerIdentity":
                return {"accountId": self.account, "id": self.account}
            case "aws:index/getRegion:getRegion":
                return {"region": self.region, "id": self.region}
            case "aws:index/getPartition:getPartition":
                return partition_of(self.region)
            case "aws:ecr/getAuthorizationToken:getAuthorizationToken":
                return {"userName": "AWS", "password": "short-lived", "id": self.region}
            case "aws:ecr/getImage:getImage" | "docker:index/getRegistryImage:getRegistryImage":
                return {"imageDigest": DIGEST, "sha256Digest": DIGEST, "id": DIGEST}
            case "aws:ec2/getVpc:getVpc":
                return self.vpc(arguments)
            case "aws:ec2/getVpcEndpointService:getVpcEndpointService":
                return {"serviceName": self.endpoint_service(arguments["filters"][0]["values"]), "id": self.region}
            case "aws:ec2/getRouteTables:getRouteTables":
                return {"ids": ["rtb-main", "rtb-private"], "id": self.region}
            case "aws:ec2/getSubnets:getSubnets":
                return {"ids": list(self.default_subnets()), "id": self.region}
            case "aws:ec2/getSubnet:getSubnet":
                return {"id": arguments["id"], **self.subnet(arguments["id"])}
            case "aws:lb/getListener:getListener":
                return self.listener(arguments["arn"])
            case "aws:lb/getLoadBalancer:getLoadBalancer":
                return self.load_balancer(arguments["arn"])
            case "aws:route53/getZone:getZone":
                return self.hosted_zone(arguments["name"])
        raise LookupError(
            f"the made-up AWS account has no answer for {args.token}; add one to mock_runtime/fake_account.py"
        )

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str | None, dict[Any, Any]]:
        """The outputs of a resource in a preview: its inputs, without what AWS would add."""
        if args.typ.startswith("awsx:"):
            return "", {}
        named = {"name": args.name} if args.custom else {}
        return "", {**named, **args.inputs}

    def vpc(self, arguments: Mapping[str, Any]) -> LookupResult:
        """A VPC by its id, or the default one."""
        return {"id": arguments.get("id", DEFAULT_VPC), "cidrBlock": "10.0.0.0/16"}

    def endpoint_service(self, names: Sequence[str]) -> str:
        """The one of `names` that the region has."""
        return names[0]

    def default_subnets(self) -> Sequence[str]:
        """The ids of the default VPC's subnets."""
        return [f"subnet-{number}" for number in range(self.default_subnet_count)]

    def subnet(self, subnet_id: str) -> dict[str, Any]:
        """The location of a subnet."""
        return {
            "availabilityZone": f"zone of {subnet_id}",
            "vpcId": self.vpc_id,
            "ipv6CidrBlock": "2001:db8::/64",
        }

    def listener(self, arn: str) -> LookupResult:
        """A listener of a load balancer."""
        return {"arn": arn, "id": arn, "loadBalancerArn": f"balancer of {arn}", "port": 443, "protocol": "HTTPS"}

    def load_balancer(self, arn: str) -> dict[str, Any]:
        """A load balancer in the VPC of the tasks."""
        return {
            "arn": arn,
            "id": arn,
            "arnSuffix": "app/shared/0123456789abcdef",
            "dnsName": "shared.elb.example",
            "vpcId": self.vpc_id or DEFAULT_VPC,
            "securityGroups": ["sg-b", "sg-a"],
        }

    def hosted_zone(self, name: str) -> LookupResult:
        """A public zone of Route 53."""
        return {"zoneId": "Z0000000000000", "id": "Z0000000000000"}


def partition_of(region: str) -> dict[str, Any]:
    """The provider's answer on the partition of a region. Source: botocore's data."""
    partitions = create_loader().load_data("partitions")["partitions"]
    known = next((one for one in partitions if re.match(one["regionRegex"], region)), partitions[0])
    suffix = known["outputs"]["dnsSuffix"]
    reverse = ".".join(reversed(suffix.split(".")))
    return {"partition": known["id"], "dnsSuffix": suffix, "reverseDnsPrefix": reverse, "id": known["id"]}
