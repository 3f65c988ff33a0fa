"""What only several resources together show: who may reach a task, and which bucket nobody shut. Imports no Pulumi."""

from collections.abc import Iterator, Mapping, Sequence
from typing import Any, Final

Typed = tuple[str, str, Mapping[str, Any]]
"""A resource as type token, name and properties."""

SERVICE: Final = "aws:ecs/service:Service"
INGRESS: Final = "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule"
BUCKET: Final = "aws:s3/bucket:Bucket"
SHUT: Final = "aws:s3/bucketPublicAccessBlock:BucketPublicAccessBlock"


def reachable_tasks(resources: Sequence[Typed]) -> Iterator[str]:
    """Rules that let anything but another security group reach a task; it may have a public address all the same."""
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
    """Buckets without a block on public access."""
    shut = {inputs.get("bucket") for type_, _, inputs in resources if type_ == SHUT}
    for type_, name, inputs in resources:
        if type_ == BUCKET and not {inputs.get("id"), inputs.get("bucket")} & shut:
            yield f"{name} has no BucketPublicAccessBlock"
