"""The outputs of the stack."""

from collections.abc import Mapping

import pulumi

from infra.cost.estimate import Estimate
from infra.endpoint.load_balanced_endpoint import LoadBalancedEndpoint
from infra.image.model_image import ModelImage
from infra.registry import Registry
from infra.service.batch import BatchJobs
from infra.service.fargate_service import FargateService


def export_cost(estimate: Estimate) -> None:
    """Export the estimate and, in a preview, log it; nothing for an empty one."""
    if not estimate.lines:
        return
    if pulumi.runtime.is_dry_run():
        pulumi.log.info(estimate.table())
    pulumi.export("estimatedMonthlyCostUsd", estimate.monthly_usd)
    pulumi.export("estimatedCostLines", {line.what: round(line.monthly_usd, 2) for line in estimate.lines})


def export_outputs(
    *,
    registry: Registry,
    image: ModelImage,
    endpoint: LoadBalancedEndpoint,
    service: FargateService,
    batch: BatchJobs,
) -> None:
    """Export the components' outputs, without those of optional parts that do not exist."""
    outputs: Mapping[str, pulumi.Output[str] | pulumi.Output[Mapping[str, str]] | None] = {
        "url": endpoint.url,
        "imageUri": image.uri,
        "imageDigest": image.digest,
        "imageTag": image.tag,
        "modelVersion": image.model_version,
        "repositoryUrl": registry.url,
        "pushPolicyArn": registry.push_policy_arn,
        "clusterName": service.cluster_name,
        "serviceName": service.service_name,
        "batchJobCommands": batch.commands,
    }
    for name, value in outputs.items():
        if value is not None:
            pulumi.export(name, value)
