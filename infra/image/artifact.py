"""The model in the image: its version, and the build arguments and environment variables that it requires."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from infra.config.batch import BatchJob
from infra.config.image import ImageSettings
from infra.config.model import ModelSettings
from infra.errors import ProgramError
from infra.image_reference import parse_image_uri
from model_service.ann_index import AnnIndexError, read_index_metadata
from model_service.metadata import ArtifactError, Metadata, read_verified_metadata

BATCH_SCORING: Final = "model_service.batch"


@dataclass(frozen=True, kw_only=True)
class ModelArtifact:
    """version: 12 hex digits, empty for an image of unknown origin. environment: of the image's container."""

    version: str
    build_args: Mapping[str, str]
    environment: Mapping[str, str]


def read_model(
    folder: Path, image: ImageSettings, model: ModelSettings, jobs: Sequence[BatchJob] = ()
) -> ModelArtifact:
    """The model that will run: the artifact in `folder`, or that of the existing image `image.uri`.

    jobs: run the same image. Raises `ProgramError` when the artifact is missing or changed, or lacks an approximate
    index that it would need.
    """
    ann_min_items = model.ann_min_items
    environment = {"ANN_MIN_ITEMS": str(ann_min_items)} if ann_min_items else {}
    if image.uri:
        version = image.model_version or parse_image_uri(image.uri).model_version
        return ModelArtifact(
            version=version,
            build_args={},
            environment={**({"MODEL_VERSION": version} if version else {}), **environment},
        )
    metadata = _read_metadata(folder)
    version = metadata.short_version
    if ann_min_items:
        _check_index(folder, metadata, ann_min_items)
    extras = " ".join(_extras(model, jobs))
    build_args = {"MODEL_VERSION": version, **({"EXTRAS": extras} if extras else {})}
    return ModelArtifact(version=version, build_args=build_args, environment={"MODEL_VERSION": version, **environment})


def _extras(model: ModelSettings, jobs: Sequence[BatchJob]) -> Iterator[str]:
    """The names of the additional packages of the image, as its Dockerfile takes them."""
    if model.ann_min_items:
        yield "approximate"
    if any(BATCH_SCORING in argument for job in jobs for argument in job.command):
        yield "batch"


def _read_metadata(folder: Path) -> Metadata:
    try:
        return read_verified_metadata(folder)
    except ArtifactError as error:
        raise ProgramError(
            f"There is no model to deploy in {folder}: {error}\nTo fix it: make train "
            "(or run an image that has one: pulumi config set imageUri REGISTRY/NAME:TAG)"
        ) from None


def _check_index(folder: Path, metadata: Metadata, ann_min_items: int) -> None:
    if metadata.data["items"] < ann_min_items:
        return
    try:
        read_index_metadata(folder, model_version=metadata.model_version)
    except AnnIndexError as error:
        raise ProgramError(
            f"annMinItems is {ann_min_items} and the model has {metadata.data['items']} films, but "
            f"{str(error).partition('; ')[0]}\n"
            "To fix it: .venv/bin/python -m model_service.build_index (or pulumi config rm annMinItems)"
        ) from None
