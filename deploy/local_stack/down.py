"""`make down`: removes everything that `make up` and `make example` created, and nothing else."""

import shutil
import subprocess
from pathlib import Path

import docker
from docker.errors import DockerException

import deploy
from deploy.local_stack import example
from local import docker_engine, emulated_aws
from local.base_image import remove_base_images
from local.console import echo, step
from local.errors import LocalError
from local.settings import PROJECT_DIR, LocalSettings
from local.stack_record import load_record


def down(settings: LocalSettings) -> None:
    """Destroy the stack, stop the emulated AWS, remove images and state, and stop the engine if it was started here.

    Raises `LocalError` when something could not be removed, which a second call then goes on with, or when the stack
    could not be destroyed in order.
    """
    runs = emulated_aws.daemon(settings.state_dir).running() is not None
    started = runs or load_record(settings.state_dir) is not None
    projects = [example.EXAMPLE_DIR] if example.is_deployed() else []
    destroyed = [_destroy(project) for project in [*projects, PROJECT_DIR]] if runs else []
    with step("Emulated AWS") as now:
        now.set_outcome("stopped" if emulated_aws.stop_emulator(settings) else "did not run")
    if started:
        _remove_from_docker(settings)
    engine = docker_engine.daemon(settings.state_dir)
    if engine.running():
        with step("Docker engine that `make up` started") as now:
            subprocess.run([docker_engine.buildkit_cli(), "builder", "prune", "-af"], check=False, capture_output=True)
            engine.stop()
            now.set_outcome("stopped")
    example.remove_state()
    for folder in (settings.state_dir, PROJECT_DIR / ".build"):
        shutil.rmtree(folder, ignore_errors=True)
    if not all(destroyed):
        raise LocalError(
            "The stack was not destroyed resource by resource; the reason is above. The emulated AWS that held it was "
            "stopped, and its containers, images and state were removed."
        )
    echo("Nothing of the local stack is left. The trained model stays; `make clean` removes it.")


def _destroy(project_dir: Path) -> bool:
    """Whether every resource of the stack could be deleted; the others go with the emulated AWS."""
    with step(f"Destroying the stack `local`{'' if project_dir == PROJECT_DIR else ' of the example'}") as now:
        try:
            now.set_outcome(deploy.destroy("local", project_dir=project_dir).summary())
        except deploy.DeployError as error:
            now.fail(str(error))
    return not now.failed


def _remove_from_docker(settings: LocalSettings) -> None:
    with step("Containers and images") as now:
        try:
            containers, images = _remove(docker_engine.connect(), settings)
        except (LocalError, DockerException) as error:
            raise LocalError(
                f"The Docker engine did not remove what it may hold of the stack, containers of tasks and the images "
                f"{settings.registry_host}/… and recommender-base: {error}\n"
                "Start it again or fix that, then `make down` goes on."
            ) from error
        now.set_outcome(f"{containers} leftover containers and {images} image names removed")


def _remove(client: docker.DockerClient, settings: LocalSettings) -> tuple[int, int]:
    """Remove tasks' containers and images; returns the numbers of containers and image names."""
    containers = emulated_aws.remove_task_containers(client, settings)
    images = emulated_aws.remove_pushed_images(client, settings)
    remove_base_images(client)
    return containers, images
