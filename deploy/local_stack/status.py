"""`make status`: the state of the stack `local`."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from docker.errors import DockerException

import deploy
from deploy.local_stack.up import fetch
from infra.service.diagnosis import diagnose_deployment
from local import docker_engine, emulated_aws
from local.console import echo
from local.engine.aws import client
from local.errors import LocalError
from local.lock import find_holder
from local.settings import REGION, LocalSettings
from local.stack_record import load_record

EVENTS = {
    "has begun draining connections": "old tasks finish the requests that they have, and then stop",
    "circuit breaker was triggered": "tasks of the new version failed again and again: its deployment was ended",
    "rolled back to the last completed deployment": "the version before was deployed again",
    "has reached a steady state": "all tasks run and are healthy",
}
"""A part of an event's message, and what it means."""

VERSION_VARIABLE = "MODEL_VERSION"
"""The environment variable of a task with the version of its model."""


def status(settings: LocalSettings) -> None:
    """Print the endpoint, the model, the service's counts, its tasks with their health, and its latest events.

    Of a service that is not steady, print why. Of a stack that is down, print what remains of it. Raises `LocalError`
    when the emulated AWS cannot be queried.
    """
    if holder := find_holder(settings.state_dir):
        echo(f"Under way: {holder}.")
    if not emulated_aws.daemon(settings.state_dir).running():
        for line in _left(settings):
            echo(line)
        return
    outputs = deploy.outputs("local")
    if not outputs:
        echo("The emulated AWS runs, and nothing is deployed on it. `make up` deploys.")
        return
    if not emulated_aws.is_reachable(settings.aws_url):
        raise LocalError(_format_unreachable(settings, f"it does not answer on {settings.aws_url}"))
    try:
        lines = [*_model(settings.endpoint_url), *_service(_clients(settings), outputs)]
    except (BotoCoreError, ClientError) as error:
        raise LocalError(_format_unreachable(settings, str(error))) from error
    echo(f"Endpoint: {outputs['url']}")
    for line in lines:
        echo(line)


def _format_unreachable(settings: LocalSettings, reason: str) -> str:
    log = emulated_aws.daemon(settings.state_dir).log
    return (
        f"The emulated AWS runs, but does not answer: {reason}. Its log is {log}. "
        "Try again, or `make down`, then `make up`."
    )


def _left(settings: LocalSettings) -> list[str]:
    """What remains of a stack that is down, and how to remove it."""
    lines = ["The local stack is down. `make up` brings it up."]
    if load_record(settings.state_dir) is not None:
        still = _containers(settings) or "its images and state are left"
        lines.append(f"It ended without `make down`: {still}. `make up` starts anew, `make down` removes all of it.")
    hint = orphaned_engine_hint(settings.state_dir)
    return [*lines, hint] if hint else lines


def orphaned_engine_hint(state_dir: Path) -> str:
    """A hint on stopping the Docker engine that `make up` started, when nothing else runs; else empty."""
    runs = docker_engine.daemon(state_dir).running() and not emulated_aws.daemon(state_dir).running()
    return "The Docker engine that `make up` started still runs; `make down` stops it." if runs else ""


def _containers(settings: LocalSettings) -> str:
    """The numbers of running and of stopped containers of tasks; empty when none are found."""
    try:
        states = [one.status for one in emulated_aws.task_containers(docker_engine.connect(), settings)]
    except (LocalError, DockerException):
        return ""
    run = states.count("running")
    numbers = {"still running": run, "stopped": len(states) - run}
    found = [f"{count} {what}" for what, count in numbers.items() if count]
    return f"containers of its tasks are left ({', '.join(found)})" if found else ""


def _clients(settings: LocalSettings) -> Callable[[str], Any]:
    """A function from a service's name to a client of it."""
    return cache(lambda name: client(name, endpoint_url=settings.aws_url, region=REGION))


def _model(url: str) -> list[str]:
    """The model that answers through the load balancer: version, data and metrics."""
    try:
        model = fetch(url, "/model", seconds=0.0)
    except LocalError as error:
        return [f"Model:    {error}"]
    return format_model(model) or [f"Model:    another service answers on {url}"]


def format_model(model: dict[str, Any]) -> list[str]:
    """The answer of `GET /model` as lines; none for another answer."""
    try:
        data, metrics = model["data"], model["metrics"]
        lines = [
            f"Model:    {model['model_version'][:12]}, {model['ranker']}",
            f"Data:     {data['ratings']:,} ratings, {model['users']:,} users, {model['items']:,} items: "
            f"{data.get('source', 'unknown')}",
        ]
        ndcg, low, high = metrics["order"]["splits"][0]["results"]["this_model"]["ndcg"]
    except (KeyError, TypeError, ValueError, LookupError):
        return []
    rmse = f"; RMSE of the stars {metrics['test']['rmse']:.3f}" if "test" in metrics else ""
    return [*lines, f"Metrics:  NDCG@10 {ndcg:.3f} (95 %: {low:.3f} to {high:.3f}) on test ratings{rmse}"]


def _service(clients: Callable[[str], Any], outputs: dict[str, Any]) -> list[str]:
    ecs, cluster, name = clients("ecs"), outputs["clusterName"], outputs["serviceName"]
    found = ecs.describe_services(cluster=cluster, services=[name])["services"]
    if not found:
        return [f"Service:  {name} is gone. `make up` makes it again."]
    lines = [f"Service:  {name}: {format_task_counts(found[0])}"]
    version, health = _versions(ecs), _target_health(clients("elbv2"), found[0])
    arns = ecs.list_tasks(cluster=cluster, serviceName=name)["taskArns"]
    states = set()
    for task in ecs.describe_tasks(cluster=cluster, tasks=arns)["tasks"] if arns else []:
        image = task["containers"][0]["image"].rpartition("@")[2]
        state, model = health.get(_address(task), "no target"), version(task["taskDefinitionArn"])
        states.add(state)
        lines.append(
            f"  task {task['taskArn'].rpartition('/')[2][:8]}  {task['lastStatus']}  {state}  model {model}  {image}"
        )
    lines += [f"  event {event['createdAt']:%H:%M:%S}  {explain(event['message'])}" for event in found[0]["events"][:5]]
    primary = next((one for one in found[0]["deployments"] if one["status"] == "PRIMARY"), None)
    if primary and (states - {"healthy"} or primary["runningCount"] != found[0]["desiredCount"]):
        lines += diagnose_deployment(
            clients,
            cluster=cluster,
            service=name,
            task_definition=primary["taskDefinition"],
            verdict="is not steady (yet)",
        ).splitlines()
    return lines


def explain(message: str) -> str:
    """An event of the service in plain words; one of another kind as it is."""
    return next((words for part, words in EVENTS.items() if part in message), message)


def _target_health(elb: Any, service: dict[str, Any]) -> dict[str, str]:
    """The health of the load balancer's targets, by address, with the reason of what is not healthy."""
    found: dict[str, str] = {}
    for group in service.get("loadBalancers") or []:
        for one in elb.describe_target_health(TargetGroupArn=group["targetGroupArn"])["TargetHealthDescriptions"]:
            state = one["TargetHealth"]
            why = state.get("Description") or state.get("Reason")
            found[one["Target"]["Id"]] = f"{state['State']} ({why})" if why else str(state["State"])
    return found


def _address(task: dict[str, Any]) -> str:
    """The private IP address of a task; empty before it has one."""
    details = [one for attachment in task.get("attachments") or [] for one in attachment["details"]]
    return next((str(one["value"]) for one in details if one["name"] == "privateIPv4Address"), "")


def format_task_counts(service: dict[str, Any]) -> str:
    """The number of running tasks of those desired; during a replacement, of new and of leaving ones."""
    new = sum(one["runningCount"] for one in service["deployments"] if one["status"] == "PRIMARY")
    leaving = sum(one["runningCount"] for one in service["deployments"] if one["status"] != "PRIMARY")
    if leaving:
        return f"{new} new and {leaving} leaving tasks run, {service['desiredCount']} desired"
    return f"{new} of {service['desiredCount']} tasks run"


def _versions(ecs: Any) -> Callable[[str], str]:
    """A function from a task definition to the version of the model in it."""

    @cache
    def version(definition: str) -> str:
        described = ecs.describe_task_definition(taskDefinition=definition)["taskDefinition"]
        variables = described["containerDefinitions"][0].get("environment") or []
        return next((str(one["value"]) for one in variables if one["name"] == VERSION_VARIABLE), "unknown")

    return version
