"""AWS list prices in US dollars, US East (N. Virginia), without taxes and free tiers.

Each row names AWS's pricing page and the month of its last comparison with published prices. Other regions cost up to
a third more.
"""

from dataclasses import dataclass
from typing import Final

REGION: Final = "us-east-1"
HOURS_A_MONTH: Final = 730
"""As in AWS's own calculator. Source: "AWS Pricing Calculator User Guide" (docs.aws.amazon.com)"""


@dataclass(frozen=True, kw_only=True)
class Price:
    """usd a unit; `page` is the title of AWS's pricing page, `seen` the month (YYYY-MM) of the comparison."""

    usd: float
    unit: str
    page: str
    seen: str

    @property
    def monthly(self) -> float:
        """The price of one unit for a whole month where the unit is per hour; else the price itself."""
        return self.usd * HOURS_A_MONTH if self.unit.endswith("hour") else self.usd


def _price(usd: float, unit: str, page: str, seen: str) -> Price:
    return Price(usd=usd, unit=unit, page=page, seen=seen)


_EC2: Final = "Amazon EC2 On-Demand Pricing"
_FARGATE: Final = "AWS Fargate Pricing"
_LOAD_BALANCER: Final = "Elastic Load Balancing pricing"
_VPC: Final = "Amazon VPC pricing"
_LINK: Final = "AWS PrivateLink pricing"
_WATCH: Final = "Amazon CloudWatch Pricing"
_WAF: Final = "AWS WAF Pricing"

FARGATE_VCPU: Final = {
    "X86_64": _price(0.04048, "vCPU-hour", _FARGATE, "2026-06"),
    "ARM64": _price(0.03238, "vCPU-hour", _FARGATE, "2026-04"),
}
FARGATE_GB: Final = {
    "X86_64": _price(0.004445, "GB-hour", _FARGATE, "2026-06"),
    "ARM64": _price(0.00356, "GB-hour", _FARGATE, "2026-04"),
}
FARGATE_SPOT_SHARE: Final = 0.3
"""Of the price, at best: "up to 70 % off", and it moves. Source: "AWS Fargate Pricing", 2026-03."""

LOAD_BALANCER: Final = _price(0.0225, "hour", _LOAD_BALANCER, "2026-06")
LOAD_BALANCER_CAPACITY: Final = _price(0.008, "LCU-hour", _LOAD_BALANCER, "2026-06")
PUBLIC_IPV4: Final = _price(0.005, "address-hour", _VPC, "2026-03")
NAT_GATEWAY: Final = _price(0.045, "hour", _VPC, "2026-06")
NAT_DATA: Final = _price(0.045, "GB", _VPC, "2026-06")
VPC_ENDPOINT: Final = _price(0.01, "zone-hour", _LINK, "2026-06")
VPC_ENDPOINT_DATA: Final = _price(0.01, "GB", _LINK, "2026-06")
DATA_OUT: Final = _price(0.09, "GB", _EC2, "2026-03")
REGISTRY_STORAGE: Final = _price(0.10, "GB", "Amazon ECR pricing", "2026-03")
LOG_DATA: Final = _price(0.50, "GB", _WATCH, "2026-06")
ALARM_METRIC: Final = _price(0.10, "metric", _WATCH, "2026-02")
DASHBOARD: Final = _price(3.00, "dashboard", _WATCH, "2026-06")
CUSTOM_METRIC: Final = _price(0.30, "metric", _WATCH, "2026-02")
FIREWALL: Final = _price(5.00, "web ACL", _WAF, "2026-06")
FIREWALL_RULE: Final = _price(1.00, "rule", _WAF, "2026-06")
FIREWALL_REQUESTS: Final = _price(0.60, "million requests", _WAF, "2026-06")


@dataclass(frozen=True, kw_only=True)
class Instance:
    """An EC2 instance type: price by the hour, and capacity for tasks.

    tasks: the number of network interfaces for tasks. cpu: CPU units. memory_mib: available to tasks.
    """

    price: Price
    tasks: int
    cpu: int
    memory_mib: int


INSTANCES: Final = {
    "t3.medium": Instance(price=_price(0.0416, "hour", _EC2, "2026-06"), tasks=2, cpu=2048, memory_mib=3800),
    "t3.large": Instance(price=_price(0.0832, "hour", _EC2, "2026-06"), tasks=2, cpu=2048, memory_mib=7700),
    "m7g.large": Instance(price=_price(0.0816, "hour", _EC2, "2026-06"), tasks=2, cpu=2048, memory_mib=7700),
}
"""Other types are reported as unpriced. Memory is what the ECS agent leaves to tasks."""
DISK: Final = _price(0.08, "GB", "Amazon EBS pricing", "2026-06")
