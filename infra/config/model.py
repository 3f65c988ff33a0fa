"""Settings of the model service: environment variables of its container."""

from typing import Annotated, Literal

from pydantic import Field

from infra.config.base import Settings

LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR"]


class ModelSettings(Settings):
    """Model service: variables of its container."""

    ann_min_items: Annotated[
        int,
        Field(
            ge=0,
            le=1_000_000_000,
            description="Minimum number of items for the approximate (ANN) index; 0: exact ranking",
        ),
    ] = 0
    log_level: Annotated[LogLevel, Field(description="Log level: DEBUG, INFO, WARNING or ERROR")] = "INFO"
