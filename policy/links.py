"""Checks of several resources together: sources that reach tasks, buckets without a public access block. Imports no
Pulumi."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

Typed = tuple[str, str, Mapping[str, Any]]
"""A resource as type token, name and properties."""

SERVICE: Final = "aws:ecs/service:Service"
INGRESS: Final = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
BUCKET: Final = "aws:s3/bucket:Bucket"
PUBLIC_ACCESS_BLOCK: Final = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"


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
        source = inputs.get("cidrIpv4") or inputs.get("cidrIpv6") or inputs.get("prefixListId")
        if type_ == INGRESS and source and inputs.get("securityGroupId") in groups:
            yield f"{name} lets {source} reach the tasks; allowed: the load balancer's security group alone"


def open_buckets(resources: Sequence[Typed]) -> Iterator[str]:
    """Buckets without a public access block."""
    blocked = {inputs.get("bucket") for type_, _, inputs in resources if type_ == PUBLIC_ACCESS_BLOCK}
    for type_, name, inputs in resources:
        if type_ == BUCKET and not {inputs.get("id"), inputs.get("bucket")} & blocked:
            yield f"{name} has no BucketPublicAccessBlock"
