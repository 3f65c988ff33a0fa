"""The estimated monthly cost of a stack, line by line. Creates no resource."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from infra.aws_limits import AVAILABILITY_ZONES
from infra.config.stack import StackSettings
from infra.cost import prices
from infra.cost.tasks import CostLine, priced, task_lines, unpriced_resources
from infra.endpoint.waf import MANAGED_RULES
from infra.monitoring.alarms import endpoint_alarms, model_alarms, service_alarms

IMAGE_GB: Final = 0.1
"""A further image in the registry: its compressed layers that the previous image does not share."""
MODEL_METRICS: Final = 8
NAT_GATEWAYS: Final = {"none": 0, "single": 1, "perZone": AVAILABILITY_ZONES}


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """The cost at the minimum number of tasks; busy_usd: the total at the maximum of autoscaling.

    beside: usage-dependent costs that are not in the total.
    """

    lines: Sequence[CostLine]
    busy_usd: float
    beside: Sequence[str]

    @property
    def monthly_usd(self) -> float:
        """The total of the lines, US dollars."""
        return round(sum(line.monthly_usd for line in self.lines), 2)

    def table(self) -> str:
        """The estimate as a table, most expensive line first."""
        lines = [f"Estimated cost ({prices.REGION} list prices; other regions cost up to a third more):"]
        lines += [f"{line.monthly_usd:9.2f}  {line.what}" for line in self.lines]
        lines.append(f"{self.monthly_usd:9.2f}  US dollars a month")
        if self.busy_usd > self.monthly_usd:
            lines.append(f"{self.busy_usd:9.2f}  with every task that autoscaling may start")
        return "\n".join([*lines, f"           beside: {', '.join(self.beside)}"])


def estimate(settings: StackSettings) -> Estimate:
    """The monthly cost of a stack; empty for an emulated AWS."""
    if settings.emulated:
        return Estimate(lines=(), busy_usd=0.0, beside=())
    min_tasks = settings.service.desired_count
    max_tasks = max(settings.service.max_count, min_tasks)
    shared = [
        *_load_balancer(settings),
        *_network_egress(settings),
        *_registry(settings),
        *_monitoring(settings),
        *_waf(settings),
    ]
    lines = [line for line in (*task_lines(settings, min_tasks), *shared) if line.monthly_usd]
    busy = sum(line.monthly_usd for line in (*task_lines(settings, max_tasks), *shared))
    return Estimate(
        lines=sorted(lines, key=lambda line: -line.monthly_usd),
        busy_usd=round(busy, 2),
        beside=(*unpriced_resources(settings), *_beside(settings)),
    )


def _load_balancer(settings: StackSettings) -> Iterator[CostLine]:
    if settings.endpoint.listener_arn:
        return
    yield priced(1, "application load balancer", prices.LOAD_BALANCER)
    yield priced(
        1, "capacity unit of it, assumed: 25 new connections a second or 1 GB an hour", prices.LOAD_BALANCER_CAPACITY
    )
    if not settings.network.internal:
        yield priced(AVAILABILITY_ZONES, "public IPv4 addresses of the load balancer", prices.PUBLIC_IPV4)


def _network_egress(settings: StackSettings) -> Iterator[CostLine]:
    network = settings.network
    if network.mode == "new":
        gateways = NAT_GATEWAYS[network.nat_gateways]
        yield priced(gateways, "NAT gateways", prices.NAT_GATEWAY)
        yield priced(gateways, "public IPv4 addresses of the NAT gateways", prices.PUBLIC_IPV4)
    endpoints = len(settings.vpc_endpoint_services)
    yield priced(endpoints * AVAILABILITY_ZONES, f"VPC endpoints, {endpoints} in each zone", prices.VPC_ENDPOINT)


def _registry(settings: StackSettings) -> Iterator[CostLine]:
    images = 0 if settings.image.uri else settings.registry.image_retention_count
    yield priced(images * IMAGE_GB, f"GB for {images} images, assumed", prices.REGISTRY_STORAGE)


def _monitoring(settings: StackSettings) -> Iterator[CostLine]:
    if settings.monitoring.enabled:
        alarms = [
            *endpoint_alarms(load_balancer={}, target_group={}, latency_ms=settings.monitoring.latency_p95_alarm_ms),
            *service_alarms(service={}, target_group={}, min_tasks=settings.service.min_tasks),
            *model_alarms(model={}),
        ]
        yield priced(
            sum(len(alarm.metrics) for alarm in alarms), f"metrics in {len(alarms)} alarms", prices.ALARM_METRIC
        )
        yield priced(1, "dashboard", prices.DASHBOARD)
        yield priced(MODEL_METRICS, "metrics of the model", prices.CUSTOM_METRIC)


def _waf(settings: StackSettings) -> Iterator[CostLine]:
    if settings.endpoint.waf_rate_limit:
        yield priced(1, "firewall", prices.FIREWALL)
        yield priced(1 + len(MANAGED_RULES), "rules of the firewall", prices.FIREWALL_RULE)


def _beside(settings: StackSettings) -> Iterator[str]:
    yield f"data to the internet ${prices.DATA_OUT.usd:g} a GB"
    if settings.network.mode == "new" and settings.network.nat_gateways != "none":
        yield f"data through NAT ${prices.NAT_DATA.usd:g} a GB"
    if settings.vpc_endpoint_services:
        yield f"data through VPC endpoints ${prices.VPC_ENDPOINT_DATA.usd:g} a GB"
    if settings.endpoint.waf_rate_limit:
        yield f"a million requests through the firewall ${prices.FIREWALL_REQUESTS.usd:g}"
