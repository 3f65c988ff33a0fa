"""Somebody else's container behind a load balancer: `pulumi up` in this folder."""

import sys
from pathlib import Path

import pulumi

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))  # the repository, which has the components
from infra.endpoint.load_balanced_endpoint import LoadBalancedEndpoint, LoadBalancedEndpointArgs
from infra.image.model_image import ModelImage, ModelImageArgs
from infra.network.network import Network, NetworkArgs
from infra.registry import Registry, RegistryArgs
from infra.service.fargate_service import FargateService, FargateServiceArgs
from infra.tags import register_default_tags

config = pulumi.Config()
name = f"{pulumi.get_project()}-{pulumi.get_stack()}"
register_default_tags({"project": pulumi.get_project(), "stack": pulumi.get_stack()})

registry = Registry(name, RegistryArgs(host=config.get("registryHost") or "", force_delete=True))
build = {key: config.get(key) or "" for key in ("baseImage", "caBundle", "pipConf")}
image = ModelImage(name, ModelImageArgs(**build, context=Path("app"), repository=registry.repository))
network = Network(name, NetworkArgs())
endpoint = LoadBalancedEndpoint(
    name,
    LoadBalancedEndpointArgs(subnets=network.load_balancer_subnets, container_port=8000, health_check_path="/healthz"),
)
service = FargateService(
    name,
    FargateServiceArgs(
        subnets=network.task_subnets,
        target=endpoint.target,
        image_uri=image.uri,
        repository_arns=image.repository_arns,
        container_port=8000,
        desired_count=1,
        scalable_target=not pulumi.Config("aws").get("endpoints"),  # the emulated AWS has no Application Auto Scaling
    ),
)
pulumi.export("url", endpoint.url)
