"""Clients of the emulated AWS APIs, and helpers of the handlers."""

import hashlib
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
from botocore.config import Config
from botocore.exceptions import ClientError


@dataclass(frozen=True, kw_only=True)
class Aws:
    """Access to the emulated AWS: its APIs, its registry, and the docker client that pushes to it."""

    endpoint_url: str
    region: str
    registry_host: str
    docker_cli: Path
    log: Callable[[str], None]
    _clients: dict[str, Any] = field(default_factory=dict, repr=False)

    def client(self, service: str) -> Any:
        """A boto3 client of a service, created once."""
        if service not in self._clients:
            self._clients[service] = client(service, endpoint_url=self.endpoint_url, region=self.region)
        return self._clients[service]


def client(service: str, *, endpoint_url: str, region: str) -> Any:
    """A boto3 client of a service of the emulated AWS, which accepts any credentials."""
    session: Any = boto3.session.Session()
    return session.client(
        service,
        endpoint_url=endpoint_url,
        region_name=region,
        aws_access_key_id="test",
        aws_secret_access_key="test",  # noqa: S106 - the emulator takes any
        config=Config(retries={"max_attempts": 3}, read_timeout=120),
    )


def auto_name(name: str, *, generation: int) -> str:
    """A physical name as Pulumi's auto-naming makes it: the logical name and seven hex digits, by generation."""
    digest = hashlib.sha256(f"{name}/{generation}".encode()).hexdigest()[:7]
    return f"{name}-{digest}"


def is_not_found(error: ClientError) -> bool:
    """Whether an API error reports a missing resource."""
    code = error.response["Error"]["Code"]
    return "NotFound" in code or "NoSuchEntity" in code or code.endswith("MissingException")


def find(describe: Callable[[], Any]) -> Any:
    """The result of a describe call; None for a not-found error."""
    try:
        return describe()
    except ClientError as error:
        if is_not_found(error):
            return None
        raise


def exists(describe: Callable[[], Any]) -> bool:
    """Whether a describe call finds something: False for a not-found error or an empty result."""
    return bool(find(describe))


def ignore_not_found(call: Callable[..., Any], **arguments: Any) -> None:
    """Call a deletion; a missing resource is no error."""
    find(lambda: call(**arguments))


def tag_list(tags: dict[str, str] | None, *, key: str = "Key", value: str = "Value") -> list[dict[str, str]]:
    """Tags as most AWS APIs take them."""
    return [{key: name, value: text} for name, text in sorted((tags or {}).items())]


def attribute_list(inputs: dict[str, Any], names: dict[str, str]) -> list[dict[str, str]]:
    """Load-balancer attributes from inputs: `names` maps an input to its attribute key."""
    pairs: Iterable[tuple[str, Any]] = ((names[key], inputs[key]) for key in names if inputs.get(key) is not None)
    return [{"Key": key, "Value": str(value).lower()} for key, value in pairs]
