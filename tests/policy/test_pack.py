"""Claims about the pack as Pulumi runs it: a process that is asked over gRPC."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import grpc
import pytest
import yaml
from google.protobuf.json_format import ParseDict
from google.protobuf.struct_pb2 import Struct
from pulumi.runtime.proto import analyzer_pb2, analyzer_pb2_grpc
from rules import RULES

from tests.infra.recorder import ROOT, Resource, run_main

PACK = ROOT / "policy"
LEVELS = {"mandatory": analyzer_pb2.MANDATORY, "advisory": analyzer_pb2.ADVISORY}


@pytest.fixture(scope="module")
def analyzer() -> Iterator[analyzer_pb2_grpc.AnalyzerStub]:
    """The pack, started by the command that the Pulumi CLI uses."""
    command = [sys.executable, "-u", "-m", "pulumi.policy", "127.0.0.1:1", str(PACK)]
    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.DEVNULL) as process:
        assert process.stdout is not None
        try:
            port = int(process.stdout.readline())
            with grpc.insecure_channel(f"127.0.0.1:{port}") as channel:
                yield analyzer_pb2_grpc.AnalyzerStub(channel)
        finally:
            process.terminate()


def properties(resource: Resource, **changed: object) -> Struct:
    return ParseDict({**resource.inputs, **changed}, Struct())


def test_it_tells_its_rules_and_how_strict_they_are(analyzer: analyzer_pb2_grpc.AnalyzerStub) -> None:
    pack = analyzer.GetAnalyzerInfo(analyzer_pb2.google_dot_protobuf_dot_empty__pb2.Empty())
    told = {policy.name: policy.enforcementLevel for policy in pack.policies}
    strict = {rule.name: LEVELS["mandatory" if rule.mandatory else "advisory"] for rule in RULES}
    on_stack = dict.fromkeys(("no-public-tasks", "no-open-buckets"), LEVELS["mandatory"])
    assert told == strict | on_stack
    assert pack.name == yaml.safe_load((PACK / "PulumiPolicy.yaml").read_text(encoding="utf-8"))["name"]


def test_it_stops_a_group_that_is_open_and_lets_the_programs_own_pass(
    analyzer: analyzer_pb2_grpc.AnalyzerStub, project: Path
) -> None:
    rule = run_main("dev").one("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule", "tasks-from-balancer")

    def asked(**changed: object) -> list[tuple[str, int, str]]:
        request = analyzer_pb2.AnalyzeRequest(
            type=rule.type, name=rule.name, urn=rule.urn, properties=properties(rule, **changed)
        )
        return [(one.policyName, one.enforcementLevel, one.message) for one in analyzer.Analyze(request).diagnostics]

    assert asked() == []
    ((name, level, message),) = asked(cidrIpv4="0.0.0.0/0")
    assert (name, level) == ("no-open-group", LEVELS["mandatory"])
    assert f"{rule.name} lets 0.0.0.0/0 in on ports 8080 to 8080" in message


def test_it_passes_the_whole_stack_and_stops_one_whose_tasks_are_reachable(
    analyzer: analyzer_pb2_grpc.AnalyzerStub, project: Path
) -> None:
    recorded = run_main("prod", config={"accessLogDays": 7})
    (group,) = recorded.one("aws:ecs/service:Service").inputs["networkConfiguration"]["securityGroups"]
    stack = [
        analyzer_pb2.AnalyzerResource(
            type=one.type, name=one.name, urn=one.urn, properties=properties(one, id=f"{one.name}-id")
        )
        for one in recorded
    ]
    planted = analyzer_pb2.AnalyzerResource(
        type="aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule",
        name="planted",
        urn="urn:planted",
        properties=ParseDict({"securityGroupId": group, "cidrIpv4": "10.0.0.0/8"}, Struct()),
    )

    def asked(resources: list[analyzer_pb2.AnalyzerResource]) -> list[tuple[str, int]]:
        answer = analyzer.AnalyzeStack(analyzer_pb2.AnalyzeStackRequest(resources=resources))
        return [(one.policyName, one.enforcementLevel) for one in answer.diagnostics]

    assert asked(stack) == []
    assert asked([*stack, planted]) == [("no-public-tasks", LEVELS["mandatory"])]
