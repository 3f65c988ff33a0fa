"""`make status`: what runs, and how it is."""

from __future__ import annotations

import deploy
from local import emulated_aws
from local.console import say
from local.engine.aws import client
from local.settings import REGION, LocalSettings


def status(settings: LocalSettings) -> None:
    """Print the endpoint, the service's counts, its tasks and its latest events."""
    if not emulated_aws.daemon(settings).running():
        say("The local stack is down. `make up` brings it up.")
        return
    outputs = deploy.outputs("local")
    if not outputs:
        say("The emulated AWS runs, and nothing is deployed on it. `make up` deploys.")
        return
    ecs = client("ecs", endpoint_url=settings.aws_url, region=REGION)
    cluster, name = outputs["clusterName"], outputs["serviceName"]
    service = ecs.describe_services(cluster=cluster, services=[name])["services"][0]
    say(f"Endpoint: {outputs['url']}")
    say(f"Service:  {name}: {service['runningCount']} of {service['desiredCount']} tasks run")
    arns = ecs.list_tasks(cluster=cluster, serviceName=name)["taskArns"]
    for task in ecs.describe_tasks(cluster=cluster, tasks=arns)["tasks"] if arns else []:
        image = task["containers"][0]["image"].rpartition("@")[2]
        say(f"  task {task['taskArn'].rpartition('/')[2][:8]}  {task['lastStatus']}  {image}")
    for event in service["events"][:5]:
        say(f"  event {event['createdAt']:%H:%M:%S}  {event['message']}")
