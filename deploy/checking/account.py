"""An AWS account that has whatever a configuration names, for a run of the program that asks no real one."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, Final

from pulumi.runtime import mocks

ACCOUNT: Final = "111122223333"
DIGEST: Final = "sha256:" + "f0" * 32
"""Of every image that is already in a registry."""

Failures = list[tuple[str, str]]
Answer = dict[str, Any] | tuple[dict[str, Any], Failures]
"""What a look-up found, and perhaps why it found nothing."""


class AnyAccount(mocks.Mocks):
    """Answers the program's look-ups as an account would in which all is there, and plans resources as a preview does.

    Every subnet is in `vpc_id`, in a zone of its own and with an IPv6 range; every Route 53 zone exists. Whoever knows
    an account better overrides what it says. Raises LookupError for a function that the program has not called so far.
    """

    def __init__(self, *, region: str, vpc_id: str) -> None:
        self.region = region
        self.vpc_id = vpc_id

    def call(self, args: mocks.MockCallArgs) -> Any:
        """Answer a provider function."""
        asked: Mapping[str, Any] = args.args
        match args.token:
            case "aws:index/getCallerIdentity:getCallerIdentity":
                return {"accountId": ACCOUNT, "id": ACCOUNT}
            case "aws:index/getRegion:getRegion":
                return {"region": self.region, "id": self.region}
            case "aws:index/getPartition:getPartition":
                return {"partition": "aws", "dnsSuffix": "amazonaws.com", "id": "aws"}
            case "aws:ecr/getAuthorizationToken:getAuthorizationToken":
                return {"userName": "AWS", "password": "short-lived", "id": self.region}
            case "aws:ecr/getImage:getImage" | "docker:index/getRegistryImage:getRegistryImage":
                return {"imageDigest": DIGEST, "sha256Digest": DIGEST, "id": DIGEST}
            case "aws:ec2/getVpc:getVpc":
                return self.vpc(asked)
            case "aws:ec2/getRouteTables:getRouteTables":
                return {"ids": ["rtb-main", "rtb-private"], "id": self.region}
            case "aws:ec2/getSubnets:getSubnets":
                return {"ids": list(self.default_subnets()), "id": self.region}
            case "aws:ec2/getSubnet:getSubnet":
                return {"id": asked["id"], **self.subnet(asked["id"])}
            case "aws:route53/getZone:getZone":
                return self.hosted_zone(asked["name"])
        raise LookupError(
            f"the made-up AWS account has no answer for {args.token}; deploy/checking/account.py gives it"
        )

    def new_resource(self, args: mocks.MockResourceArgs) -> tuple[str | None, dict[Any, Any]]:
        """What a preview knows of a resource: what was asked for, and nothing that AWS would add."""
        if args.typ.startswith("awsx:"):
            return "", {}
        named = {"name": args.name} if args.custom else {}
        return "", {**named, **args.inputs}

    def vpc(self, asked: Mapping[str, Any]) -> Answer:
        """A VPC by its id, or the default one."""
        return {"id": asked.get("id", "vpc-default"), "cidrBlock": "10.0.0.0/16"}

    def default_subnets(self) -> Sequence[str]:
        """The ids of the default VPC's subnets."""
        return ("subnet-b", "subnet-a")

    def subnet(self, subnet_id: str) -> dict[str, Any]:
        """Where a subnet is."""
        return {
            "availabilityZone": f"zone of {subnet_id}",
            "vpcId": self.vpc_id,
            "ipv6CidrBlock": "2001:db8::/64",
        }

    def hosted_zone(self, name: str) -> Answer:
        """A public zone of Route 53."""
        return {"zoneId": "Z0000000000000", "id": "Z0000000000000"}
