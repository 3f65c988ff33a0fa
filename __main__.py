"""The recommender on AWS: registry, image, network, load balancer, service. `pulumi up` runs this."""

from pathlib import Path

import pulumi

from infra.boundary import register_permissions_boundary
from infra.config.load import load_settings
from infra.contract import ARTIFACT_FOLDER, CONTAINER_ARGS, TARGET_ARGS
from infra.cost.budget import create_budget
from infra.cost.estimate import estimate
from infra.endpoint.load_balanced_endpoint import LoadBalancedEndpoint, LoadBalancedEndpointArgs
from infra.image.artifact import read_model
from infra.image.model_image import ModelImage, ModelImageArgs
from infra.monitoring.monitoring import monitor_endpoint, monitor_service, rollback_alarms
from infra.network.network import Network, NetworkArgs
from infra.outputs import export_cost, export_outputs
from infra.protection import protect_production
from infra.registry import Registry, RegistryArgs
from infra.service.batch import BatchJobs, BatchJobsArgs
from infra.service.fargate_service import FargateService, FargateServiceArgs
from infra.tags import register_default_tags

pulumi.require_pulumi_version(">=3.219.0")  # the first one with error hooks for Python, which explain a rollback
settings = load_settings()
name, production, context = settings.name, settings.common.production, Path("model_service")
register_default_tags(settings.tags)
register_permissions_boundary(settings.common.permissions_boundary)
protect_production(production=production)

model = read_model(context / ARTIFACT_FOLDER, settings.image, settings.model, settings.batch.jobs)
registry_args = settings.registry.args(repository_name=settings.repository_name, force_delete=not production)
registry = Registry(name, RegistryArgs(**registry_args))
image_args = settings.image.args(model_version=model.version, build_args=model.build_args, context=context)
staging = Path(".build", pulumi.get_stack(), "context")
image = ModelImage(name, ModelImageArgs(**image_args, staging=staging, repository=registry.repository))
network_args = settings.network.args(vpc_endpoint_services=settings.vpc_endpoint_services)
network = Network(name, NetworkArgs(**network_args))
endpoint_args = LoadBalancedEndpointArgs(
    **settings.endpoint.args(internal=settings.network.internal, ipv6=settings.network.ipv6, **TARGET_ARGS),
    subnets=network.load_balancer_subnets,
    target_type=settings.service.target_type,
    deletion_protection=production,
)
endpoint = LoadBalancedEndpoint(name, endpoint_args)
monitoring = monitor_endpoint(name, endpoint, settings.monitoring)
service_args = FargateServiceArgs(
    **settings.service.args(environment={**settings.environment, **model.environment}, **CONTAINER_ARGS),
    subnets=network.task_subnets,
    target=endpoint.target,
    image_uri=image.uri,
    repository_arns=image.repository_arns,
    cpu_architecture=settings.image.cpu_architecture,
    rollback_alarms=rollback_alarms(monitoring),
    scalable_target=not settings.emulated,
)
service = FargateService(name, service_args)
endpoint.point_domain(after=service)
monitor_service(name, monitoring, service, image, min_tasks=settings.service.min_tasks)
registry.expire_images(tag=image.tag, after=service.task_definition_arn)
batch = BatchJobs(name, BatchJobsArgs(jobs=settings.batch.jobs, service_args=service_args, service=service))
create_budget(name, settings.tags, settings.budget)
export_cost(estimate(settings, default_subnet_count=network.default_subnet_count))
export_outputs(registry=registry, image=image, endpoint=endpoint, service=service, batch=batch)
