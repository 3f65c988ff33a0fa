"""Target group health checks: probes every registered target and counts passes and failures as Elastic Load Balancing.

Source: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/target-group-health-checks.html ("Health
checks for Application Load Balancer target groups")
"""

import http.client
import random
import threading
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from ministack.services import alb

Target = tuple[str, int]
"""Address and port."""


@dataclass
class Health:
    """The result of the health checks of one target; a new one passes with its first success."""

    state: str = "initial"
    reason: str = "Elb.InitialHealthChecking"
    successes: int = 0
    failures: int = 0
    set_aside: bool = False
    """A connection failed since the last passed check: requests go to other targets, if there are any."""

    def record(self, group: dict[str, Any], problem: str | None) -> None:
        """Count one check against the thresholds of the target group; `problem` is None for a passed one."""
        if problem is None:
            self.successes, self.failures, self.set_aside = self.successes + 1, 0, False
            if self.state == "initial" or self.successes >= int(group.get("HealthyThresholdCount", 5)):
                self.state, self.reason = "healthy", ""
        else:
            self.successes, self.failures = 0, self.failures + 1
            if self.failures >= int(group.get("UnhealthyThresholdCount", 2)):
                self.state, self.reason = "unhealthy", problem


class HealthChecks:
    """The health of every registered target."""

    def __init__(self) -> None:
        self._health: dict[tuple[str, Target], Health] = {}
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(max_workers=8, thread_name_prefix="health-checks")

    def health(self, group_arn: str, target: Target) -> Health:
        """The health of a target; one that was never checked is `initial`."""
        with self._lock:
            return self._health.setdefault((group_arn, target), Health())

    def usable(self, group_arn: str) -> list[Target]:
        """The targets that get requests, best first: the healthy ones, in random order, then those set aside.

        Without a healthy target, AWS sends to all unhealthy ones; those never checked get nothing.
        """
        known = [(target, self.health(group_arn, target)) for target in registered_targets(group_arn)]
        healthy = [one for one in known if one[1].state == "healthy"]
        chosen = healthy or [one for one in known if one[1].state == "unhealthy"]
        random.shuffle(chosen)
        return [target for target, health in sorted(chosen, key=lambda one: one[1].set_aside)]

    def run(self) -> None:
        """Check every target of type `ip` once, and drop those that are no longer registered."""
        checks = [
            (arn, dict(group), target)
            for arn, group in list(alb._tgs.items())
            if group.get("TargetType") == "ip"
            for target in registered_targets(arn)
        ]
        registered = {(arn, target) for arn, _, target in checks}
        with self._lock:
            self._health = {key: health for key, health in self._health.items() if key in registered}
        problems = self._pool.map(lambda check: probe(check[1], check[2]), checks)
        for (arn, group, target), problem in zip(checks, problems, strict=True):
            self.health(arn, target).record(group, problem)


def registered_targets(group_arn: str) -> list[Target]:
    """The targets that are registered with a target group."""
    default_port = (alb._tgs.get(group_arn) or {}).get("Port", 80)
    return [(t["Id"], int(t.get("Port") or default_port)) for t in list(alb._targets.get(group_arn, []))]


def probe(group: dict[str, Any], target: Target) -> str | None:
    """Send one health check; returns None when the target passes, else the reason in Elastic Load Balancing's form."""
    timeout = float(group.get("HealthCheckTimeoutSeconds") or 5)
    connection = http.client.HTTPConnection(target[0], target[1], timeout=timeout)
    try:
        connection.request("GET", group.get("HealthCheckPath") or "/", headers={"User-Agent": "ELB-HealthChecker/2.0"})
        status = connection.getresponse().status
    except OSError as error:
        return f"Health checks failed: {type(error).__name__}"
    except http.client.HTTPException:
        return "Health checks failed: no HTTP answer"
    finally:
        connection.close()
    matcher = (group.get("Matcher") or {}).get("HttpCode") or "200"
    return None if matches(matcher, status) else f"Health checks failed with these codes: [{status}]"


def matches(matcher: str, status: int) -> bool:
    """Whether a status is in a matcher such as `200`, `200,202` or `200-299`."""
    for part in str(matcher).split(","):
        low, _, high = part.partition("-")
        if int(low) <= status <= int(high or low):
            return True
    return False
