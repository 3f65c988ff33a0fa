"""The service's settings, read from the environment once."""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from model_service.metadata import SHORT_DIGITS

LOG_LEVELS = ("DEBUG", "INFO", "WARNING", "ERROR")
_DEFAULT_ARTIFACT = Path(__file__).parents[1] / "artifact"
_MAX_DRAIN_SECONDS = 100.0  # below ECS's longest stop timeout on Fargate, 120 s
_Number = TypeVar("_Number", int, float)


class SettingsError(Exception):
    """A setting cannot be used; the message names the variable, the value and what is allowed."""


@dataclass(frozen=True, kw_only=True)
class Settings:
    """What the environment decides.

    artifact_dir: ARTIFACT_DIR, the folder written by training.
    host, port: HOST and PORT to listen on; port 1 to 65535.
    log_level: LOG_LEVEL, one of LOG_LEVELS.
    model_version: MODEL_VERSION, 12 to 64 hex digits, or None for whichever model is there. The service is not
        ready when its artifact has another version.
    drain_seconds: DRAIN_SECONDS, 0 to 100: how long to go on serving, not ready, between SIGTERM and the end.
    workers: WORKERS, 1 to 64 processes; 0, the default, for one for each whole CPU that the task may use.
    scoring_threads: SCORING_THREADS, 1 to 64, of each worker, which share a pass over the factors of a large catalogue;
        0, the default, for one for each whole CPU that the task may use.
    keep_mib: KEEP_MIB, 0 to 4096: memory for answers that are kept, in each worker; 0 keeps none.
    most_waiting: MOST_WAITING, 1 to 100000: requests that may wait to be computed before others are turned away.
    approximate_above: APPROXIMATE_ABOVE, 0 to 1000000000: a model of more films than this answers from its approximate
        index (`python -m model_service.build_index` builds it); 0, the default, answers exactly whatever the size.
    access_log_every: ACCESS_LOG_EVERY, 0 to 1000000: of the recommendations that succeed, one in so many is logged,
        0 for none; whatever else is asked and every error is logged each time.
    metrics_namespace: METRICS_NAMESPACE, the CloudWatch namespace to write metrics for once a minute; None for none.
    service_name: SERVICE_NAME, the metrics' dimension `Service`.
    """

    artifact_dir: Path = _DEFAULT_ARTIFACT
    host: str = "0.0.0.0"  # noqa: S104 a container is reached through its network interface
    port: int = 8080
    log_level: str = "INFO"
    model_version: str | None = None
    drain_seconds: float = 0.0
    workers: int = 0
    scoring_threads: int = 0
    keep_mib: int = 16
    most_waiting: int = 1000
    approximate_above: int = 0
    access_log_every: int = 100
    metrics_namespace: str | None = None
    service_name: str = "recommender"

    @classmethod
    def from_environment(cls, environment: Mapping[str, str]) -> "Settings":
        """The settings in `environment`, empty ones taken as absent; raises SettingsError."""
        given = {name: value.strip() for name, value in environment.items() if value.strip()}
        return cls(
            artifact_dir=Path(given.get("ARTIFACT_DIR", cls.artifact_dir)),
            host=given.get("HOST", cls.host),
            port=read_port(given),
            log_level=_log_level(given.get("LOG_LEVEL", cls.log_level)),
            model_version=_model_version(given.get("MODEL_VERSION")),
            drain_seconds=_number(given, "DRAIN_SECONDS", float, cls.drain_seconds, 0.0, _MAX_DRAIN_SECONDS),
            workers=_number(given, "WORKERS", int, cls.workers, 0, 64),
            scoring_threads=_number(given, "SCORING_THREADS", int, cls.scoring_threads, 0, 64),
            keep_mib=_number(given, "KEEP_MIB", int, cls.keep_mib, 0, 4096),
            most_waiting=_number(given, "MOST_WAITING", int, cls.most_waiting, 1, 100_000),
            approximate_above=_number(given, "APPROXIMATE_ABOVE", int, cls.approximate_above, 0, 1_000_000_000),
            access_log_every=_number(given, "ACCESS_LOG_EVERY", int, cls.access_log_every, 0, 1_000_000),
            metrics_namespace=_name(given, "METRICS_NAMESPACE", None),
            service_name=_name(given, "SERVICE_NAME", cls.service_name) or cls.service_name,
        )


def read_port(environment: Mapping[str, str]) -> int:
    """PORT, 8080 when it is not set; raises SettingsError when it is no port."""
    return _number(environment, "PORT", int, Settings.port, 1, 65535)


def _number(
    given: Mapping[str, str],
    name: str,
    kind: Callable[[str], _Number],
    default: _Number,
    low: _Number,
    high: _Number,
) -> _Number:
    text = given.get(name)
    if text is None:
        return default
    try:
        value = kind(text)
    except ValueError:
        value = None
    if value is None or not low <= value <= high:
        raise SettingsError(f"{name}={text!r} is not allowed: it has to be a number from {low:g} to {high:g}")
    return value


def _name(given: Mapping[str, str], name: str, default: str | None) -> str | None:
    """A name that CloudWatch takes. Source: "MetricDatum" and "Dimension", Amazon CloudWatch API Reference."""
    text = given.get(name, default)
    if text is not None and not re.fullmatch(r"(?!AWS/|:)[A-Za-z0-9._\-/#:]{1,255}", text):
        raise SettingsError(
            f"{name}={text!r} is not allowed: it has to be 1 to 255 of the characters A-Z a-z 0-9 . - _ / # : "
            "and begin neither with a colon nor with AWS/"
        )
    return text


def _log_level(text: str) -> str:
    if text.upper() not in LOG_LEVELS:
        raise SettingsError(f"LOG_LEVEL={text!r} is not allowed: it has to be one of {', '.join(LOG_LEVELS)}")
    return text.upper()


def _model_version(text: str | None) -> str | None:
    if text is not None and not re.fullmatch(r"[0-9a-f]{12,64}", text.lower()):
        raise SettingsError(
            f"MODEL_VERSION={text!r} is not allowed: it has to be {SHORT_DIGITS} to 64 hex digits, "
            "as training prints it"
        )
    return text.lower() if text else None
