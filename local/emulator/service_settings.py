"""What ECS tells of a service, other than MiniStack 1.5.33: every setting that it was given, no ended deployment.

Without the first Pulumi sees a change in each run. Without the second it waits for a steady state, one single
deployment, that never comes after a rollback.
"""

from collections.abc import Callable
from typing import Any

from ministack.services import ecs

KEPT = ("availabilityZoneRebalancing",)
Call = Callable[[dict[str, Any]], Any]


class ServiceSettings:
    """Makes the emulator's services tell their settings, and forget a failed deployment once it is rolled back."""

    def install(self) -> None:
        """Replace the emulator's calls for services; after others that replace them."""
        for action in ("CreateService", "UpdateService"):
            ecs._ACTION_MAP[action] = _keeping(ecs._ACTION_MAP[action])
        ecs._ACTION_MAP["DescribeServices"] = _without_ended(ecs._ACTION_MAP["DescribeServices"])


def _keeping(call: Call) -> Call:
    def keep(data: dict[str, Any]) -> Any:
        answer = call(data)
        name = str(data.get("serviceName") or data.get("service")).rpartition("/")[2]
        for service in list(ecs._services.values()):
            if service["serviceName"] == name and service["clusterArn"].endswith(_cluster(data)):
                service.update({key: data[key] for key in KEPT if key in data})
        return answer

    return keep


def _without_ended(call: Call) -> Call:
    def describe(data: dict[str, Any]) -> Any:
        for service in list(ecs._services.values()):
            deployments = service.get("deployments") or []
            if any(one["status"] == "PRIMARY" and one["rolloutState"] == "COMPLETED" for one in deployments):
                service["deployments"] = [one for one in deployments if not _ended(one)]
        return call(data)

    return describe


def _ended(deployment: dict[str, Any]) -> bool:
    running = deployment.get("runningCount", 0) + deployment.get("pendingCount", 0)
    return deployment["status"] != "PRIMARY" and deployment.get("rolloutState") == "FAILED" and not running


def _cluster(data: dict[str, Any]) -> str:
    return "/" + str(data.get("cluster", "default")).rpartition("/")[2]
