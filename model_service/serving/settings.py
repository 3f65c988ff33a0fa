"""The service's settings, read from environment variables of the same names in upper case."""

import os
import re
from pathlib import Path
from typing import Annotated, Any, Final, Self

from pydantic import Field, ValidationError, field_validator, model_validator
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

from model_service.artifact import DEFAULT_FOLDER
from model_service.metadata import SHORT_DIGITS
from model_service.url_settings import ORIGINS_ALLOWED, ROOT_PATH_ALLOWED, is_root_path, origins_problem

LOG_LEVELS: Final = ("DEBUG", "INFO", "WARNING", "ERROR")
_MAX_DRAIN_SECONDS: Final = 100.0  # below ECS's longest stop timeout on Fargate, 120 s


RENAMED: Final = {
    "ACCESS_LOG_EVERY": "ACCESS_LOG_SAMPLE_EVERY",
    "APPROXIMATE_ABOVE": "ANN_MIN_ITEMS",
    "KEEP_MIB": "RESPONSE_CACHE_MIB",
    "MOST_WAITING": "MAX_QUEUE_SIZE",
}
"""Former variables and their present names (CHANGELOG.md)."""


class SettingsError(Exception):
    """An invalid setting; the message names the variable, its value and what is allowed."""


class Settings(BaseSettings):
    """The settings of one service; blank variables count as absent."""

    model_config = SettingsConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)

    artifact_dir: Annotated[Path, Field(description="folder written by training")] = DEFAULT_FOLDER
    host: Annotated[str, Field(description="address to listen on")] = "0.0.0.0"  # noqa: S104 a container is reached through its network interface
    port: Annotated[int, Field(ge=1, le=65535, description="port to listen on")] = 8080
    root_path: Annotated[
        str, Field(description="path prefix of all requests but /health, /ready and /metrics, such as /recommender")
    ] = ""
    cors_origins: Annotated[
        tuple[str, ...],
        NoDecode,
        Field(description="origins whose web pages may read responses, separated by commas, or *; empty: none"),
    ] = ()
    log_level: Annotated[str, Field(description="DEBUG, INFO, WARNING or ERROR")] = "INFO"
    model_version: Annotated[
        str | None, Field(description="version that the artifact must have, 12 to 64 hex digits; else not ready")
    ] = None
    drain_seconds: Annotated[
        float,
        Field(ge=0, le=_MAX_DRAIN_SECONDS, description="seconds to serve, not ready, after SIGTERM"),
    ] = 0.0
    workers: Annotated[int, Field(ge=0, le=64, description="processes; 0: one per whole CPU of the task")] = 0
    scoring_threads: Annotated[
        int,
        Field(
            ge=0,
            le=64,
            description="threads of each worker that share a pass over a large catalogue; 0: one per whole CPU",
        ),
    ] = 0
    response_cache_mib: Annotated[
        int, Field(ge=0, le=4096, description="MiB of each worker's response cache; 0 caches nothing")
    ] = 16
    max_queue_size: Annotated[
        int, Field(ge=1, le=100_000, description="requests that may be queued before others are rejected")
    ] = 1000
    ann_min_items: Annotated[
        int,
        Field(
            ge=0,
            le=1_000_000_000,
            description="minimum number of items for the approximate index; 0: exact ranking",
        ),
    ] = 0
    access_log_sample_every: Annotated[
        int,
        Field(
            ge=0,
            le=1_000_000,
            description="one in so many successful recommendations is logged, 0: none; other requests always are",
        ),
    ] = 100
    metrics_namespace: Annotated[
        str | None, Field(description="CloudWatch namespace for metrics in the log, once a minute; empty: none")
    ] = None
    service_name: Annotated[str, Field(description="value of the metrics' dimension Service")] = "recommender"

    @classmethod
    def from_environment(cls) -> Self:
        """The settings of this process's environment; raises SettingsError."""
        for old, new in RENAMED.items():
            if os.environ.get(old, "").strip():
                raise SettingsError(f"{old} is now {new}")
        try:
            return cls()
        except ValidationError as invalid:
            error = invalid.errors()[0]
            name = str(error["loc"][0])
            raise SettingsError(
                f"{name.upper()}={error['input']!r} is not allowed: it has to be {_allowed(name, error)}"
            ) from None

    @model_validator(mode="before")
    @classmethod
    def _drop_blank(cls, values: dict[str, Any]) -> dict[str, Any]:
        stripped = {key: value.strip() if isinstance(value, str) else value for key, value in values.items()}
        return {key: value for key, value in stripped.items() if value != ""}

    @field_validator("log_level")
    @classmethod
    def _check_log_level(cls, value: str) -> str:
        if value.upper() not in LOG_LEVELS:
            raise ValueError(f"one of {', '.join(LOG_LEVELS)}")
        return value.upper()

    @field_validator("root_path")
    @classmethod
    def _check_root_path(cls, value: str) -> str:
        if value and not is_root_path(value):
            raise ValueError(ROOT_PATH_ALLOWED)
        return value

    @field_validator("cors_origins", mode="before")
    @classmethod
    def _split(cls, value: Any) -> Any:
        return tuple(part.strip() for part in value.split(",")) if isinstance(value, str) else value

    @field_validator("cors_origins")
    @classmethod
    def _check_origins(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        if found := origins_problem(value):
            raise ValueError(f"{ORIGINS_ALLOWED}; {value[found[0]]!r} {found[1]}")
        return value

    @field_validator("model_version")
    @classmethod
    def _check_model_version(cls, value: str | None) -> str | None:
        if value is not None and not re.fullmatch(r"[0-9a-f]{12,64}", value.lower()):
            raise ValueError(f"{SHORT_DIGITS} to 64 hex digits, as training prints it")
        return value.lower() if value else None

    @field_validator("metrics_namespace", "service_name")
    @classmethod
    def _check_name(cls, value: str | None) -> str | None:
        """Names that CloudWatch takes. Source: "MetricDatum" and "Dimension", Amazon CloudWatch API Reference."""
        if value is not None and not re.fullmatch(r"(?!AWS/|:)[A-Za-z0-9._\-/#:]{1,255}", value):
            raise ValueError(
                "1 to 255 of the characters A-Z a-z 0-9 . - _ / # : and begin neither with a colon nor with AWS/"
            )
        return value


def _allowed(name: str, error: Any) -> str:
    if error["type"] == "value_error":
        return str(error["ctx"]["error"])
    low, high = bounds(Settings.model_fields[name])
    return f"a number from {low:g} to {high:g}"


def bounds(field: FieldInfo) -> tuple[float, float]:
    """The least and the greatest allowed value of a numeric setting."""
    limits = {key: getattr(limit, key) for limit in field.metadata for key in ("ge", "le") if hasattr(limit, key)}
    return limits["ge"], limits["le"]
