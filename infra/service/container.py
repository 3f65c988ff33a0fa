"""ECS container definitions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import pulumi

from infra.args import Input
from infra.errors import ProgramError

STOP_TIMEOUT_SECONDS: Final = 30


@dataclass(frozen=True, kw_only=True)
class Container:
    """What the container of a service and that of a batch job share.

    user: uid:gid; empty: the image's own. environment: readable by anyone who may describe the task; a secret Output
    in it is rejected, since it would make the whole JSON secret and hide every later change. secrets: variables by
    the ARN of a Secrets Manager secret or an SSM parameter. gpus: reserved for it.
    """

    name: str
    image: Input[str]
    user: str
    environment: Mapping[str, Input[str]]
    secrets: Mapping[str, str]
    gpus: int = 0


def service_container_definitions(
    container: Container,
    *,
    log_group: Input[str],
    region: Input[str],
    port: int,
    host_port: int,
    health_command: Sequence[str],
    start_seconds: int,
    enable_execute_command: bool,
) -> pulumi.Output[str]:
    """The definition of a service's container, as JSON that is the same for the same content.

    The container gets its port as PORT. host_port: 0 for any free one of the instance. health_command: as in Docker's
    HEALTHCHECK; empty: no container health check. start_seconds: in which its failures do not count, at most 300.
    enable_execute_command: writable root file system, which the agent of ECS Exec needs. Source:
    https://docs.aws.amazon.com/AmazonECS/latest/developerguide/ecs-exec.html
    ("Monitor Amazon ECS containers with ECS Exec")
    """
    definition = _definition(container, {"PORT": str(port)}, log_group, region)
    definition["portMappings"] = [{"containerPort": port, "hostPort": host_port, "protocol": "tcp"}]
    if health_command:
        definition["healthCheck"] = {
            "command": list(health_command),
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
    container: Container, command: Sequence[str], *, log_group: Input[str], region: Input[str]
) -> pulumi.Output[str]:
    """The definition of a batch job's container, as JSON.

    command: replaces the image's entry point, each argument unchanged. The root file system is writable: a job needs
        /tmp, which Fargate offers a non-root user in no other way.
    """
    definition = _definition(container, {}, log_group, region)
    definition["entryPoint"], definition["command"] = list(command[:1]), list(command[1:])
    definition["readonlyRootFilesystem"] = False
    return pulumi.Output.json_dumps([definition], sort_keys=True)


def _definition(
    container: Container, variables: Mapping[str, str], log_group: Input[str], region: Input[str]
) -> dict[str, Any]:
    return {
        "name": container.name,
        "image": container.image,
        "essential": True,
        **({"user": container.user} if container.user else {}),
        "readonlyRootFilesystem": True,
        "linuxParameters": {"capabilities": {"drop": ["ALL"]}},
        "environment": _environment({**container.environment, **variables}),
        "secrets": [{"name": name, "valueFrom": arn} for name, arn in sorted(container.secrets.items())],
        **({"resourceRequirements": [{"type": "GPU", "value": str(container.gpus)}]} if container.gpus else {}),
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


def _environment(environment: Mapping[str, Input[str]]) -> pulumi.Output[list[dict[str, str]]]:
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
        lambda known: [{"name": name, "value": value} for name, value in sorted(known[0].items())]
    )
