"""The policy pack's judgement of what the engine plans or has made."""

from collections.abc import Mapping, Sequence
from typing import Any

from google.protobuf import json_format, struct_pb2
from pulumi.runtime.proto import analyzer_pb2

from tests.policy import conftest as _  # noqa: F401 (puts the pack's modules on the path)
from tests.policy.test_pack import analyzer

__all__ = ["analyzer", "mandatory_violations"]

_SPECIAL = "4dabf18193072939515e22adb298388d"
"""The key by which Pulumi marks a special value in a state file."""


def mandatory_violations(pack: Any, states: Sequence[Mapping[str, Any]]) -> list[str]:
    """The messages of the mandatory rules about resources, as the engine's plans and state files hold them."""
    resources = [
        analyzer_pb2.AnalyzerResource(
            type=state["type"],
            name=state["urn"].rpartition("::")[2],
            urn=state["urn"],
            properties=json_format.ParseDict(_without_secrets(state.get("inputs", {})), struct_pb2.Struct()),
        )
        for state in states
    ]
    found = list(pack.AnalyzeStack(analyzer_pb2.AnalyzeStackRequest(resources=resources)).diagnostics)
    for one in resources:
        request = analyzer_pb2.AnalyzeRequest(type=one.type, name=one.name, urn=one.urn, properties=one.properties)
        found += pack.Analyze(request).diagnostics
    return [one.message for one in found if one.enforcementLevel == analyzer_pb2.MANDATORY]


def _without_secrets(value: Any) -> Any:
    """A value of a state file with its encrypted parts left out, which only Pulumi can read."""
    if isinstance(value, dict):
        return "secret" if _SPECIAL in value else {key: _without_secrets(one) for key, one in value.items()}
    return [_without_secrets(one) for one in value] if isinstance(value, list) else value
