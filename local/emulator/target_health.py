"""Real target health for the emulated load balancer and the services behind it.

MiniStack 1.5.33 registers a task's address as soon as its container runs, calls every target healthy, and completes a
deployment one second later. On AWS a target gets traffic only after it has passed its health checks, ECS waits for
that before it stops the old tasks, and a task that never passes is stopped and counted against the deployment
circuit breaker. This module adds those three things to the running emulator, and sends a request again where no part of
a response has come: to another target when the first took no connection, and for GET and HEAD also when it failed or
became unhealthy before its response, up to 1 MiB, was complete. AWS documents no such retry.

Source: Target group health checks (Elastic Load Balancing), Amazon ECS service deployment circuit breaker.
"""

import asyncio
import errno
import json
import logging
import threading
import time
from collections.abc import Callable
from typing import Any

from ministack.core.responses import StreamingResponse, request_scope
from ministack.services import alb, ecs

from local.emulator.health_checks import HealthChecks, Target, registered_targets

logger = logging.getLogger("target_health")

CHECK_INTERVAL_SECONDS = 0.5  # the shortest on AWS is 5 s
IDEMPOTENT = {"GET", "HEAD"}
NOT_CONNECTED = tuple(f"[Errno {number}]".encode() for number in (errno.ECONNREFUSED, errno.EHOSTUNREACH))
SMALL_BYTES = 1024**2
"""Responses up to this are read whole before the client gets a part, so that the request can still be sent again."""
DRAIN_SECONDS = 1.0  # stands in for the deregistration delay, which is up to minutes on AWS


class TargetHealth:
    """Makes the emulator's load balancer and services act on the health of their targets."""

    def __init__(self, *, account_id: str, region: str) -> None:
        self._scope = (account_id, region)
        self._checks = HealthChecks()
        self._complete_deployment = ecs._complete_service_deployment
        self._create_service = ecs._create_service
        self._record_healthy = ecs._record_service_task_healthy
        self._remove_container = ecs._remove_docker_container

    def install(self) -> None:
        """Replace the emulator's functions that ignore the targets' health, and start the checks."""
        alb._forward_to_tg = self._forward
        alb._ACTION_MAP["DescribeTargetHealth"] = self._describe
        ecs._complete_service_deployment = self._complete_when_healthy
        ecs._create_service = self._create_in_progress
        ecs._ACTION_MAP["CreateService"] = self._create_in_progress
        ecs._record_service_task_healthy = self._record_when_healthy
        ecs._remove_docker_container = self._remove_after_draining
        for name, step in (("check", self._checks.run), ("advance", self._advance_services)):
            threading.Thread(target=self._repeat, args=(step,), daemon=True, name=f"target-health-{name}").start()

    def _repeat(self, step: Callable[[], None]) -> None:
        while True:
            try:
                with request_scope(*self._scope):
                    step()
            except Exception:
                logger.exception("a health check failed; it is repeated")
            time.sleep(CHECK_INTERVAL_SECONDS)

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
            return _error_response(502, f"target group {group_arn} does not exist")
        usable = self._checks.usable(group_arn)
        if not usable:
            return _error_response(503, "no healthy target in the target group")
        response = None
        for place, target in enumerate(usable):
            others = usable[place + 1 :] if method.upper() in IDEMPOTENT else []
            attempt = asyncio.ensure_future(
                alb._proxy_http_target(
                    {"Id": target[0], "Port": target[1]},
                    group,
                    method,
                    raw_path or path,
                    headers,
                    body,
                    query,
                    raw_query,
                )
            )
            response = await self._answer(attempt, group_arn, target, wait=not others)
            if response is not None and not isinstance(response[2], bytes):  # the target's own, nothing of it sent yet
                if not others or not _is_small(response[1]):
                    return response
                response = await _read_whole(response)
                if response is not None:
                    return response
            self._checks.health(group_arn, target).set_aside = True
            if response is not None and not others and not _never_sent(response[2]):
                return response
        return response

    async def _answer(self, attempt: "asyncio.Future[Any]", group_arn: str, target: Target, *, wait: bool) -> Any:
        """The response of an attempt; unless told to wait, None once the target fails its health checks meanwhile."""
        try:
            while not (await asyncio.wait({attempt}, timeout=CHECK_INTERVAL_SECONDS))[0]:
                if not wait and self._checks.health(group_arn, target).state == "unhealthy":
                    return None
            return attempt.result()
        finally:
            attempt.cancel()

    def _describe(self, params: dict[str, Any]) -> Any:
        group_arn = alb._p(params, "TargetGroupArn")
        if group_arn not in alb._tgs:
            return alb._error("TargetGroupNotFound", f"Target group '{group_arn}' not found.")
        addresses = {target["Id"] for target in alb._parse_targets_param(params)}
        members = ""
        for address, port in registered_targets(group_arn):
            if addresses and address not in addresses:
                continue
            health = self._checks.health(group_arn, (address, port))
            reason = f"<Reason>Target.FailedHealthChecks</Reason><Description>{health.reason}</Description>"
            members += (
                f"<member><Target><Id>{address}</Id><Port>{port}</Port></Target>"
                f"<TargetHealth><State>{health.state}</State>{reason if health.state == 'unhealthy' else ''}"
                f"</TargetHealth></member>"
            )
        return alb._xml(200, "DescribeTargetHealth", f"<TargetHealthDescriptions>{members}</TargetHealthDescriptions>")

    def _create_in_progress(self, data: dict[str, Any]) -> Any:
        """A first deployment stays in progress, under the circuit breaker, until its tasks are healthy."""
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
        """A healthy target resets the circuit breaker's count; a running container alone does not."""
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
            self._checks.health(lb["targetGroupArn"], (ecs._task_ip(task), int(lb["containerPort"]))).state
            for lb in service["loadBalancers"]
            if lb.get("targetGroupArn")
        }
        return next((state for state in ("unhealthy", "initial") if state in states), "healthy")

    @staticmethod
    def _stop_unhealthy(service: dict[str, Any], task: dict[str, Any]) -> None:
        groups = ", ".join(lb["targetGroupArn"].split(":")[-1] for lb in service["loadBalancers"])
        reason = f"Task failed ELB health checks in ({groups})"
        logger.warning("%s: %s", task["taskArn"], reason)
        # Counted by the circuit breaker like a task that ended by itself, which MiniStack detects by the stop code.
        if ecs._mark_task_stopped(task["taskArn"], task, reason, "ServiceSchedulerInitiated", exit_code=143):
            ecs._record_service_task_failure(task)
            ecs._cleanup_task_resources(task, ecs._get_docker())

    def _remove_after_draining(self, docker_client: Any, container: Any) -> None:
        time.sleep(DRAIN_SECONDS)
        self._remove_container(docker_client, container)


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


def _is_small(headers: dict[str, Any]) -> bool:
    return str(headers.get("content-length", "")).isdecimal() and int(headers["content-length"]) <= SMALL_BYTES


async def _read_whole(response: tuple[int, dict[str, Any], StreamingResponse]) -> Any:
    """The same response with its body read from the target; None when the body ended early."""
    status, headers, body = response
    messages: list[dict[str, Any]] = []

    async def keep(message: dict[str, Any]) -> None:
        messages.append(message)

    async def send_kept(send: Any, _receive: Any) -> None:
        for message in messages:
            await send(message)

    await body.runner(keep, asyncio.Event().wait)
    complete = bool(messages) and not messages[-1]["more_body"]
    return (status, headers, StreamingResponse(send_kept)) if complete else None


def _never_sent(body: bytes) -> bool:
    """Whether the emulator's error says that the target took no connection, so that no part of the request was sent."""
    return any(mark in body for mark in NOT_CONNECTED)


def _error_response(status: int, message: str) -> tuple[int, dict[str, str], bytes]:
    return status, {"Content-Type": "application/json"}, json.dumps({"message": message}).encode()
