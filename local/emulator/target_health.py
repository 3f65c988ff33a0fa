"""Real target health for the emulated load balancer and the services behind it.

MiniStack 1.5.33 registers a task's address as soon as its container runs, calls every target healthy, and completes a
deployment one second later. On AWS a target gets traffic only after it has passed its health checks, ECS waits for
that before it stops the old tasks, and a task that never passes is stopped and counted against the deployment
circuit breaker. This module adds those three things to the running emulator.

Source: Target group health checks (Elastic Load Balancing), Amazon ECS service deployment circuit breaker.
"""

from __future__ import annotations

import http.client
import json
import logging
import random
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

from ministack.core.responses import request_scope
from ministack.services import alb, ecs

logger = logging.getLogger("target_health")

PROBE_SECONDS = 0.5  # AWS's shortest interval is 5 s; a local stack need not wait that long
DRAIN_SECONDS = 1.0  # stands in for the deregistration delay, which is up to minutes on AWS

Target = tuple[str, int]


@dataclass
class Health:
    """What the health checks have found of one target."""

    registered_at: float
    state: str = "initial"
    reason: str = "Elb.InitialHealthChecking"
    successes: int = 0
    failures: int = 0


class TargetHealth:
    """Checks every registered target and holds what was found; `install` makes the emulator act on it."""

    def __init__(self, *, account_id: str, region: str) -> None:
        self._scope = (account_id, region)
        self._health: dict[tuple[str, Target], Health] = {}
        self._lock = threading.Lock()
        self._pool = ThreadPoolExecutor(max_workers=8, thread_name_prefix="target-health")
        self._complete_deployment = ecs._complete_service_deployment
        self._create_service = ecs._create_service
        self._record_healthy = ecs._record_service_task_healthy
        self._remove_container = ecs._remove_docker_container

    def install(self) -> None:
        """Replace the emulator's answers by ones that know the targets' health, and start checking."""
        alb._forward_to_tg = self._forward
        alb._ACTION_MAP["DescribeTargetHealth"] = self._describe
        ecs._complete_service_deployment = self._complete_when_healthy
        ecs._create_service = self._create_in_progress
        ecs._ACTION_MAP["CreateService"] = self._create_in_progress
        ecs._record_service_task_healthy = self._record_when_healthy
        ecs._remove_docker_container = self._remove_after_draining
        for name, step in (("check", self._check_all), ("advance", self._advance_services)):
            threading.Thread(target=self._repeat, args=(step,), daemon=True, name=f"target-health-{name}").start()

    def state(self, group_arn: str, target: Target) -> Health:
        """What is known of a target; one that was never checked is `initial`."""
        with self._lock:
            return self._health.setdefault((group_arn, target), Health(registered_at=time.monotonic()))

    def _repeat(self, step: Callable[[], None]) -> None:
        while True:
            try:
                with request_scope(*self._scope):
                    step()
            except Exception:
                logger.exception("health checking failed; trying again")
            time.sleep(PROBE_SECONDS)

    # --- checking ---------------------------------------------------------

    def _check_all(self) -> None:
        checks = [
            (arn, dict(group), target)
            for arn, group in list(alb._tgs.items())
            if group.get("TargetType") == "ip"
            for target in _targets(arn)
        ]
        live = {(arn, target) for arn, _, target in checks}
        with self._lock:
            for key in [key for key in self._health if key not in live]:
                del self._health[key]
        for (arn, group, target), problem in zip(
            checks, self._pool.map(lambda check: _probe(check[1], check[2]), checks), strict=True
        ):
            self._record(self.state(arn, target), group, problem)

    @staticmethod
    def _record(health: Health, group: dict[str, Any], problem: str | None) -> None:
        if problem is None:
            health.successes, health.failures = health.successes + 1, 0
            if health.state == "initial" or health.successes >= int(group.get("HealthyThresholdCount", 5)):
                health.state, health.reason = "healthy", ""
        else:
            health.successes, health.failures = 0, health.failures + 1
            if health.failures >= int(group.get("UnhealthyThresholdCount", 2)):
                health.state, health.reason = "unhealthy", problem

    # --- what the load balancer does with it ------------------------------

    async def _forward(
        self,
        group_arn: str,
        method: str,
        path: str,
        headers: dict[str, str],
        body: bytes,
        query: dict[str, Any],
        raw_query: str | None = None,
        raw_path: str | None = None,
    ) -> Any:
        group = alb._tgs.get(group_arn)
        if group is None:
            return _answer(502, f"target group {group_arn} does not exist")
        registered = _targets(group_arn)
        healthy = [t for t in registered if self.state(group_arn, t).state == "healthy"]
        # A group without one healthy target sends to all that failed, as AWS does; new ones wait for their first check.
        usable = healthy or [t for t in registered if self.state(group_arn, t).state == "unhealthy"]
        if not usable:
            return _answer(503, "no healthy target in the target group")
        address, port = random.choice(usable)  # noqa: S311 - balancing, not cryptography
        target = {"Id": address, "Port": port}
        return await alb._proxy_http_target(target, group, method, raw_path or path, headers, body, query, raw_query)

    def _describe(self, params: dict[str, Any]) -> Any:
        group_arn = alb._p(params, "TargetGroupArn")
        if group_arn not in alb._tgs:
            return alb._error("TargetGroupNotFound", f"Target group '{group_arn}' not found.")
        wanted = {target["Id"] for target in alb._parse_targets_param(params)}
        members = ""
        for address, port in _targets(group_arn):
            if wanted and address not in wanted:
                continue
            health = self.state(group_arn, (address, port))
            reason = f"<Reason>Target.FailedHealthChecks</Reason><Description>{health.reason}</Description>"
            members += (
                f"<member><Target><Id>{address}</Id><Port>{port}</Port></Target>"
                f"<TargetHealth><State>{health.state}</State>{reason if health.state == 'unhealthy' else ''}"
                f"</TargetHealth></member>"
            )
        return alb._xml(200, "DescribeTargetHealth", f"<TargetHealthDescriptions>{members}</TargetHealthDescriptions>")

    # --- what ECS does with it --------------------------------------------

    def _create_in_progress(self, data: dict[str, Any]) -> Any:
        """A first deployment is in progress until its tasks are healthy, and the circuit breaker watches it."""
        response = self._create_service(data)
        cluster = ecs._resolve_cluster_name(data.get("cluster", "default"))
        service = ecs._services.get(f"{cluster}/{data.get('serviceName')}")
        if service and response[0] == 200:
            for deployment in service["deployments"]:
                deployment["rolloutState"], deployment["rolloutStateReason"] = "IN_PROGRESS", ""
        return response

    def _complete_when_healthy(self, cluster: str, service_key: str, expected_deployment_id: str | None = None) -> None:
        service = ecs._services.get(service_key)
        if service and service.get("loadBalancers") and service.get("desiredCount", 0) > 0:
            primary = ecs._primary_deployment(service)
            tasks = [t for t in _running_tasks(service) if ecs._deployment_for_task(service, t) is primary]
            healthy = [t for t in tasks if self._task_health(service, t) == "healthy"]
            if len(healthy) < service["desiredCount"]:
                return
        self._complete_deployment(cluster, service_key, expected_deployment_id)

    def _record_when_healthy(self, service_key: str, task: dict[str, Any]) -> None:
        """Only a healthy target sets the circuit breaker's count back; that the container runs is not enough."""
        service = ecs._services.get(service_key)
        if service and service.get("loadBalancers") and self._task_health(service, task) != "healthy":
            task["_startup_stable"] = True
        else:
            self._record_healthy(service_key, task)

    def _advance_services(self) -> None:
        """Complete deployments whose tasks have become healthy; stop tasks that fail beyond the grace period."""
        for service_key, service in list(ecs._services.items()):
            if service.get("status") != "ACTIVE" or not service.get("loadBalancers"):
                continue
            for task in _running_tasks(service):
                if self._task_health(service, task) == "unhealthy" and _past_grace(service, task):
                    self._stop_unhealthy(service, task)
            primary = ecs._primary_deployment(service)
            if primary and primary.get("rolloutState") == "IN_PROGRESS":
                ecs._complete_service_deployment(service_key.split("/", 1)[0], service_key)

    def _task_health(self, service: dict[str, Any], task: dict[str, Any]) -> str:
        states = {
            self.state(lb["targetGroupArn"], (ecs._task_ip(task), int(lb["containerPort"]))).state
            for lb in service["loadBalancers"]
            if lb.get("targetGroupArn")
        }
        return next((state for state in ("unhealthy", "initial") if state in states), "healthy")

    @staticmethod
    def _stop_unhealthy(service: dict[str, Any], task: dict[str, Any]) -> None:
        groups = ", ".join(lb["targetGroupArn"].split(":")[-1] for lb in service["loadBalancers"])
        reason = f"Task failed ELB health checks in ({groups})"
        logger.warning("%s: %s", task["taskArn"], reason)
        # Counted by the circuit breaker like a task that ended by itself, which MiniStack tells by the stop code.
        if ecs._mark_task_stopped(task["taskArn"], task, reason, "ServiceSchedulerInitiated", exit_code=143):
            ecs._record_service_task_failure(task)
            ecs._cleanup_task_resources(task, ecs._get_docker())

    def _remove_after_draining(self, docker_client: Any, container: Any) -> None:
        time.sleep(DRAIN_SECONDS)
        self._remove_container(docker_client, container)


def _targets(group_arn: str) -> list[Target]:
    default_port = (alb._tgs.get(group_arn) or {}).get("Port", 80)
    return [(t["Id"], int(t.get("Port") or default_port)) for t in list(alb._targets.get(group_arn, []))]


def _running_tasks(service: dict[str, Any]) -> list[dict[str, Any]]:
    return [
        task
        for task in list(ecs._tasks.values())
        if task.get("group") == f"service:{service['serviceName']}"
        and task.get("clusterArn") == service.get("clusterArn")
        and task.get("lastStatus") == "RUNNING"
    ]


def _past_grace(service: dict[str, Any], task: dict[str, Any]) -> bool:
    started = ecs._ts_to_epoch(task.get("startedAt")) or time.time()
    return bool(time.time() - float(started) > float(service.get("healthCheckGracePeriodSeconds") or 0))


def _probe(group: dict[str, Any], target: Target) -> str | None:
    """None when the target passes its group's health check, else the reason why not."""
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
    return None if _matches(matcher, status) else f"Health checks failed with these codes: [{status}]"


def _matches(matcher: str, status: int) -> bool:
    """Whether a status is in an ELB matcher such as `200`, `200,202` or `200-299`."""
    for part in str(matcher).split(","):
        low, _, high = part.partition("-")
        if int(low) <= status <= int(high or low):
            return True
    return False


def _answer(status: int, message: str) -> tuple[int, dict[str, str], bytes]:
    return status, {"Content-Type": "application/json"}, json.dumps({"message": message}).encode()
