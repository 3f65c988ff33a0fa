"""The container of a task, as ECS wants it described."""

from collections.abc import Mapping
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
) -> pulumi.Output[str]:
    """The container definitions as JSON that is the same for the same content.

    environment: readable by anyone who may look at the task; a secret Output in it is refused, since it would
        turn the whole JSON secret and hide every later change.
    secrets: variables by the ARN of a Secrets Manager secret or an SSM parameter.
    start_seconds: in which a failing health check does not count, at most 300.
    """
    definition: dict[str, Any] = {
        "name": CONTAINER_NAME,
        "image": image,
        "essential": True,
        "user": CONTAINER_USER,
        "readonlyRootFilesystem": True,
        "linuxParameters": {"capabilities": {"drop": ["ALL"]}},
        "portMappings": [{"containerPort": CONTAINER_PORT, "hostPort": CONTAINER_PORT, "protocol": "tcp"}],
        "environment": _plain({**environment, "PORT": str(CONTAINER_PORT)}),
        "secrets": [{"name": name, "valueFrom": arn} for name, arn in sorted(secrets.items())],
        "healthCheck": {
            "command": list(HEALTH_COMMAND),
            "interval": 10,
            "timeout": 5,
            "retries": 3,
            "startPeriod": start_seconds,
        },
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
    return pulumi.Output.json_dumps([definition], sort_keys=True)


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
