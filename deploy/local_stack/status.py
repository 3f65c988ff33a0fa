"""`make status`: the state of the stack `local`."""

from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

from botocore.exceptions import BotoCoreError, ClientError
from docker.errors import DockerException

import deploy
from local import docker_engine, emulated_aws
from local.console import echo
from local.engine.aws import client
from local.errors import LocalError
from local.settings import REGION, LocalSettings
from local.stack_record import load_record

VERSION_VARIABLE = "MODEL_VERSION"
"""The environment variable of a task with the version of its model."""


def status(settings: LocalSettings) -> None:
    """Print the endpoint, the service's counts, its tasks with their models, and its latest events.

    Of a stack that is down, print what remains of it. Raises `LocalError` when the emulated AWS cannot be queried.
    """
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
        lines = _service(client("ecs", endpoint_url=settings.aws_url, region=REGION), outputs)
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


def _service(ecs: Any, outputs: dict[str, Any]) -> list[str]:
    cluster, name = outputs["clusterName"], outputs["serviceName"]
    found = ecs.describe_services(cluster=cluster, services=[name])["services"]
    if not found:
        return [f"Service:  {name} is gone. `make up` makes it again."]
    lines = [f"Service:  {name}: {format_task_counts(found[0])}"]
    version = _versions(ecs)
    arns = ecs.list_tasks(cluster=cluster, serviceName=name)["taskArns"]
    for task in ecs.describe_tasks(cluster=cluster, tasks=arns)["tasks"] if arns else []:
        image = task["containers"][0]["image"].rpartition("@")[2]
        model = version(task["taskDefinitionArn"])
        lines.append(f"  task {task['taskArn'].rpartition('/')[2][:8]}  {task['lastStatus']}  model {model}  {image}")
    return [*lines, *(f"  event {event['createdAt']:%H:%M:%S}  {event['message']}" for event in found[0]["events"][:5])]


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
