"""`make down`: removes everything that `make up` and `make example` created, and nothing else."""

import contextlib
import shutil
import subprocess
import sys
from pathlib import Path

from docker.errors import DockerException

import deploy
from deploy.local_stack import example
from deploy.stack_file import LOCAL_STACK
from local import docker_engine, emulated_aws
from local.base_image import remove_base_image, used_by_another_clone
from local.build_cache import remove_build_cache
from local.console import echo, step
from local.errors import LocalError
from local.lock import LOCK_FILE, exclusive
from local.settings import CLI_FOLDER, NOTEBOOK_FOLDER, PROJECT_DIR, STATE_FOLDER, LocalSettings, without_ports
from local.stack_record import load_record


def down(settings: LocalSettings) -> None:
    """Destroy the stack, stop the emulated AWS, remove images and state, and stop the engine if it was started here.

    An engine that others use by now goes on, and the user is told how to stop it.

    Raises `LocalError` when something could not be removed, which a second call then goes on with. A stack that could
    not be destroyed in order is gone with the emulated AWS that held it.
    """
    with exclusive(settings.state_dir, "down"):
        remove_notebook_copy(settings.state_dir)
        runs = emulated_aws.daemon(settings.state_dir).running() is not None
        started = runs or load_record(settings.state_dir) is not None
        projects = [example.EXAMPLE_DIR] if example.is_deployed() else []
        destroyed = [_destroy(project) for project in [*projects, PROJECT_DIR]] if runs else []
        with step("Emulated AWS") as now:
            now.set_outcome("stopped" if emulated_aws.stop_emulator(settings) else "did not run")
        if started:
            _remove_from_docker(settings)
        _stop_engine(settings)
        example.remove_state()
        _remove_state(settings)
    if not all(destroyed):
        echo("The stack was not destroyed resource by resource (above), and went with the emulated AWS that held it.")
    stays = "The trained model and .venv stay: `make clean`, `rm -rf .venv`."
    if (cli := settings.state_dir / CLI_FOLDER).exists():
        stays = f"The trained model, .venv and the Pulumi CLI stay: `make clean`, `rm -rf .venv {cli}`."
    echo(f"Nothing of the local stack is left. {stays}")


def remove_notebook_copy(state_dir: Path) -> None:
    """Remove the copy of the project that `make notebook` works in, and what is up of its stack.

    Raises `LocalError`, and leaves the copy, when its stack cannot be taken down.
    """
    copy = state_dir / NOTEBOOK_FOLDER
    if (copy / STATE_FOLDER).exists():
        with step("Stack of the notebook") as now:
            command = [sys.executable, "-m", "deploy.local_stack", "down"]
            done = subprocess.run(command, cwd=copy, capture_output=True, text=True, check=False, env=without_ports())
            if done.returncode:
                raise LocalError(f"The notebook's stack in {copy} cannot be taken down:\n{done.stderr.strip()}")
            now.set_outcome("removed")
    shutil.rmtree(copy, ignore_errors=True)


def _remove_state(settings: LocalSettings) -> None:
    """Remove the files, but the lock, which goes with its release; raises `LocalError` with what cannot be removed."""
    shutil.rmtree(PROJECT_DIR / ".build" / LOCAL_STACK, ignore_errors=True)
    with contextlib.suppress(OSError):  # what else is in it stays
        (PROJECT_DIR / ".build").rmdir()
    for path in _state_of(settings):
        if path.is_dir():
            shutil.rmtree(path, ignore_errors=True)
        else:
            path.unlink()
    left = [path.name for path in _state_of(settings)]
    if left:
        raise LocalError(f"Files in {settings.state_dir} cannot be removed: {', '.join(left)}. Remove them by hand.")


def _state_of(settings: LocalSettings) -> list[Path]:
    """What is in the state folder, but the lock and the Pulumi CLI."""
    return [path for path in settings.state_dir.iterdir() if path.name not in (LOCK_FILE, CLI_FOLDER)]


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
            client = docker_engine.connect()
            containers = emulated_aws.remove_task_containers(client, settings)
            images = emulated_aws.remove_pushed_images(client, settings)
            remove_base_image(client, clone=settings.clone)
        except (LocalError, DockerException) as error:
            raise LocalError(
                f"The Docker engine did not remove what it may hold of the stack, containers of tasks and the images "
                f"{settings.registry_host}/… and recommender-base: {error}\n"
                "Start it again or fix that, then `make down` goes on."
            ) from error
        now.set_outcome(f"{containers} leftover containers and {images} image names removed")
    with step("Build cache") as now:
        if used_by_another_clone(client, clone=settings.clone):
            now.set_outcome("left: another clone of this repository uses it")
            return
        try:
            now.set_outcome(f"{remove_build_cache(client) / 1e6:.0f} MB of this project's image builds removed")
        except DockerException as error:
            now.fail(f"{error}; `docker builder prune` removes all of the engine's")


def _stop_engine(settings: LocalSettings) -> None:
    """Stop the engine that `make up` started, unless another clone's stack or other containers run on it."""
    engine = docker_engine.daemon(settings.state_dir)
    process = engine.running()
    if process is None:
        return
    with step("Docker engine that `make up` started") as now:
        if used := _other_users(settings):
            now.set_outcome(f"goes on: {used} it; when it is no longer needed, `kill {process.pid}` stops it")
            return
        engine.stop()
        now.set_outcome("stopped")


def _other_users(settings: LocalSettings) -> str:
    """Who else uses the engine, with the verb; empty: nobody does, or it does not answer."""
    try:
        with contextlib.closing(docker_engine.connect()) as client:
            if used_by_another_clone(client, clone=settings.clone):
                return "another clone of this repository uses"
            containers = len(client.containers.list())
    except (LocalError, DockerException):
        return ""
    return f"{containers} other {'container uses' if containers == 1 else 'containers use'}" if containers else ""
