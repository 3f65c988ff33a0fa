"""The resource types that the emulated AWS can be given, each with its handler."""

from __future__ import annotations

from local.engine.handlers import ec2, ecr, ecs, ecs_service, elb, iam, image, logs
from local.engine.handlers.base import Handler, Recorded

HANDLERS: dict[str, Handler] = {
    "pulumi:providers:aws": Recorded(),
    "pulumi:providers:docker": Recorded(),
    "pulumi:providers:docker-build": Recorded(),
    **ecr.HANDLERS,
    **image.HANDLERS,
    **ec2.HANDLERS,
    **elb.HANDLERS,
    **iam.HANDLERS,
    **logs.HANDLERS,
    **ecs.HANDLERS,
    **ecs_service.HANDLERS,
}
