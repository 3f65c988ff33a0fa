"""The container of a task, as ECS wants it described."""

from collections.abc import Mapping, Sequence
from typing import Any, Final

import pulumi

from infra.contract import CONTAINER_NAME, CONTAINER_PORT, CONTAINER_USER, HEALTH_COMMAND
from infra.errors import ProgramError

STOP_TIMEOUT_SECONDS: Final = 30


def container_definitions(
    *,
    image: pulumi.Input[str],
    environment: Mapping[str, pulumi.Input[str]],
    secrets: Mapping[str, str],
    log_group: pulumi.Input[str],
    region: pulumi.Input[str],
    start_seconds: int,
    enable_execute_command: bool,
) -> pulumi.Output[str]:
    """The service's container definitions as JSON that is the same for the same content.

    environment: readable by anyone who may look at the task; a secret Output in it is refused, since it would
        turn the whole JSON secret and hide every later change.
    secrets: variables by the ARN of a Secrets Manager secret or an SSM parameter.
    start_seconds: in which a failing health check does not count, at most 300.
    enable_execute_command: leave room for ECS Exec, whose agent writes to the root file system. Source:
        https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-exec.html
        ("Monitor Amazon ECS containers with ECS Exec")
    """
    definition = _container(
        image=image,
        environment={**environment, "PORT": str(CONTAINER_PORT)},
        secrets=secrets,
        log_group=log_group,
        region=region,
    )
    definition["portMappings"] = [{"containerPort": CONTAINER_PORT, "hostPort": CONTAINER_PORT, "protocol": "tcp"}]
    definition["healthCheck"] = {
        "command": list(HEALTH_COMMAND),
        "interval": 10,
        "timeout": 5,
        "retries": 3,
        "startPeriod": start_seconds,
    }
    if enable_execute_command:
        definition["readonlyRootFilesystem"] = False
        definition["linuxParameters"] = {**definition["linuxParameters"], "initProcessEnabled": True}
    return pulumi.Output.json_dumps([definition], sort_keys=True)


def batch_container_definitions(
    *,
    image: pulumi.Input[str],
    command: Sequence[str],
    environment: Mapping[str, pulumi.Input[str]],
    secrets: Mapping[str, str],
    log_group: pulumi.Input[str],
    region: pulumi.Input[str],
) -> pulumi.Output[str]:
    """The container definitions, as JSON, of a run of the same image that ends.

    command: in place of the image's own entry point; each word stays whole. The root file system can be written,
        since work that ends wants /tmp, which Fargate gives a non-root user in no other way.
    """
    definition = _container(image=image, environment=environment, secrets=secrets, log_group=log_group, region=region)
    definition["entryPoint"], definition["command"] = list(command[:1]), list(command[1:])
    definition["readonlyRootFilesystem"] = False
    return pulumi.Output.json_dumps([definition], sort_keys=True)


def _container(
    *,
    image: pulumi.Input[str],
    environment: Mapping[str, pulumi.Input[str]],
    secrets: Mapping[str, str],
    log_group: pulumi.Input[str],
    region: pulumi.Input[str],
) -> dict[str, Any]:
    return {
        "name": CONTAINER_NAME,
        "image": image,
        "essential": True,
        "user": CONTAINER_USER,
        "readonlyRootFilesystem": True,
        "linuxParameters": {"capabilities": {"drop": ["ALL"]}},
        "environment": _plain(environment),
        "secrets": [{"name": name, "valueFrom": arn} for name, arn in sorted(secrets.items())],
        "stopTimeout": STOP_TIMEOUT_SECONDS,
        "logConfiguration": {
            "logDriver": "awslogs",
            "options": {
                "awslogs-group": log_group,
                "awslogs-region": region,
                "awslogs-stream-prefix": "task",
            },
        },
    }


def _plain(environment: Mapping[str, pulumi.Input[str]]) -> pulumi.Output[list[dict[str, str]]]:
    async def check() -> bool:
        for name, value in environment.items():
            if isinstance(value, pulumi.Output) and await value.is_secret():
                raise ProgramError(
                    f"environment has a secret in {name}: everybody who may describe the task could read it; "
                    f"put the value in Secrets Manager or SSM and name its ARN in secrets"
                )
        return True

    variables = pulumi.Output.all(**environment)
    return pulumi.Output.all(variables, check()).apply(
        lambda found: [{"name": name, "value": value} for name, value in sorted(found[0].items())]
    )
