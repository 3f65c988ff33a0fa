"""Checks of several resources together: sources that reach tasks, buckets without a public access block. Imports no
Pulumi."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

Typed = tuple[str, str, Mapping[str, Any]]
"""A resource as type token, name and properties."""

SERVICE: Final = "aws:ecs/service:Service"
INGRESS: Final = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
RULE: Final = "aws:ec2/securityGroupRule:SecurityGroupRule"
BUCKET: Final = "aws:s3/bucket:Bucket"
PUBLIC_ACCESS_BLOCK: Final = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"


def sources(inputs: Mapping[str, Any]) -> list[str]:
    """The addresses that an ingress rule, of either kind, lets in; a security group is none."""
    single = [inputs.get(key) for key in ("cidrIpv4", "cidrIpv6", "prefixListId")]
    listed = [source for key in ("cidrBlocks", "ipv6CidrBlocks", "prefixListIds") for source in inputs.get(key) or []]
    return [str(source) for source in [*single, *listed] if source]


def reachable_tasks(resources: Sequence[Typed]) -> Iterator[str]:
    """Ingress rules of the tasks' security groups whose source is not a security group.

    A task may have a public address; these rules decide who reaches it.
    """
    groups = {
        group
        for type_, _, inputs in resources
        if type_ == SERVICE
        for group in (inputs.get("networkConfiguration") or {}).get("securityGroups") or []
    }
    for type_, name, inputs in resources:
        ingress = type_ == INGRESS or (type_ == RULE and inputs.get("type") != "egress")
        if ingress and inputs.get("securityGroupId") in groups:
            for source in sources(inputs):
                yield f"{name} lets {source} reach the tasks; allowed: the load balancer's security group alone"


def open_buckets(resources: Sequence[Typed]) -> Iterator[str]:
    """Buckets without a public access block."""
    blocked = {inputs.get("bucket") for type_, _, inputs in resources if type_ == PUBLIC_ACCESS_BLOCK}
    for type_, name, inputs in resources:
        if type_ == BUCKET and not {inputs.get("id"), inputs.get("bucket")} & blocked:
            yield f"{name} has no BucketPublicAccessBlock"
