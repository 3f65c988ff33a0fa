"""The recommender on AWS: registry, image, network, load balancer, service. `pulumi up` runs this."""

from pathlib import Path

from infra.config.load import load_settings
from infra.config.operations import metrics_environment
from infra.cost.budget import budget
from infra.cost.estimate import estimate
from infra.endpoint.load_balanced_endpoint import LoadBalancedEndpoint, LoadBalancedEndpointArgs
from infra.image.model_image import ModelImage, ModelImageArgs
from infra.network.network import Network, NetworkArgs
from infra.outputs import tell, export_cost
from infra.registry import Registry, RegistryArgs, image_retention_count
from infra.service.batch import BatchTasks, BatchTasksArgs
from infra.service.fargate_service import FargateService, FargateServiceArgs
from infra.tags import register_default_tags
from infra.monitoring.monitoring import rollback_alarms, monitor_endpoint, monitor_service

settings = load_settings()
name = settings.name
register_default_tags(settings.tags)

registry = Registry(name, RegistryArgs(settings=settings.registry))
image_args = ModelImageArgs(
    context=Path("model_service"),
    repository_url=registry.url,
    registry_host=registry.host,
    repository_arn=registry.repository_arn,
    settings=settings.image,
)
image = ModelImage(name, image_args)
network = Network(name, NetworkArgs(settings=settings.network))
endpoint_args = LoadBalancedEndpointArgs(
    vpc_id=network.vpc_id, subnet_ids=network.load_balancer_subnet_ids, settings=settings.endpoint
)
endpoint = LoadBalancedEndpoint(name, endpoint_args)
watch = monitor_endpoint(name, endpoint, settings.watching)
service_args = FargateServiceArgs(
    vpc_id=network.vpc_id,
    subnet_ids=network.task_subnet_ids,
    assign_public_ip=network.assign_public_ip,
    load_balancer_security_group_id=endpoint.security_group_id,
    target_group_arn=endpoint.target_group_arn,
    request_label=endpoint.request_label,
    wait_for=[endpoint.listener],
    image_uri=image.uri,
    repository_arns=image.repository_arns,
    environment={**image.environment, **metrics_environment(settings.watching, name)},
    cpu_architecture=settings.image.cpu_architecture,
    rollback_alarms=rollback_alarms(watch),
    settings=settings.service,
)
service = FargateService(name, service_args)
monitor_service(name, watch, service, image, min_tasks=settings.service.min_tasks)
image_retention_count(name, registry, settings.registry, tag=image.tag, running=service.task_definition_arn)
batch = BatchTasks(name, BatchTasksArgs(like=service_args, service=service, tasks=settings.tasks))
budget(name, settings.tags, settings.budget)
export_cost(estimate(settings))
tell(registry=registry, image=image, endpoint=endpoint, service=service, batch=batch)
