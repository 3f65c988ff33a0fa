"""Rollback detection: a deployment that ECS rolled back fails in Pulumi too, with a diagnosis.

The provider waits for a steady state, which a rolled-back service reaches: it reports success (pulumi-aws#4487). So
the running task definition is compared with the deployed one. Where the provider itself fails, because no steady state
was reached, the same diagnosis is logged.
"""

from __future__ import annotations

import pulumi
import pulumi_aws as aws
from botocore.exceptions import BotoCoreError, ClientError

from infra.args import Input
from infra.aws_clients import provider_client
from infra.errors import ProgramError
from infra.service.diagnosis import diagnose_deployment

ROLLBACK_HELP = (
    "The previous version still serves. Fix the cause and deploy again; "
    "to retry this version: pulumi refresh, then pulumi up"
)


def running_task_definition(
    *,
    cluster_arn: Input[str],
    service: aws.ecs.Service,
    task_definition_arn: Input[str],
    parent: pulumi.Resource,
) -> pulumi.Output[str]:
    """The ARN of the task definition that the service runs in its steady state: `task_definition_arn`.

    Raises `ProgramError` with a diagnosis when ECS rolled back to another one. A preview makes no request.
    """
    deployed = pulumi.Output.from_input(task_definition_arn)
    if pulumi.runtime.is_dry_run():
        return deployed
    current = aws.ecs.get_service_output(
        cluster_arn=cluster_arn,
        service_name=service.name,
        opts=pulumi.InvokeOutputOptions(parent=parent, depends_on=[service]),
    )
    return pulumi.Output.all(
        cluster=cluster_arn, service=service.name, running=current.task_definition, deployed=deployed
    ).apply(lambda known: _compare(**known))


def deployment_failure_hook(name: str) -> pulumi.ResourceHookBinding:
    """A hook for an ECS service that logs a diagnosis beside the provider's error when its deployment fails."""
    return pulumi.ResourceHookBinding(on_error=[pulumi.ErrorHook(f"{name}-explain", _log_diagnosis)])


def _compare(*, cluster: str, service: str, running: str | None, deployed: str) -> str:
    """A provider that does not report the running task definition reports no rollback."""
    if running is None or running == deployed:
        return deployed
    verdict = f"was rolled back: {running.rpartition('/')[2]} runs"
    diagnosis = _diagnose(cluster=cluster, service=service, task_definition=deployed, verdict=verdict)
    raise ProgramError(f"{diagnosis}\n{ROLLBACK_HELP}")


def _log_diagnosis(args: pulumi.ErrorHookArgs) -> bool:
    """Log the diagnosis; False, since ECS has made several attempts already."""
    inputs, outputs = args.new_inputs or {}, args.old_outputs or {}
    service = outputs.get("name") or inputs.get("name") or args.name
    cluster, deployed = inputs.get("cluster"), inputs.get("taskDefinition")
    if args.failed_operation in ("create", "update") and cluster and deployed:
        verdict = "did not reach a steady state"
        diagnosis = _diagnose(cluster=cluster, service=service, task_definition=deployed, verdict=verdict)
        pulumi.log.error(diagnosis)
    return False


def _diagnose(*, cluster: str, service: str, task_definition: str, verdict: str) -> str:
    try:
        return diagnose_deployment(
            provider_client, cluster=cluster, service=service, task_definition=task_definition, verdict=verdict
        )
    except (BotoCoreError, ClientError) as error:
        return f"the deployment of {task_definition.rpartition('/')[2]} {verdict} (no diagnosis: {error})"
