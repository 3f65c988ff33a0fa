"""Settings of a whole stack: those of each component, and what concerns several of them."""

from collections.abc import Mapping
from typing import Annotated, Final

from pydantic import AfterValidator, Field

from infra.config.base import SettingError, Settings, matches
from infra.config.batch import BatchSettings, check_jobs
from infra.config.budget import BudgetSettings
from infra.config.endpoint import EndpointSettings
from infra.config.image import ImageSettings
from infra.config.model import ModelSettings
from infra.config.monitoring import MonitoringSettings
from infra.config.network import NetworkSettings, endpoint_services
from infra.config.registry import RegistrySettings
from infra.config.service import ServiceSettings, check_instance_architecture
from infra.contract import METRICS_NAMESPACE, RESERVED_ENVIRONMENT
from infra.errors import Remove, Set

_BOUNDARY_EXAMPLE: Final = "arn:aws:iam::111122223333:policy/boundary-recommender"


def _check_tags(tags: Mapping[str, str]) -> Mapping[str, str]:
    """Source: https://docs.aws.amazon.com/tag-editor/latest/userguide/best-practices-and-strats.html
    ("Best practices and strategies")."""
    for position, (name, value) in enumerate(tags.items()):
        if name.lower().startswith("aws:") or len(name) > 128 or len(value) > 256:
            raise SettingError(
                f'has "{name}"; allowed: names of at most 128 characters not beginning with aws:, '
                "values of at most 256",
                Set(f"[{position}]", "team=search"),
            )
    return tags


class CommonSettings(Settings):
    """All components: protection, tags, roles."""

    production: Annotated[
        bool, Field(description="Deletion protection of the load balancer and of a registry that holds images")
    ] = False
    tags: Annotated[
        Mapping[str, str],
        AfterValidator(_check_tags),
        Field(description="Further tags of every resource as name=value"),
    ] = {}
    permissions_boundary: Annotated[
        str,
        matches(r"arn:[a-z-]+:iam::(\d{12}|aws):policy/\S+", "the ARN of a managed policy", _BOUNDARY_EXAMPLE),
        Field(description="Managed policy that limits every role of the stack (permissions boundary); empty: none"),
    ] = ""


class StackSettings(Settings):
    """The settings of one stack.

    name: prefix of all resource names. repository_name: of the registry. emulated: the AWS provider has custom
    endpoints; nothing is billed.
    """

    name: str
    repository_name: str
    emulated: bool
    default_tags: Mapping[str, str]
    network: NetworkSettings
    endpoint: EndpointSettings
    image: ImageSettings
    model: ModelSettings
    registry: RegistrySettings
    service: ServiceSettings
    batch: BatchSettings
    monitoring: MonitoringSettings
    budget: BudgetSettings
    common: CommonSettings

    def check(self) -> None:
        """Raise SettingError for settings of several components that contradict each other."""
        check_instance_architecture(self.service, self.image.cpu_architecture)
        check_jobs(self.batch, self.service)
        if self.image.model_version and not self.image.uri:
            raise SettingError(
                f'is "{self.image.model_version}", but the image is built here and has the version of the model that '
                "`make train` wrote; allowed with imageUri alone",
                Remove("modelVersion"),
                key="modelVersion",
            )
        cidrs = self.endpoint.allowed_cidrs
        if self.network.ipv6 and not any(":" in cidr for cidr in cidrs):
            raise SettingError(
                f"is true, but allowedCidrs, {list(cidrs)}, has no IPv6 range, so that no IPv6 client could connect",
                Set(f"allowedCidrs[{len(cidrs)}]", "::/0"),
                key="ipv6",
            )
        for key, variables in (("environment", self.service.environment), ("secrets", self.service.secrets)):
            if reserved := sorted(set(variables) & RESERVED_ENVIRONMENT):
                raise SettingError(
                    f'names "{reserved[0]}"; allowed: any name but {", ".join(sorted(RESERVED_ENVIRONMENT))}, '
                    "which the program sets",
                    Set(f"{key}[0]", "NAME=value"),
                    key=key,
                )

    @property
    def tags(self) -> Mapping[str, str]:
        """The tags of every resource."""
        return {**self.default_tags, **self.common.tags}

    @property
    def vpc_endpoint_services(self) -> tuple[str, ...]:
        """The AWS services that need VPC endpoints; none without them."""
        if not self.network.vpc_endpoints:
            return ()
        return tuple(
            endpoint_services(
                self.service.secrets.values(),
                enable_execute_command=self.service.enable_execute_command,
                instances=self.service.launch_type == "EC2",
            )
        )

    @property
    def environment(self) -> Mapping[str, str]:
        """The environment variables of the model service that the settings determine."""
        metrics = {"METRICS_NAMESPACE": METRICS_NAMESPACE, "SERVICE_NAME": self.name} if self.monitoring.enabled else {}
        address = {"ROOT_PATH": self.endpoint.root_path, "CORS_ORIGINS": ",".join(self.model.cors_origins)}
        given = {name: value for name, value in address.items() if value}
        return {**self.service.environment, "LOG_LEVEL": self.model.log_level, **metrics, **given}
