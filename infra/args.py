"""Base and shared types of the components' arguments."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import pulumi
from pydantic import BaseModel, ConfigDict

if TYPE_CHECKING:
    from pulumi import Input as Input  # re-exported
else:

    class Input:
        """`pulumi.Input[T]`, which pydantic does not validate: its value may be known only after deployment."""

        def __class_getitem__(cls, _: object) -> object:
            return Any


class Args(BaseModel):
    """Frozen, keyword-only arguments; unknown names and values out of range raise ValueError."""

    model_config = ConfigDict(frozen=True, extra="forbid", arbitrary_types_allowed=True)


@dataclass(frozen=True, kw_only=True)
class Repository:
    """An ECR repository. host: host[:port] at which Docker reaches it. url: host and repository name.

    build_cache: reference of the cache of image builds in it; None: there is none.
    """

    url: Input[str]
    host: Input[str]
    arn: Input[str]
    build_cache: Input[str] | None = None


@dataclass(frozen=True, kw_only=True)
class Subnets:
    """Subnets of a VPC; assign_public_ip: tasks in them reach the internet by a public address of their own.

    routes: what tasks in them need to reach AWS, such as VPC endpoints; they start after it.
    """

    vpc_id: Input[str]
    ids: Input[Sequence[str]]
    assign_public_ip: bool = False
    routes: Sequence[pulumi.Resource] = ()


@dataclass(frozen=True, kw_only=True)
class Target:
    """Where a service registers its tasks.

    security_group_id: one of the load balancer's groups. listener: attaches the target group to it; the service must
    depend on it, or its deletion hangs in DRAINING.
    request_label: the name of the target group's request metric in Application Auto Scaling.
    """

    target_group_arn: Input[str]
    security_group_id: Input[str]
    listener: pulumi.Resource
    request_label: Input[str]
