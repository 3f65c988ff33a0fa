"""Settings of the container image."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import AfterValidator, Field, model_validator

from infra.config.base import SettingError, Settings, matches, reject_unused
from infra.errors import Remove, Set
from infra.image_reference import parse_image_uri

CpuArchitecture = Literal["X86_64", "ARM64"]
Builder = Literal["docker", "codebuild"]


def _check_image_uri(value: str) -> str:
    try:
        if value:
            parse_image_uri(value)
    except ValueError as error:
        raise SettingError(f'is "{value}": {error}', Set("", "registry.example.com/recommender:1.0")) from None
    return value


def _check_file(value: str) -> str:
    """Empty, or the path of an existing file, `~` expanded."""
    if not value:
        return value
    try:
        path = Path(value).expanduser()
    except RuntimeError:  # the home of an unknown user
        path = Path(value)
    if not path.is_file():
        problem = f'is "{value}", where there is no file; allowed: the path of a file'
        raise SettingError(problem, Set("", "/path/to/the/file"), Remove(""))
    return str(path)


class ImageSettings(Settings):
    """Image: built here, or existing."""

    uri: Annotated[
        str,
        AfterValidator(_check_image_uri),
        Field(
            alias="imageUri",
            description="Existing image (tag or digest) to run in place of building one; needs no Docker",
        ),
    ] = ""
    model_version: Annotated[
        str,
        matches(r"[0-9a-f]{12}", "12 hex digits", "0123456789ab"),
        Field(description="With imageUri: the model's version in the image; empty: taken from a tag of this project"),
    ] = ""
    builder: Annotated[
        Builder, Field(description="docker: this machine's engine; codebuild: AWS CodeBuild, without an engine here")
    ] = "docker"
    build_on_preview: Annotated[bool, Field(description="Build the image during preview too (needs Docker)")] = False
    cpu_architecture: Annotated[CpuArchitecture, Field(description="X86_64 or ARM64, of the image and the tasks")] = (
        "X86_64"
    )
    docker_builder: Annotated[
        str,
        matches(r"[A-Za-z][A-Za-z0-9_.-]*", "the name of a buildx builder", "default"),
        Field(
            description="Buildx builder of the image, such as default, the Docker engine's own, which pushes to a "
            "registry on this machine too; empty: one in a container, which can cross-build"
        ),
    ] = ""
    base_image: Annotated[
        str, Field(description="Python base image, by digest (name:tag@sha256:…); empty: the Dockerfile's default")
    ] = ""
    ca_bundle: Annotated[
        str,
        AfterValidator(_check_file),
        Field(description="Path of a PEM bundle that the image build trusts, for networks that inspect TLS"),
    ] = ""
    pip_conf: Annotated[
        str,
        AfterValidator(_check_file),
        Field(description="Path of a pip.conf for the image build, for a package index of one's own"),
    ] = ""

    @model_validator(mode="after")
    def _check_builder(self) -> Self:
        reject_unused(
            self,
            ["ca_bundle", "pip_conf", "build_on_preview"],
            used=self.builder == "docker",
            problem="but CodeBuild takes no file of this machine and builds in no preview; allowed with docker",
            fix=Set("builder", "docker"),
        )
        return self
