"""How many CPUs this task may use, which is not how many the machine has."""

import http.client
import json
import math
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

_METADATA: Final = "ECS_CONTAINER_METADATA_URI_V4"
_TIMEOUT_SECONDS: Final = 1.0


def available_cpus(environment: Mapping[str, str], cgroup: Path = Path("/sys/fs/cgroup")) -> float:
    """The least of: the CPUs this process may run on, the control group's quota (version 2 or 1), the ECS task's limit.

    A Fargate task of a quarter of a CPU sees two of them and no quota of its own; only the task's metadata tells.
    Source: "Amazon ECS task metadata endpoint version 4", Amazon ECS Developer Guide (`Limits.CPU`, in vCPU).
    """
    limits = (len(os.sched_getaffinity(0)), _quota_v2(cgroup), _quota_v1(cgroup), _ecs_limit(environment))
    return min(limit for limit in limits if limit)


def whole_cpus(cpus: float) -> int:
    """One process, or thread, for each whole CPU; at least one."""
    return max(1, math.floor(cpus))


def _quota_v2(cgroup: Path) -> float | None:
    try:
        quota, period = (cgroup / "cpu.max").read_text().split()
        return None if quota == "max" else int(quota) / int(period)
    except (OSError, ValueError):
        return None


def _quota_v1(cgroup: Path) -> float | None:
    try:
        quota = int((cgroup / "cpu" / "cpu.cfs_quota_us").read_text())
        period = int((cgroup / "cpu" / "cpu.cfs_period_us").read_text())
    except (OSError, ValueError):
        return None
    return quota / period if quota > 0 and period > 0 else None


def _ecs_limit(environment: Mapping[str, str]) -> float | None:
    """The task's vCPUs as its metadata endpoint tells them, None where there is no such endpoint."""
    address = urlsplit(environment.get(_METADATA, ""))
    if address.scheme != "http" or not address.hostname:
        return None
    connection = http.client.HTTPConnection(address.hostname, address.port, timeout=_TIMEOUT_SECONDS)
    try:
        connection.request("GET", f"{address.path}/task")
        limit = json.load(connection.getresponse())["Limits"]["CPU"]
    except (OSError, http.client.HTTPException, ValueError, KeyError, TypeError):
        return None
    finally:
        connection.close()
    return float(limit) if isinstance(limit, int | float) and limit > 0 else None
