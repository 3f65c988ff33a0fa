"""The base image of the service's image: pulled, or built from the distribution's packages."""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from pathlib import Path

import docker
from docker.errors import APIError, ImageNotFound

from local.console import Step, echo
from local.docker_engine import apt_install, engine_environment
from local.errors import LocalError

PULLED = "python:3.12-slim-bookworm"
MADE = "recommender-base"
PULL_SECONDS = 90
PACKAGES = ("python3-venv", "libstdc++6", "dash", "ca-certificates")
NO_CHROOT = (
    "No container registry is reachable, and this user may not make a base image: that needs root, or user namespaces "
    "with a range of ids. Run\n"
    "  sudo apt-get install --no-install-recommends uidmap\n"
    "  sudo usermod --add-subuids 100000-165535 --add-subgids 100000-165535 $USER   (unless /etc/subuid has $USER)\n"
    f"or `docker pull {PULLED}` where a registry is reachable, then `make up` again."
)
UNUSED = (
    "usr/share/doc",
    "usr/share/man",
    "usr/share/locale",
    "usr/share/info",
    "var/cache",
    "var/lib/dpkg/info",
)


def ensure_base_image(client: docker.DockerClient, step: Step, *, clone: str) -> str:
    """Return the reference of a base image with Python 3.11 or newer, venv and a shell.

    Pulls `python:3.12-slim-bookworm`; where no container registry is reachable, makes a Debian or Ubuntu image of
    about 60 MB with mmdebstrap. One that is there already is used: Docker deletes an image with its last name, so each
    clone of the repository (`clone`) names it for itself.
    """
    made = f"{MADE}:{_recipe()}-{clone}"
    _name_for(client, made)
    for reference in (made, PULLED):
        if _has(client, reference):
            step.set_outcome(f"{reference}, there already")
            return reference
    if _pull():
        step.set_outcome(f"{PULLED}, pulled")
        return PULLED
    echo("  no container registry is reachable: making the base image from the distribution's packages")
    _make(client, made)
    step.set_outcome(f"{made}, made")
    return made


def remove_base_image(client: docker.DockerClient, *, clone: str) -> None:
    """Remove this clone's name of a base image that was made; a pulled one belongs to the machine's cache."""
    for tag in _made_tags(client):
        if tag.endswith(f"-{clone}"):
            client.images.remove(tag, force=True)


def used_by_another_clone(client: docker.DockerClient, *, clone: str) -> bool:
    """Whether another clone of this repository has a base image on this engine."""
    return any(not tag.endswith(f"-{clone}") for tag in _made_tags(client))


def _made_tags(client: docker.DockerClient) -> list[str]:
    return [tag for image in client.images.list(name=MADE) for tag in image.tags if tag.startswith(f"{MADE}:")]


def _name_for(client: docker.DockerClient, reference: str) -> None:
    """Give an image of the same recipe that another clone made this name too."""
    recipe = f"{MADE}:{_recipe()}"
    for tag in _made_tags(client):
        if tag == recipe or tag.startswith(f"{recipe}-"):
            client.api.tag(tag, reference)
            return


def _has(client: docker.DockerClient, reference: str) -> bool:
    try:
        client.images.get(reference)
    except ImageNotFound:
        return False
    return True


def _pull() -> bool:
    """Pull with the command-line client, which can be interrupted when a registry hangs."""
    cli = shutil.which("docker") or "/usr/bin/docker"
    try:
        return (
            subprocess.run(
                [cli, "pull", "-q", PULLED],
                env={**os.environ, **engine_environment()},
                capture_output=True,
                timeout=PULL_SECONDS,
                check=False,
            ).returncode
            == 0
        )
    except subprocess.TimeoutExpired:
        return False


def _make(client: docker.DockerClient, reference: str) -> None:
    if shutil.which("mmdebstrap") is None:
        apt_install("mmdebstrap")
    repository, _, tag = reference.partition(":")
    with tempfile.TemporaryDirectory(prefix="recommender-base-") as folder:
        root = Path(folder) / "root.tar"
        remove = " ".join(f'"$1"/{path}' for path in UNUSED)
        command = ["mmdebstrap", "--variant=extract", f"--include={','.join(PACKAGES)}"]
        command += [f"--dpkgopt=path-exclude=/{path}/*" for path in UNUSED if path.startswith("usr/share")]
        command += [f"--customize-hook=rm -rf {remove}", _suite(), str(root)]
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if "unable to pick chroot mode" in done.stderr:
            raise LocalError(NO_CHROOT)
        if done.returncode:
            raise LocalError(
                f"Making the base image failed ({' '.join(command[:2])}):\n{done.stderr.strip()[-1500:]}\n"
                "Check that the distribution's package mirror is reachable, then `make up` again."
            )
        try:
            client.api.import_image_from_file(str(root), repository=repository, tag=tag)
        except APIError as error:
            raise LocalError(f"Docker could not import the base image: {error.explanation}") from error


def _suite() -> str:
    """The distribution's code name, such as `bookworm` or `noble`."""
    release = dict(_os_release())
    suite = release.get("VERSION_CODENAME", "")
    if not suite:
        raise LocalError(
            "This distribution has no code name in /etc/os-release, so no base image can be made from its packages. "
            f"Run `docker pull {PULLED}` where a registry is reachable, then `make up` again."
        )
    return suite


def _os_release() -> Iterator[tuple[str, str]]:
    path = Path("/etc/os-release")
    for line in path.read_text().splitlines() if path.exists() else []:
        key, _, value = line.partition("=")
        yield key, value.strip('"')


def _recipe() -> str:
    """A tag that changes with the contents of the image."""
    release = dict(_os_release())
    recipe = repr((release.get("VERSION_CODENAME"), PACKAGES, UNUSED, os.uname().machine))
    return f"{release.get('VERSION_CODENAME', 'linux')}-{hashlib.sha256(recipe.encode()).hexdigest()[:8]}"
