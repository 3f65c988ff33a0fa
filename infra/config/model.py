"""Settings of the model service: environment variables of its container."""

from typing import Annotated, Literal

from pydantic import AfterValidator, Field

from infra.config.base import SettingError, Settings
from infra.errors import Set
from model_service.url_settings import ORIGINS_ALLOWED, origins_problem

LogLevel = Literal["DEBUG", "INFO", "WARNING", "ERROR"]


def _check_origins(origins: tuple[str, ...]) -> tuple[str, ...]:
    if found := origins_problem(origins):
        position, problem = found
        raise SettingError(
            f'has "{origins[position]}", which {problem}; allowed: {ORIGINS_ALLOWED}',
            Set(f"[{position}]", "https://films.example.com"),
        )
    return origins


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
    cors_origins: Annotated[
        tuple[str, ...],
        AfterValidator(_check_origins),
        Field(
            description="Origins whose web pages may read the service's responses (CORS), such as "
            "https://films.example.com, or * alone for any"
        ),
    ] = ()
