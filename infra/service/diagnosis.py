"""Diagnosis of a failed ECS deployment from AWS's APIs; takes boto3 clients and imports no Pulumi."""

from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

Clients = Callable[[str], Any]
"""A service's name, such as "ecs", to a boto3 client of it."""

MAX_TASKS: Final = 3
MAX_EVENTS: Final = 5
MAX_LOG_LINES: Final = 15
TASKS_PER_CALL: Final = 100
"""Source: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_DescribeTasks.html ("DescribeTasks")"""


def diagnose_deployment(clients: Clients, *, cluster: str, service: str, task_definition: str, verdict: str) -> str:
    """The reasons why a deployment failed, as lines of text; parts that AWS does not answer are marked, not raised.

    task_definition: ARN of the new revision. verdict: the outcome, such as "was rolled back".
    After the first line: ECS's reason and events, why tasks stopped, which targets are unhealthy and why, and the last
    log lines of a task of this revision.
    """
    lines = [f"the deployment of {task_definition.rpartition('/')[2]} {verdict}"]
    for part in (_rollout, _stopped, _targets, _last_log_lines):
        try:
            lines += part(clients, cluster, service, task_definition)
        except (ClientError, BotoCoreError) as error:
            lines.append(f"  (not available: {error})")
    return "\n".join(lines)


def _rollout(clients: Clients, cluster: str, service: str, task_definition: str) -> Iterator[str]:
    for described in clients("ecs").describe_services(cluster=cluster, services=[service])["services"]:
        for deployment in described["deployments"]:
            reason = deployment.get("rolloutStateReason")
            if deployment["taskDefinition"] == task_definition and reason:
                yield f"  ECS: {reason}"
        yield from (f"  event: {event['message']}" for event in described.get("events", [])[:MAX_EVENTS])


def _stopped(clients: Clients, cluster: str, service: str, task_definition: str) -> Iterator[str]:
    for task in _tasks(clients, cluster, task_definition, "STOPPED")[:MAX_TASKS]:
        codes = [
            str(container["exitCode"]) for container in task["containers"] if container.get("exitCode") is not None
        ]
        reasons = [str(container["reason"]) for container in task["containers"] if container.get("reason")]
        why = "; ".join([str(task.get("stoppedReason") or "no reason given"), *reasons])
        yield f"  task {_short(task)} stopped: {why} (exit {', '.join(codes) or '?'})"


def _targets(clients: Clients, cluster: str, service: str, task_definition: str) -> Iterator[str]:
    for described in clients("ecs").describe_services(cluster=cluster, services=[service])["services"]:
        balancers = described.get("loadBalancers", [])
        for group in [entry["targetGroupArn"] for entry in balancers if entry.get("targetGroupArn")]:
            health = clients("elbv2").describe_target_health(TargetGroupArn=group)["TargetHealthDescriptions"]
            for target in health:
                state = target["TargetHealth"]
                if state["State"] not in ("healthy", "draining"):
                    reason = " - ".join(state[key] for key in ("Reason", "Description") if state.get(key))
                    yield f"  target {target['Target']['Id']} is {state['State']}: {reason or 'no reason given'}"


def _last_log_lines(clients: Clients, cluster: str, service: str, task_definition: str) -> Iterator[str]:
    tasks = _tasks(clients, cluster, task_definition, "STOPPED") or _tasks(clients, cluster, task_definition, "RUNNING")
    if tasks:
        yield f"  last log lines of task {_short(tasks[0])}:"
        yield from (f"    {line}" for line in _log(clients, task_definition, tasks[0]))


def _tasks(clients: Clients, cluster: str, task_definition: str, status: str) -> list[dict[str, Any]]:
    """The tasks of this revision with this desired status, the most recently stopped first."""
    ecs = clients("ecs")
    family = task_definition.rpartition("/")[2].rpartition(":")[0]
    arns = ecs.list_tasks(cluster=cluster, family=family, desiredStatus=status)["taskArns"][:TASKS_PER_CALL]
    tasks = ecs.describe_tasks(cluster=cluster, tasks=arns)["tasks"] if arns else []
    of_revision = [task for task in tasks if task["taskDefinitionArn"] == task_definition]
    return sorted(of_revision, key=lambda task: str(task.get("stoppedAt", "")), reverse=True)


def _log(clients: Clients, task_definition: str, task: dict[str, Any]) -> Sequence[str]:
    described = clients("ecs").describe_task_definition(taskDefinition=task_definition)["taskDefinition"]
    container = described["containerDefinitions"][0]
    options = (container.get("logConfiguration") or {}).get("options") or {}
    if "awslogs-group" not in options:
        return ["(no log is configured)"]
    stream = f"{options.get('awslogs-stream-prefix')}/{container['name']}/{task['taskArn'].rpartition('/')[2]}"
    logs = clients("logs")
    try:
        events = logs.get_log_events(logGroupName=options["awslogs-group"], logStreamName=stream, limit=MAX_LOG_LINES)
    except logs.exceptions.ResourceNotFoundException:
        return ["(none)"]
    return [str(event["message"]) for event in events["events"][-MAX_LOG_LINES:]] or ["(none)"]


def _short(task: dict[str, Any]) -> str:
    return str(task["taskArn"])[-8:]
