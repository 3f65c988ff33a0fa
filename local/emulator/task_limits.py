"""What Fargate enforces on a container, as Docker's options; MiniStack passes on image, command and environment.

Source: https://docs.aws.amazon.com/AmazonECS/latest/developerguide/fargate-tasks-services.html ("Fargate task
definition considerations") and
https://docs.aws.amazon.com/AmazonECS/latest/APIReference/API_ContainerDefinition.html ("ContainerDefinition")
"""

import contextlib
from typing import Any

import docker
import requests
from docker.errors import DockerException
from docker.types import Ulimit
from ministack.services import ecs

MIB = 1024**2
CPU_PERIOD_MICROSECONDS = 100_000
UNITS_PER_CPU = 1024
STOP_TIMEOUT_SECONDS = 30
STOP_TIMEOUT_LABEL = "recommender.stop-timeout"
ADDABLE = {"SYS_PTRACE"}


class NotOnFargateError(Exception):
    """A task definition for Fargate asks for what Fargate refuses."""


def docker_options(container: dict[str, Any], task: dict[str, Any]) -> dict[str, Any]:
    """The options of `containers.run` for a container of a task definition; raises `NotOnFargateError`.

    Memory and CPU of the task bound each of its containers; the container's own `memory` is the tighter bound.
    """
    linux = container.get("linuxParameters") or {}
    if "FARGATE" in (task.get("requiresCompatibilities") or []):
        _refuse(container, task)
    memory = container.get("memory") or task.get("memory")
    cpu = int(task.get("cpu") or 0)
    options = {
        "mem_limit": int(memory) * MIB if memory else None,
        "memswap_limit": int(memory) * MIB if memory else None,  # memory and swap together: no swap
        "mem_reservation": int(container.get("memoryReservation") or 0) * MIB or None,
        "cpu_period": CPU_PERIOD_MICROSECONDS if cpu else None,
        "cpu_quota": cpu * CPU_PERIOD_MICROSECONDS // UNITS_PER_CPU or None,
        "cpu_shares": int(container.get("cpu") or 0) or None,
        "read_only": container.get("readonlyRootFilesystem") or None,
        "cap_drop": (linux.get("capabilities") or {}).get("drop") or None,
        "init": linux.get("initProcessEnabled") or None,
        "shm_size": int(linux.get("sharedMemorySize") or 0) * MIB or None,
        "tmpfs": {one["containerPath"]: _tmpfs(one) for one in linux.get("tmpfs") or []} or None,
        "user": container.get("user") or None,
        "entrypoint": container.get("entryPoint") or None,
        "working_dir": container.get("workingDirectory") or None,
        "ulimits": [
            Ulimit(name=one["name"], soft=one["softLimit"], hard=one["hardLimit"])
            for one in container.get("ulimits") or []
        ]
        or None,
    }
    return {key: value for key, value in options.items() if value is not None}


def ephemeral_volumes(container: dict[str, Any], task: dict[str, Any]) -> list[str]:
    """The paths at which a container has an empty volume of its own, deleted with it."""
    ephemeral = {
        volume["name"] for volume in task.get("volumes") or [] if not (volume.get("host") or {}).get("sourcePath")
    }
    return [
        mount["containerPath"] for mount in container.get("mountPoints") or [] if mount["sourceVolume"] in ephemeral
    ]


class TaskLimits:
    """Makes the emulator's containers run under the limits of their task definitions."""

    def __init__(self) -> None:
        self._build = ecs._build_run_kwargs
        self._remove = ecs._remove_docker_container

    def install(self) -> None:
        """Replace the emulator's functions that start and stop containers without them."""
        ecs._build_run_kwargs = self._build_limited
        ecs._remove_docker_container = self._stop_and_remove

    def _build_limited(self, cdef: dict[str, Any], td: dict[str, Any], *args: Any, **kwargs: Any) -> dict[str, Any]:
        made = dict(self._build(cdef, td, *args, **kwargs))
        seconds = cdef.get("stopTimeout") or STOP_TIMEOUT_SECONDS
        labels = {**made["labels"], STOP_TIMEOUT_LABEL: str(seconds)}
        volumes = [*(made.get("volumes") or []), *ephemeral_volumes(cdef, td)]
        return {**made, **docker_options(cdef, td), "labels": labels, **({"volumes": volumes} if volumes else {})}

    def _stop_and_remove(self, client: docker.DockerClient | None, container: Any) -> None:
        """SIGTERM, after `stopTimeout` SIGKILL, then removal."""
        if client is not None and container is not None:
            with contextlib.suppress(DockerException, requests.RequestException):
                found = client.containers.get(getattr(container, "id", container))
                found.stop(timeout=int(found.labels.get(STOP_TIMEOUT_LABEL, STOP_TIMEOUT_SECONDS)))
        self._remove(client, container)


def _refuse(container: dict[str, Any], task: dict[str, Any]) -> None:
    added = set(((container.get("linuxParameters") or {}).get("capabilities") or {}).get("add") or [])
    refused = {
        "privileged": container.get("privileged"),
        f"the capabilities {', '.join(sorted(added - ADDABLE))}": added - ADDABLE,
        "pidMode host": task.get("pidMode") == "host",
        f"networkMode {task.get('networkMode')}": task.get("networkMode") not in (None, "awsvpc"),
        "volumes of the host": any(
            (volume.get("host") or {}).get("sourcePath") for volume in task.get("volumes") or []
        ),
    }
    found = [what for what, asked in refused.items() if asked]
    if found:
        raise NotOnFargateError(f"container {container.get('name')}: not supported on Fargate: {'; '.join(found)}")


def _tmpfs(one: dict[str, Any]) -> str:
    return ",".join([f"size={int(one['size'])}m", *(one.get("mountOptions") or [])])
