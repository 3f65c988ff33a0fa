"""Settings of a whole stack: those of each component, and what concerns several of them."""

import unicodedata
from collections.abc import Mapping
from typing import Annotated, Final

from pydantic import AfterValidator, Field

from infra.config.base import SettingError, Settings, matches
from infra.config.batch import BatchSettings
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

PROGRAM_TAGS: Final = ("project", "stack", "managed-by")
TAG_SYMBOLS: Final = "_.:/=+-@"
MAX_TAGS: Final = 50
"""Of a resource; those that begin with `aws:` do not count. Source: "Tag" (see `_check_tags`)."""

_BOUNDARY_EXAMPLE: Final = "arn:aws:iam::111122223333:policy/boundary-recommender"


def _check_tags(tags: Mapping[str, str]) -> Mapping[str, str]:
    """Source: https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_Tag.html ("Tag"), the pattern of every
    service here; and for case https://docs.aws.amazon.com/IAM/latest/UserGuide/id_tags.html ("Tags for AWS Identity
    and Access Management resources")."""
    names: dict[str, str] = dict.fromkeys(PROGRAM_TAGS, "the program's own")
    for position, (name, value) in enumerate(tags.items()):
        fix = Set(f"[{position}]", "team=search")
        if not name or len(name) > 128 or len(value) > 256 or _reserved(name) or _reserved(value):
            problem = (
                f'has "{name}"; allowed: names of 1 to 128 characters and values of at most 256, '
                "both not beginning with aws:"
            )
            raise SettingError(problem, fix)
        if odd := sorted({character for character in name + value if not _is_tag_character(character)}):
            problem = f'has "{name}={value}" with {" ".join(odd)}; allowed: letters, digits, spaces and {TAG_SYMBOLS}'
            raise SettingError(problem, fix)
        if same := names.get(name.casefold()):
            raise SettingError(
                f'has "{name}", the same as {same}, since IAM does not tell case apart; allowed: other names', fix
            )
        names[name.casefold()] = f'"{name}"'
    return tags


def _reserved(text: str) -> bool:
    return text.lower().startswith("aws:")


def _is_tag_character(character: str) -> bool:
    return unicodedata.category(character)[0] in "LNZ" or character in TAG_SYMBOLS


class CommonSettings(Settings):
    """All components: protection, tags, roles."""

    production: Annotated[
        bool, Field(description="Deletion protection of the load balancer and of a registry that holds images")
    ] = False
    tags: Annotated[
        Mapping[str, str],
        AfterValidator(_check_tags),
        Field(description="Further tags of every resource as name=value; names differ by more than case"),
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
        if self.image.model_version and not self.image.uri:
            raise SettingError(
                f'is "{self.image.model_version}", but the image is built here and has the version of the model that '
                "`make train` wrote; allowed with imageUri alone",
                Remove("modelVersion"),
                key="modelVersion",
            )
        added = self.network.mode == "new" or self.service.launch_type == "EC2"
        most = MAX_TAGS - len(PROGRAM_TAGS) - added
        if len(self.common.tags) > most:
            also = " and Name or AmazonECSManaged" if added else ""
            raise SettingError(
                f"has {len(self.common.tags)} tags; allowed: at most {most}, since a resource has at most {MAX_TAGS} "
                f"with {', '.join(PROGRAM_TAGS)}{also}",
                f"remove {len(self.common.tags) - most} of them from the stack's file",
                key="tags",
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
