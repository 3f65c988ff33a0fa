"""The whole configuration of a stack as frozen, typed values; `config.py` makes them."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from infra.config.settings_operations import BudgetSettings, MonitoringSettings
from infra.config.settings_tasks import BatchTaskSettings, CapacitySettings, ScalingSettings
from infra.service.fargate_sizes import check_fargate_size

NetworkMode = Literal["default", "existing", "new"]
CpuArchitecture = Literal["X86_64", "ARM64"]
LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR"]
NatGateways = Literal["none", "single", "perZone"]


@dataclass(frozen=True, kw_only=True)
class NetworkSettings:
    """Which VPC, and which subnets of it.

    mode: "default": the account's default VPC; "existing": the ids below; "new": a VPC made here.
    public_subnet_ids: with "existing": at least two, in two availability zones.
    private_subnet_ids: with "existing": where the tasks run, with a way out; empty: in the public ones.
    internal: the load balancer stands where the tasks are, in place of the public subnets.
    ipv6: the load balancer's subnets must have IPv6 ranges.
    nat_gateways, private_services: with "new": the tasks' ways out. The services, such as "ecr.api", get VPC
        endpoints; none: no endpoints at all.
    """

    mode: NetworkMode
    vpc_id: str
    public_subnet_ids: tuple[str, ...]
    private_subnet_ids: tuple[str, ...]
    internal: bool
    ipv6: bool
    nat_gateways: NatGateways
    private_services: tuple[str, ...]

    def __post_init__(self) -> None:
        given = bool(self.vpc_id or self.public_subnet_ids or self.private_subnet_ids)
        if self.mode != "existing" and given:
            raise ValueError(f'vpc_id and subnet ids go with mode "existing", not "{self.mode}"')
        needed = "private_subnet_ids" if self.internal and not self.public_subnet_ids else "public_subnet_ids"
        if self.mode == "existing" and not (self.vpc_id and len(set(getattr(self, needed))) >= 2):
            raise ValueError(f'mode "existing" needs vpc_id and at least two {needed}')
        if self.mode == "new" and self.nat_gateways == "none" and not self.private_services:
            raise ValueError("nat_gateways none needs private_services: tasks without a way out cannot start")
        if self.mode != "new" and self.private_services:
            raise ValueError(f'private_services go with mode "new", not "{self.mode}"')
        if self.mode != "existing" and self.ipv6:
            raise ValueError(f'ipv6 goes with mode "existing", not "{self.mode}"')


@dataclass(frozen=True, kw_only=True)
class RegistrySettings:
    """Where images are kept, how long, and who else may pull them.

    repository_name: physical name. It is fixed, not auto-named, so that the URL and with it the image's tag are
        known in preview.
    host: host[:port] at which Docker reaches the registry; empty: the account's own ECR host.
    image_retention_count: newest tagged images to keep; the depth of a rollback.
    kms_key_arn: key that encrypts the images; empty: AES-256 with ECR's own key.
    pull_accounts: ids of other accounts that may pull.
    pusher_policy: make a policy for whoever pushes, such as a CI role.
    force_delete: destroy the repository even with images in it.
    """

    repository_name: str
    host: str
    image_retention_count: int
    kms_key_arn: str
    pull_accounts: tuple[str, ...]
    pusher_policy: bool
    force_delete: bool

    def __post_init__(self) -> None:
        if self.image_retention_count < 1:
            raise ValueError(f"keep_images is {self.image_retention_count}; allowed: 1 or more")


@dataclass(frozen=True, kw_only=True)
class ImageSettings:
    """What to build; or, with `uri`, what to run as it is.

    uri: an image with a tag or a digest; then nothing is built and no Docker is needed.
    model_version: with `uri`, the version of the model in it; empty: read off a tag made here.
    base_image: Python base image; empty: the Dockerfile's own.
    approximate_above: films from which on answers come from the artifact's approximate index; 0: never.
    ca_bundle: PEM file that the build, and nothing else, trusts.
    pip_conf: configuration of pip for the build alone.
    staging: folder, made anew each time, for the copy of the context that is built.
    """

    uri: str
    model_version: str
    build_on_preview: bool
    cpu_architecture: CpuArchitecture
    base_image: str
    approximate_above: int
    ca_bundle: Path | None
    pip_conf: Path | None
    staging: Path


@dataclass(frozen=True, kw_only=True)
class EndpointSettings:
    """Who may ask, under which URL, and how targets come and go.

    allowed_cidrs: IPv4 or IPv6 ranges that may connect.
    public_url: handed out in place of the load balancer's own name when not empty.
    domain: a name that leads to the load balancer, and has its certificate; empty: none.
    hosted_zone_id: the Route 53 zone of `domain`; empty: looked up.
    certificate_arn: a certificate to use in place of one made for `domain`.
    internal: reachable from the VPC and what is connected to it alone. ipv6: reachable by IPv6 too.
    access_log_days: that a bucket keeps the access logs; 0: there are none.
    waf_rate_limit: requests that one address may make in five minutes; 0: no firewall.
    deregistration_delay_seconds: for a leaving target to finish its requests, 0 to 3600.
    slow_start_seconds: over which a new target's share grows: 0 (off) or 30 to 900.
    deletion_protection: refuse to destroy the load balancer, or access logs that are not empty.
    """

    allowed_cidrs: tuple[str, ...]
    public_url: str
    domain: str
    hosted_zone_id: str
    certificate_arn: str
    internal: bool
    ipv6: bool
    access_log_days: int
    waf_rate_limit: int
    deregistration_delay_seconds: int
    slow_start_seconds: int
    deletion_protection: bool

    def __post_init__(self) -> None:
        if not 0 <= self.deregistration_delay_seconds <= 3600:
            raise ValueError(f"deregistration_delay_seconds is {self.deregistration_delay_seconds}; allowed: 0 to 3600")
        if self.slow_start_seconds and not 30 <= self.slow_start_seconds <= 900:
            raise ValueError(f"slow_start_seconds is {self.slow_start_seconds}; allowed: 0 (off) or 30 to 900")
        if not self.allowed_cidrs:
            raise ValueError("allowed_cidrs is empty; allowed: one range or more")
        if self.waf_rate_limit and self.waf_rate_limit < 10:
            raise ValueError(f"waf_rate_limit is {self.waf_rate_limit}; allowed: 0 (off) or 10 or more")


@dataclass(frozen=True, kw_only=True)
class ServiceSettings:
    """How many tasks of which size, what they are told, and how long they may take to start.

    cpu, memory_mib: a pair that Fargate has (`fargate_sizes`).
    desired_count: tasks; with scaling, the fewest where its clock says nothing else.
    enable_execute_command: let operators run commands in a running task (ECS Exec).
    health_check_grace_seconds: above the time that the model takes to load.
    container_start_seconds: in which the container may fail its own health check, at most 300.
    environment: in plain sight. secrets: variables by ARN (Secrets Manager, SSM).
    """

    cpu: int
    memory_mib: int
    desired_count: int
    scaling: ScalingSettings
    capacity: CapacitySettings
    enable_execute_command: bool
    health_check_grace_seconds: int
    container_start_seconds: int
    environment: Mapping[str, str]
    secrets: Mapping[str, str]
    log_retention_days: int

    def __post_init__(self) -> None:
        check_fargate_size(self.cpu, self.memory_mib)
        most = self.scaling.max_count
        if most and most < self.desired_count:
            raise ValueError(f"max_count is {most}; allowed: 0 or at least {self.desired_count}")
        if not 0 <= self.container_start_seconds <= 300:
            raise ValueError(f"container_start_seconds is {self.container_start_seconds}; allowed: 0 to 300")
        if both := sorted(self.environment.keys() & self.secrets.keys()):
            raise ValueError(f"environment and secrets both name {', '.join(both)}")

    @property
    def min_tasks(self) -> int:
        """How many tasks run at any hour, when all is well."""
        scheduled_minimums = [floor.fewest for floor in self.scaling.scheduled_minimums]
        return 0 if self.scaling.working_hours else min(self.desired_count, *scheduled_minimums, self.desired_count)


@dataclass(frozen=True, kw_only=True)
class Settings:
    """One stack's configuration, checked; `name` begins every resource's name.

    emulated: the provider's endpoints are set: the AWS is one inside a machine, where nothing costs anything.
    """

    name: str
    tags: Mapping[str, str]
    network: NetworkSettings
    registry: RegistrySettings
    image: ImageSettings
    endpoint: EndpointSettings
    service: ServiceSettings
    tasks: tuple[BatchTaskSettings, ...]
    watching: MonitoringSettings
    budget: BudgetSettings
    emulated: bool
