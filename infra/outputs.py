"""What a stack tells about itself."""

from collections.abc import Mapping

import pulumi

from infra.cost.estimate import Estimate
from infra.endpoint.load_balanced_endpoint import LoadBalancedEndpoint
from infra.image.model_image import ModelImage
from infra.registry import Registry
from infra.service.batch import BatchTasks
from infra.service.fargate_service import FargateService


def export_cost(estimated: Estimate) -> None:
    """Export the estimate, and in a preview show it; where nothing costs anything, nothing."""
    if not estimated.lines:
        return
    if pulumi.runtime.is_dry_run():
        pulumi.log.info(estimated.table())
    pulumi.export("estimatedMonthlyCostUsd", estimated.monthly_usd)
    pulumi.export("estimatedCostLines", {line.what: round(line.monthly_usd, 2) for line in estimated.lines})


def tell(
    *,
    registry: Registry,
    image: ModelImage,
    endpoint: LoadBalancedEndpoint,
    service: FargateService,
    batch: BatchTasks,
) -> None:
    """Export what the components turned out to be, but for the parts that nobody asked for."""
    told: Mapping[str, pulumi.Output[str] | pulumi.Output[Mapping[str, str]] | None] = {
        "url": endpoint.url,
        "imageUri": image.uri,
        "imageDigest": image.digest,
        "imageTag": image.tag,
        "modelVersion": image.model_version,
        "repositoryUrl": registry.url,
        "pusherPolicyArn": registry.pusher_policy_arn,
        "clusterName": service.cluster_name,
        "serviceName": service.service_name,
        "taskCommands": batch.commands,
    }
    for name, value in told.items():
        if value is not None:
            pulumi.export(name, value)
