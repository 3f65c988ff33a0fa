"""Docker's options for a task definition: what Fargate enforces, and what it refuses."""

from __future__ import annotations

from typing import Any

import pytest
from ministack.services import ecs

from local.emulator import task_limits
from local.emulator.task_limits import MIB, NotOnFargateError, docker_options, ephemeral_volumes

TASK = {"cpu": "512", "memory": "1024", "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"]}


def test_cpu_and_memory_of_the_task_are_limits_without_swap() -> None:
    options = docker_options({"name": "app"}, TASK)
    assert options == {
        "mem_limit": 1024 * MIB,
        "memswap_limit": 1024 * MIB,
        "cpu_period": 100_000,
        "cpu_quota": 50_000,
    }


def test_a_container_may_have_less_memory_than_its_task() -> None:
    options = docker_options({"name": "app", "memory": 256, "memoryReservation": 128, "cpu": 128}, TASK)
    assert (options["mem_limit"], options["mem_reservation"], options["cpu_shares"]) == (256 * MIB, 128 * MIB, 128)


def test_what_a_container_definition_restricts_is_restricted() -> None:
    container = {
        "name": "app",
        "readonlyRootFilesystem": True,
        "user": "10001:10001",
        "entryPoint": ["python3"],
        "workingDirectory": "/srv",
        "ulimits": [{"name": "nofile", "softLimit": 10, "hardLimit": 20}],
        "linuxParameters": {
            "capabilities": {"drop": ["ALL"]},
            "initProcessEnabled": True,
            "tmpfs": [{"containerPath": "/scratch", "size": 8, "mountOptions": ["noexec"]}],
        },
    }
    options = docker_options(container, {})
    limits = [(one.name, one.soft, one.hard) for one in options.pop("ulimits")]
    assert limits == [("nofile", 10, 20)]
    assert options == {
        "read_only": True,
        "cap_drop": ["ALL"],
        "init": True,
        "tmpfs": {"/scratch": "size=8m,noexec"},
        "user": "10001:10001",
        "entrypoint": ["python3"],
        "working_dir": "/srv",
    }


def test_a_volume_without_a_path_of_the_host_is_the_containers_own() -> None:
    task = {"volumes": [{"name": "scratch", "host": {}}, {"name": "data", "host": {"sourcePath": "/data"}}]}
    mounts = [
        {"sourceVolume": "scratch", "containerPath": "/scratch"},
        {"sourceVolume": "data", "containerPath": "/data"},
    ]
    assert ephemeral_volumes({"mountPoints": mounts}, task) == ["/scratch"]


@pytest.mark.parametrize(
    ("container", "task", "what"),
    [
        ({"privileged": True}, {}, "privileged"),
        ({"linuxParameters": {"capabilities": {"add": ["SYS_ADMIN"]}}}, {}, "SYS_ADMIN"),
        ({}, {"pidMode": "host"}, "pidMode host"),
        ({}, {"networkMode": "host"}, "networkMode host"),
        ({}, {"volumes": [{"name": "root", "host": {"sourcePath": "/"}}]}, "volumes of the host"),
    ],
)
def test_what_fargate_refuses_is_refused(container: dict[str, Any], task: dict[str, Any], what: str) -> None:
    with pytest.raises(NotOnFargateError, match=what):
        docker_options({"name": "app", **container}, {**TASK, **task})


def test_a_task_is_stopped_with_the_seconds_of_its_definition(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[Any] = []

    class Container:
        id = "one"

        def __init__(self, labels: dict[str, str]) -> None:
            self.labels = labels

        def stop(self, timeout: int) -> None:
            calls.append(timeout)

    class Client:
        containers: dict[str, Container]

    build = {"labels": {}, "detach": True}
    monkeypatch.setattr(ecs, "_build_run_kwargs", lambda *_: build)
    monkeypatch.setattr(ecs, "_remove_docker_container", lambda _, container: calls.append(container))
    limits = task_limits.TaskLimits()
    for container in ({"name": "app", "stopTimeout": 7}, {"name": "app"}):
        client: Any = Client()
        client.containers = {"one": Container(limits._build_limited(container, TASK)["labels"])}
        limits._stop_and_remove(client, "one")
    assert calls == [7, "one", 30, "one"]
