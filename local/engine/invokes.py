"""Provider functions, implemented with the emulated AWS."""

import base64
from collections.abc import Callable
from typing import Any

from local.engine.aws import Aws

Arguments = dict[str, Any]


def _caller_identity(aws: Aws, _: Arguments) -> dict[str, Any]:
    who = aws.client("sts").get_caller_identity()
    return {"accountId": who["Account"], "arn": who["Arn"], "userId": who["UserId"], "id": who["Account"]}


def _region(aws: Aws, _: Arguments) -> dict[str, Any]:
    return {"region": aws.region, "name": aws.region, "id": aws.region, "description": aws.region}


def _partition(_: Aws, __: Arguments) -> dict[str, Any]:
    return {"partition": "aws", "dnsSuffix": "amazonaws.com", "reverseDnsPrefix": "com.amazonaws", "id": "aws"}


def _vpc(aws: Aws, arguments: Arguments) -> dict[str, Any]:
    filters = [{"Name": "is-default", "Values": ["true"]}] if arguments.get("default") else []
    ids = [arguments["id"]] if arguments.get("id") else []
    found = aws.client("ec2").describe_vpcs(Filters=filters, VpcIds=ids)["Vpcs"]
    if not found:
        raise LookupError("no matching EC2 VPC found")
    return {"id": found[0]["VpcId"], "cidrBlock": found[0]["CidrBlock"], "default": found[0]["IsDefault"]}


def _subnets(aws: Aws, arguments: Arguments) -> dict[str, Any]:
    filters = [{"Name": one["name"], "Values": one["values"]} for one in arguments.get("filters") or []]
    found = aws.client("ec2").describe_subnets(Filters=filters)["Subnets"]
    return {"ids": sorted(subnet["SubnetId"] for subnet in found), "id": aws.region}


def _subnet(aws: Aws, arguments: Arguments) -> dict[str, Any]:
    found = aws.client("ec2").describe_subnets(SubnetIds=[arguments["id"]])["Subnets"][0]
    return {"id": found["SubnetId"], "vpcId": found["VpcId"], "availabilityZone": found["AvailabilityZone"]}


def _authorization_token(aws: Aws, _: Arguments) -> dict[str, Any]:
    token = aws.client("ecr").get_authorization_token()["authorizationData"][0]
    user, _colon, password = base64.b64decode(token["authorizationToken"]).decode().partition(":")
    return {
        "userName": user,
        "password": password,
        "authorizationToken": token["authorizationToken"],
        "proxyEndpoint": token["proxyEndpoint"],
        "id": aws.region,
    }


def _registry_image(aws: Aws, arguments: Arguments) -> dict[str, Any]:
    """The digest of an image in the emulated registry, as the Docker provider reads it without a daemon."""
    repository, _, tag = arguments["name"].removeprefix(f"{aws.registry_host}/").partition(":")
    found = aws.client("ecr").describe_images(repositoryName=repository, imageIds=[{"imageTag": tag or "latest"}])
    digest = found["imageDetails"][0]["imageDigest"]
    return {"name": arguments["name"], "sha256Digest": digest, "id": digest}


def _service(aws: Aws, arguments: Arguments) -> dict[str, Any]:
    cluster, name = arguments["clusterArn"], arguments["serviceName"]
    found = aws.client("ecs").describe_services(cluster=cluster, services=[name])["services"]
    if not found:
        raise LookupError(f"no ECS service {name} in {cluster}")
    service = found[0]
    return {
        "id": service["serviceArn"],
        "arn": service["serviceArn"],
        "clusterArn": cluster,
        "serviceName": name,
        "taskDefinition": service["taskDefinition"],
        "desiredCount": service["desiredCount"],
    }


INVOKES: dict[str, Callable[[Aws, Arguments], dict[str, Any]]] = {
    "aws:index/getCallerIdentity:getCallerIdentity": _caller_identity,
    "aws:index/getRegion:getRegion": _region,
    "aws:index/getPartition:getPartition": _partition,
    "aws:ec2/getVpc:getVpc": _vpc,
    "aws:ec2/getSubnets:getSubnets": _subnets,
    "aws:ec2/getSubnet:getSubnet": _subnet,
    "aws:ecr/getAuthorizationToken:getAuthorizationToken": _authorization_token,
    "aws:ecs/getService:getService": _service,
    "docker:index/getRegistryImage:getRegistryImage": _registry_image,
}
