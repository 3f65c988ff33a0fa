"""Settings that mean nothing without another one: refused when they are set and that one is not. Imports no Pulumi."""

from collections.abc import Mapping
from typing import Final

from infra.config.values import set_command
from infra.errors import ConfigError

UNSET: Final[Mapping[str, object]] = {
    "natGateways": "perZone",
    "cpuTargetPercent": 60,
    "memoryTargetPercent": 0,
    "requestsPerTarget": 0,
    "instanceType": "t3.medium",
    "maxInstances": 4,
    "latencyAlarmMilliseconds": 500,
}
"""Their defaults in Pulumi.yaml: a program is not told whether a value was written down or is the default."""


def reject_unused(key: str, value: object, *, works: bool, problem: str, needs: tuple[str, object]) -> None:
    """Raise `ConfigError` for a value other than the default of a key that has no effect here.

    works: whether it has one. problem: why not, in words. needs: the key and value that would give it one.
    """
    if not works and value != UNSET[key]:
        raise ConfigError(
            key=key, problem=f'is "{value}", {problem}', command=f"{set_command(*needs)} (or pulumi config rm {key})"
        )
