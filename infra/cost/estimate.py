"""The estimated monthly cost of a stack, line by line. Creates no resource."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from infra.aws_limits import AVAILABILITY_ZONES, default_subnets
from infra.config.stack import StackSettings
from infra.cost.prices import PriceList, price_list
from infra.cost.tasks import CostLine, priced, task_lines, unpriced_resources
from infra.endpoint.waf import MANAGED_RULES
from infra.monitoring.alarms import endpoint_alarms, model_alarms, service_alarms

IMAGE_GB: Final = 0.1
"""A further image in the registry: its compressed layers that the previous image does not share."""
MODEL_METRICS: Final = 8
NAT_GATEWAYS: Final = {"none": 0, "single": 1, "perZone": AVAILABILITY_ZONES}
NOT_INCLUDED: Final = (
    "data between zones and regions, CPU credits, stored logs and access logs, DNS, secrets, keys and messages, "
    "free tiers, Savings Plans, support, taxes"
)


@dataclass(frozen=True, kw_only=True)
class Estimate:
    """The cost at the minimum number of tasks; busy_usd: the total at the maximum of autoscaling.

    prices: whose prices. beside: usage-dependent costs that are not in the total.
    """

    prices: str
    lines: Sequence[CostLine]
    busy_usd: float
    beside: Sequence[str]

    @property
    def monthly_usd(self) -> float:
        """The total of the lines, US dollars."""
        return round(sum(line.monthly_usd for line in self.lines), 2)

    def table(self) -> str:
        """The estimate as a table, most expensive line first."""
        lines = [f"Estimated cost ({self.prices}):"]
        lines += [f"{line.monthly_usd:9.2f}  {line.what}" for line in self.lines]
        lines.append(f"{self.monthly_usd:9.2f}  US dollars a month")
        if self.busy_usd > self.monthly_usd:
            lines.append(f"{self.busy_usd:9.2f}  with every task that autoscaling may start")
        return "\n".join(
            [*lines, f"           beside: {', '.join(self.beside)}", f"           not looked at: {NOT_INCLUDED}"]
        )


def estimate(settings: StackSettings, *, default_subnet_count: int | None = None) -> Estimate:
    """The monthly cost of a stack; empty for an emulated AWS.

    default_subnet_count: of the region's default VPC in this account; None: as many as in a new account.
    """
    if settings.emulated:
        return Estimate(prices="", lines=(), busy_usd=0.0, beside=())
    prices = price_list(settings.region)
    shared = [
        *_load_balancer(settings, prices, default_subnet_count or default_subnets(settings.region)),
        *_network_egress(settings, prices),
        *_registry(settings, prices),
        *_monitoring(settings, prices),
        *_waf(settings, prices),
    ]
    least, most = (
        [*task_lines(settings, prices, count), *shared]
        for count in (settings.service.desired_count, settings.service.most_tasks)
    )
    return Estimate(
        prices=str(prices),
        lines=sorted((line for line in least if line.monthly_usd), key=lambda line: -line.monthly_usd),
        busy_usd=round(sum(line.monthly_usd for line in most), 2),
        beside=(*unpriced_resources(settings, prices), *_beside(settings, prices)),
    )


def _load_balancer(settings: StackSettings, prices: PriceList, default_subnet_count: int) -> Iterator[CostLine]:
    if settings.endpoint.listener_arn:
        return
    yield priced(1, "application load balancer", prices["load_balancer"])
    yield priced(
        1,
        "capacity unit of it, assumed: 25 new connections a second or 1 GB an hour",
        prices["load_balancer_capacity"],
    )
    network = settings.network
    subnets = {
        "default": default_subnet_count,
        "existing": len(network.public_subnet_ids),
        "new": AVAILABILITY_ZONES,
    }
    if not network.internal:
        yield priced(
            subnets[network.mode], "public IPv4 addresses of the load balancer, one a subnet", prices["public_ipv4"]
        )


def _network_egress(settings: StackSettings, prices: PriceList) -> Iterator[CostLine]:
    network = settings.network
    if network.mode == "new":
        gateways = NAT_GATEWAYS[network.nat_gateways]
        yield priced(gateways, "NAT gateways", prices["nat_gateway"])
        yield priced(gateways, "public IPv4 addresses of the NAT gateways", prices["public_ipv4"])
    endpoints = len(settings.vpc_endpoint_services)
    yield priced(endpoints * AVAILABILITY_ZONES, f"VPC endpoints, {endpoints} in each zone", prices["vpc_endpoint"])


def _registry(settings: StackSettings, prices: PriceList) -> Iterator[CostLine]:
    created_here = not settings.image.uri and not settings.registry.repository_arn
    images = settings.registry.image_retention_count if created_here else 0
    yield priced(images * IMAGE_GB, f"GB for {images} images, assumed", prices["registry_storage"])


def _monitoring(settings: StackSettings, prices: PriceList) -> Iterator[CostLine]:
    if settings.monitoring.enabled:
        alarms = [
            *endpoint_alarms(load_balancer={}, target_group={}, latency_ms=settings.monitoring.latency_p95_alarm_ms),
            *service_alarms(service={}, target_group={}, min_tasks=settings.service.min_tasks),
            *model_alarms(model={}),
        ]
        yield priced(
            sum(len(alarm.metrics) for alarm in alarms), f"metrics in {len(alarms)} alarms", prices["alarm_metric"]
        )
        yield priced(1, "dashboard", prices["dashboard"])
        yield priced(MODEL_METRICS, "metrics of the model", prices["custom_metric"])


def _waf(settings: StackSettings, prices: PriceList) -> Iterator[CostLine]:
    if settings.endpoint.waf_rate_limit:
        yield priced(1, "firewall", prices["firewall"])
        yield priced(1 + len(MANAGED_RULES), "rules of the firewall", prices["firewall_rule"])


def _beside(settings: StackSettings, prices: PriceList) -> Iterator[str]:
    yield f"data to the internet ${prices['data_out'].usd:g} a GB"
    if settings.network.mode == "new" and settings.network.nat_gateways != "none":
        yield f"data through NAT ${prices['nat_data'].usd:g} a GB"
    if settings.vpc_endpoint_services:
        yield f"data through VPC endpoints ${prices['vpc_endpoint_data'].usd:g} a GB"
    if settings.endpoint.waf_rate_limit:
        yield f"a million requests through the firewall ${prices['firewall_requests'].usd:g}"
