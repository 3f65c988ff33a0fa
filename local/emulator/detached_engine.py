"""Tasks on a Docker engine with a network of its own: it pulls nothing from this machine, and is reached by ports.

Such an engine (rootless, in a virtual machine, outside this container) does not reach the emulated registry: a task
runs the image that was built there, by the tag that the registry has for its digest. This process does not reach the
containers' addresses: their ports are published on loopback, and `published_address` maps a target to them.
"""

import socket
from typing import Any

import docker
from docker.errors import ImageNotFound
from ministack.services import ecr, ecs

from local.settings import HOST

_published: dict[tuple[str, int], tuple[str, int]] = {}


def published_address(target: tuple[str, int]) -> tuple[str, int]:
    """Where this process reaches a target: at the port published for it, else at its own address and port."""
    return _published.get(target, target)


class DetachedEngine:
    """Makes the emulator's tasks run, and be reached, on an engine that does not share this machine's network."""

    def __init__(self) -> None:
        self._build = ecs._build_run_kwargs
        self._run = ecs._run_docker_container
        self._attach = ecs._attach_started_container

    def install(self) -> None:
        """Replace the emulator's functions that pull images and expect to reach the containers' addresses."""
        ecs._build_run_kwargs = self._build_published
        ecs._run_docker_container = self._run_built
        ecs._attach_started_container = self._attach_published

    def _build_published(
        self,
        cdef: dict[str, Any],
        td: dict[str, Any],
        env: dict[str, str],
        port_bindings: dict[str, Any],
        ecs_network: str | None,
        *args: Any,
    ) -> dict[str, Any]:
        if ecs_network is None:  # else this process is in a container of the engine, on the same network
            ports = [mapping["containerPort"] for mapping in cdef.get("portMappings") or []]
            port_bindings = {f"{port}/tcp": (HOST, _free_port()) for port in ports}
        return dict(self._build(cdef, td, env, port_bindings, ecs_network, *args))

    def _run_built(
        self, client: docker.DockerClient, cdef: dict[str, Any], run_kwargs: dict[str, Any], **options: Any
    ) -> Any:
        built = built_image(cdef["image"])
        if built is not None:
            _require_built(client, built)
            cdef, options = {**cdef, "image": built}, {**options, "refresh_image": False}
        return self._run(client, cdef, run_kwargs, **options)

    def _attach_published(self, task: dict[str, Any], container: Any, *args: Any) -> bool:
        attached = bool(self._attach(task, container, *args))
        address = ecs._task_ip(task)
        if attached and address:
            container.reload()
            for port, bindings in container.ports.items():
                for binding in bindings or ():
                    _published[address, int(port.partition("/")[0])] = (HOST, int(binding["HostPort"]))
        return attached


def _free_port() -> int:
    """A port that is free on this machine: the engine, which publishes it here, only knows those of its own network."""
    with socket.socket() as one:
        one.bind((HOST, 0))
        return int(one.getsockname()[1])


def built_image(image: str) -> str | None:
    """The name that an image of the emulated registry has on the engine where it was built; None for other images."""
    name, _, digest = image.partition("@")
    host, _, repository = name.partition("/")
    for pushed in ecr._images.get(repository, []):
        if digest and pushed["imageDigest"] == digest and pushed["imageTags"]:
            return f"{host}/{repository}:{pushed['imageTags'][0]}"
    return None


def _require_built(client: docker.DockerClient, image: str) -> None:
    try:
        client.images.get(image)
    except ImageNotFound:
        raise ecs._ImagePullError(
            f"{image} was removed from the Docker engine, which cannot pull it again: `make down`, then `make up`"
        ) from None
