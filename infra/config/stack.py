"""Settings of a whole stack: those of each component, and what concerns several of them."""

import unicodedata
from collections.abc import Iterator, Mapping
from typing import Annotated, Final

from pydantic import AfterValidator, Field

from infra.config.base import SettingError, Settings, matches
from infra.config.batch import BatchSettings, check_jobs
from infra.config.budget import BudgetSettings
from infra.config.endpoint import OF_OWN_LOAD_BALANCER, EndpointSettings
from infra.config.image import ImageSettings
from infra.config.model import ModelSettings
from infra.config.monitoring import MonitoringSettings
from infra.config.network import SUBNET_EXAMPLE, NetworkSettings, endpoint_services
from infra.config.registry import RegistrySettings
from infra.config.service import ServiceSettings, check_instance_architecture
from infra.contract import METRICS_NAMESPACE, RESERVED_ENVIRONMENT
from infra.errors import Remove, Set
from infra.image_reference import parse_image_uri

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
        bool,
        Field(description="Protect service, load balancer, registry and access logs from deletion and replacement"),
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

    region: the AWS provider's; empty: not known. name: prefix of all resource names. repository_name: of the registry.
    emulated: the AWS provider has custom endpoints; nothing is billed.
    """

    region: str
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
        self._check_image_route()
        self._check_load_balancer()
        check_jobs(self.batch, self.service)
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
        if self.registry.image_cache and (self.emulated or self.image.builder != "docker"):
            problem = "is true; allowed on a real AWS account, where Docker builds the image"
            raise SettingError(problem, Remove("imageCache"), key="imageCache")
        if self.image.builder != "docker" and self.emulated:
            problem = f'is "{self.image.builder}", but the emulated AWS builds no images; allowed: docker'
            raise SettingError(problem, Remove("builder"), key="builder")
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

    def warnings(self) -> Iterator[str]:
        """What can be deployed but should be changed; the base image of an emulated stack is made on its machine."""
        base_image = self.image.base_image
        if base_image and "@sha256:" not in base_image and not self.emulated:
            yield (
                f'recommender:baseImage is "{base_image}", which has no digest: builds are not reproducible, since the '
                "tag can move without a rebuild. To fix it: docker buildx imagetools inspect "
                f"{base_image}, then pulumi config set baseImage {base_image}@sha256:DIGEST"
            )

    def _check_load_balancer(self) -> None:
        network = self.network
        if not self.endpoint.listener_arn:
            if network.mode == "existing" and not network.internal and not network.public_subnet_ids:
                raise SettingError(
                    "is [], but the load balancer has public addresses; with network existing: the ids of at least two "
                    "subnets, in two availability zones, or internal",
                    Set("publicSubnetIds[0]", SUBNET_EXAMPLE),
                    Set("internal", "true"),
                    key="publicSubnetIds",
                )
            return
        if network.mode == "new":
            raise SettingError(
                'is "new", but with listenerArn the tasks have to be in the VPC of that load balancer; '
                "allowed: default, existing",
                Set("network", "existing"),
                Remove("listenerArn"),
                key="network",
            )
        for key, value in {"internal": network.internal, "ipv6": network.ipv6}.items():
            if value:
                raise SettingError(f"is true, {OF_OWN_LOAD_BALANCER}", Remove(key), Remove("listenerArn"), key=key)

    def _check_image_route(self) -> None:
        """VPC endpoints lead to the ECR of the stack's own region, of any account."""
        if self.network.nat_gateways != "none" or not self.image.uri:
            return
        image = parse_image_uri(self.image.uri)
        if image.host == self.registry.host or (image.ecr and image.ecr.region == (self.region or image.ecr.region)):
            return
        raise SettingError(
            f'is "{self.image.uri}", which tasks without a NAT gateway cannot pull; allowed with natGateways "none": '
            f"an image in ECR in the stack's region{f', {self.region}' if self.region else ''}",
            Set("natGateways", "single"),
            Set("imageUri", f"111122223333.dkr.ecr.{self.region or 'eu-central-1'}.amazonaws.com/recommender:1.0"),
            key="imageUri",
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
