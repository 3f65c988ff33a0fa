"""A deployment that ECS gave up fails here too, and says why.

The provider waits until the service is steady, and a service that was rolled back is: it reports success
(pulumi-aws#4487). So what runs is compared with what was wanted; and where the provider itself fails, because
nothing got steady, the same explanation is told.
"""

import pulumi
import pulumi_aws as aws
from botocore.exceptions import BotoCoreError, ClientError

from infra.aws_clients import provider_client
from infra.errors import ProgramError
from infra.service.diagnosis import explain

ROLLBACK_HELP = (
    "The version before still answers. Mend the cause and deploy again; "
    "to try this version once more: pulumi refresh, then pulumi up"
)


def running_task_definition(
    *,
    cluster_arn: pulumi.Input[str],
    service: aws.ecs.Service,
    task_definition_arn: pulumi.Input[str],
    parent: pulumi.Resource,
) -> pulumi.Output[str]:
    """The ARN of the task definition that the service runs once it is steady; it is the wanted one.

    Raises `ProgramError`, with what ECS and the container said, when ECS went back to another. A preview asks
    nothing.
    """
    wanted = pulumi.Output.from_input(task_definition_arn)
    if pulumi.runtime.is_dry_run():
        return wanted
    found = aws.ecs.get_service_output(
        cluster_arn=cluster_arn,
        service_name=service.name,
        opts=pulumi.InvokeOutputOptions(parent=parent, depends_on=[service]),
    )
    return pulumi.Output.all(
        cluster=cluster_arn, service=service.name, running=found.task_definition, wanted=wanted
    ).apply(lambda told: _compare(**told))


def explain_failures(name: str) -> pulumi.ResourceHookBinding:
    """Hooks for an ECS service: when it cannot be made or changed, tell why beside the provider's own error."""
    return pulumi.ResourceHookBinding(on_error=[pulumi.ErrorHook(f"{name}-explain", _explain_error)])


def _compare(*, cluster: str, service: str, running: str | None, wanted: str) -> str:
    """A provider that does not tell what runs tells of no rollback either."""
    if running is None or running == wanted:
        return wanted
    verdict = f"was rolled back: {running.rpartition('/')[2]} runs"
    told = _words(cluster=cluster, service=service, task_definition=wanted, verdict=verdict)
    raise ProgramError(f"{told}\n{ROLLBACK_HELP}")


def _explain_error(args: pulumi.ErrorHookArgs) -> bool:
    """Never asks for another attempt: ECS has made several."""
    inputs, outputs = args.new_inputs or {}, args.old_outputs or {}
    service = outputs.get("name") or inputs.get("name") or args.name
    cluster, wanted = inputs.get("cluster"), inputs.get("taskDefinition")
    if args.failed_operation in ("create", "update") and cluster and wanted:
        told = _words(cluster=cluster, service=service, task_definition=wanted, verdict="did not get steady")
        pulumi.log.error(told)
    return False


def _words(*, cluster: str, service: str, task_definition: str, verdict: str) -> str:
    try:
        return explain(
            provider_client, cluster=cluster, service=service, task_definition=task_definition, verdict=verdict
        )
    except (BotoCoreError, ClientError) as error:
        return f"the deployment of {task_definition.rpartition('/')[2]} {verdict} (why is not to be had: {error})"
