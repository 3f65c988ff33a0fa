"""The contract of every emulated resource type, on a real emulator without Docker.

Another type is a handler and a case here: `CASES` maps its token to a function of the account that returns its inputs
and what an update changes.
"""

import gzip
import hashlib
import io
import json
import socket
import sys
import tarfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
import requests

from local import emulated_aws
from local.console import Step
from local.engine.aws import Aws, auto_name
from local.engine.handlers import HANDLERS, image
from local.engine.handlers.base import Inputs
from local.engine.registry_push import push_archive
from local.settings import REGION, LocalSettings

STATEMENT = {"Effect": "Allow", "Action": "logs:PutLogEvents", "Resource": "*"}
POLICY, OTHER_POLICY = (json.dumps({"Version": "2012-10-17", "Statement": [STATEMENT] * count}) for count in (1, 2))
CONTAINERS = json.dumps([{"name": "app", "image": "nowhere/app:1", "essential": True}])
TAGS = {"project": "films", "stack": "test"}

PROVIDERS = {"pulumi:providers:aws", "pulumi:providers:docker", "pulumi:providers:docker-build"}
STAYS = PROVIDERS | {"docker-build:index:Image"}
"""Types whose deletion leaves nothing to remove: an image is deleted with its repository."""

FAKE_DOCKER = """#!{python}
import json, sys
import boto3
command, reference = sys.argv[1], sys.argv[-1]
if command == "push":
    repository, _, tag = reference.partition("/")[2].rpartition(":")
    ecr = boto3.client("ecr", endpoint_url="{url}", region_name="{region}", aws_access_key_id="x",
                       aws_secret_access_key="x")
    manifest = {{"schemaVersion": 2, "config": {{"digest": "sha256:" + "0" * 64}}, "layers": [], "tag": tag}}
    ecr.put_image(repositoryName=repository, imageManifest=json.dumps(manifest), imageTag=tag)
"""


@dataclass
class Account:
    """The emulated account, with resources that the tested one refers to."""

    aws: Aws
    folder: Path
    _made: list[tuple[str, str, dict[str, Any]]] = field(default_factory=list)

    def make(self, token: str, **inputs: Any) -> dict[str, Any]:
        """Create a resource with its handler, to be deleted at the end; returns its outputs."""
        id_, outputs = HANDLERS[token].create(self.aws, f"needed-{len(self._made)}", inputs)
        self._made.append((token, id_, outputs))
        return outputs

    @property
    def vpc(self) -> str:
        """The default VPC's id."""
        filters = [{"Name": "is-default", "Values": ["true"]}]
        return str(self.aws.client("ec2").describe_vpcs(Filters=filters)["Vpcs"][0]["VpcId"])

    @property
    def subnets(self) -> list[str]:
        """The ids of the default VPC's subnets."""
        return [one["SubnetId"] for one in self.aws.client("ec2").describe_subnets()["Subnets"]]

    def group(self) -> str:
        """A security group's id."""
        made = self.make("aws:ec2/securityGroup:SecurityGroup", vpcId=self.vpc)
        return str(made["arn"]).rpartition("/")[2]

    def cluster(self) -> dict[str, Any]:
        return self.make("aws:ecs/cluster:Cluster")

    def repository(self) -> str:
        return str(self.make("aws:ecr/repository:Repository", forceDelete=True)["name"])

    def target_group(self) -> str:
        inputs = {"protocol": "HTTP", "port": 8000, "vpcId": self.vpc, "targetType": "ip"}
        return str(self.make("aws:lb/targetGroup:TargetGroup", **inputs)["arn"])

    def task_definition(self, **changes: Any) -> dict[str, Any]:
        return self.make("aws:ecs/taskDefinition:TaskDefinition", **_task_definition(self)[0], **changes)

    def clean(self) -> None:
        """Delete what `make` created, the last made first."""
        while self._made:
            token, id_, outputs = self._made.pop()
            HANDLERS[token].delete(self.aws, id_, outputs)


Case = tuple[Inputs, Inputs]
"""Inputs of a resource, and those that an update changes."""


def _provider(_: Account) -> Case:
    return {"region": "here"}, {"region": "there"}


def _security_group(account: Account) -> Case:
    return {"vpcId": account.vpc, "description": "films", "tags": TAGS}, {"tags": {"team": "films"}}


def _rule(account: Account) -> Case:
    # Another rule of the same group stays, and must not be mistaken for the one that was removed.
    ports = {"ipProtocol": "tcp", "fromPort": 80, "toPort": 80}
    group = account.group()
    for token in ("aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule", EGRESS):
        account.make(token, securityGroupId=group, cidrIpv4="10.1.0.0/16", **ports)
    return {"securityGroupId": group, "cidrIpv4": "10.0.0.0/16", **ports}, {"tags": TAGS}


EGRESS = "aws:vpc/securityGroupEgressRule:SecurityGroupEgressRule"


def _repository(_: Account) -> Case:
    scan = {"imageScanningConfiguration": {"scanOnPush": False}}
    return {"imageTagMutability": "IMMUTABLE", "tags": TAGS, **scan}, {"imageTagMutability": "MUTABLE"}


def _lifecycle_policy(account: Account) -> Case:
    """As the provider, nothing of it is changed in place."""
    return {"repository": account.repository(), "policy": _expire_after(3)}, {}


def _expire_after(count: int) -> str:
    selection = {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": count}
    return json.dumps({"rules": [{"rulePriority": 1, "selection": selection, "action": {"type": "expire"}}]})


def _repository_policy(account: Account) -> Case:
    return {"repository": account.repository(), "policy": POLICY}, {"policy": OTHER_POLICY}


def _image(account: Account) -> Case:
    reference = f"{account.aws.registry_host}/{account.repository()}"
    inputs = {"context": {"location": str(account.folder)}, "push": True, "tags": [f"{reference}:one"]}
    return inputs, {"tags": [f"{reference}:two"]}


def _cluster(_: Account) -> Case:
    return {"tags": TAGS}, {"settings": [{"name": "containerInsights", "value": "enabled"}]}


def _capacity_providers(account: Account) -> Case:
    inputs = {"clusterName": account.cluster()["name"], "capacityProviders": ["FARGATE"]}
    return inputs, {"capacityProviders": ["FARGATE", "FARGATE_SPOT"]}


def _task_definition(_: Account) -> Case:
    inputs = {"family": "films", "containerDefinitions": CONTAINERS, "cpu": "256", "memory": "512"}
    return {**inputs, "networkMode": "awsvpc", "requiresCompatibilities": ["FARGATE"]}, {"tags": TAGS}


def _service(account: Account) -> Case:
    inputs = {
        "cluster": account.cluster()["arn"],
        "taskDefinition": account.task_definition()["arn"],
        "desiredCount": 0,
        "capacityProviderStrategies": [{"capacityProvider": "FARGATE", "weight": 100, "base": 1}],
        "networkConfiguration": {"subnets": account.subnets, "securityGroups": [account.group()]},
        "tags": TAGS,
    }
    strategies = [{"capacityProvider": "FARGATE_SPOT", "weight": 100}]
    return inputs, {"healthCheckGracePeriodSeconds": 7, "capacityProviderStrategies": strategies}


def _load_balancer(account: Account) -> Case:
    inputs = {"subnets": account.subnets[:2], "securityGroups": [account.group()], "tags": TAGS}
    return inputs, {"idleTimeout": 75}


def _target_group(account: Account) -> Case:
    inputs = {"protocol": "HTTP", "port": 8000, "vpcId": account.vpc, "targetType": "ip", "tags": TAGS}
    return inputs, {"healthCheck": {"path": "/ready", "matcher": "200"}, "deregistrationDelay": 5}


def _listener(account: Account) -> Case:
    balancer = account.make("aws:lb/loadBalancer:LoadBalancer", subnets=account.subnets[:2])
    forward = {"type": "forward", "targetGroupArn": account.target_group()}
    fixed = {"type": "fixed-response", "fixedResponse": {"contentType": "text/plain", "statusCode": "404"}}
    return {"loadBalancerArn": balancer["arn"], "port": 80, "defaultActions": [forward]}, {"defaultActions": [fixed]}


def _listener_rule(account: Account) -> Case:
    balancer = account.make("aws:lb/loadBalancer:LoadBalancer", subnets=account.subnets[:2])
    missing = {"type": "fixed-response", "fixedResponse": {"contentType": "text/plain", "statusCode": "404"}}
    listener = account.make(
        "aws:lb/listener:Listener", loadBalancerArn=balancer["arn"], port=80, defaultActions=[missing]
    )
    inputs = {
        "listenerArn": listener["arn"],
        "actions": [{"type": "forward", "targetGroupArn": account.target_group()}],
        "conditions": [{"pathPattern": {"values": ["/films", "/films/*"]}}],
        "tags": TAGS,
    }
    return inputs, {"conditions": [{"pathPattern": {"values": ["/movies"]}}]}


def _role(_: Account) -> Case:
    return {"assumeRolePolicy": POLICY, "tags": TAGS}, {"assumeRolePolicy": OTHER_POLICY}


def _role_policy(account: Account) -> Case:
    role = account.make("aws:iam/role:Role", assumeRolePolicy=POLICY)["name"]
    return {"role": role, "policy": POLICY}, {"policy": OTHER_POLICY}


def _log_group(_: Account) -> Case:
    return {"retentionInDays": 7, "tags": TAGS}, {"retentionInDays": 1}


CASES: dict[str, Callable[[Account], Case]] = {
    **dict.fromkeys(PROVIDERS, _provider),
    "aws:cloudwatch/logGroup:LogGroup": _log_group,
    "aws:ec2/securityGroup:SecurityGroup": _security_group,
    "aws:ecr/lifecyclePolicy:LifecyclePolicy": _lifecycle_policy,
    "aws:ecr/repository:Repository": _repository,
    "aws:ecr/repositoryPolicy:RepositoryPolicy": _repository_policy,
    "aws:ecs/cluster:Cluster": _cluster,
    "aws:ecs/clusterCapacityProviders:ClusterCapacityProviders": _capacity_providers,
    "aws:ecs/service:Service": _service,
    "aws:ecs/taskDefinition:TaskDefinition": _task_definition,
    "aws:iam/role:Role": _role,
    "aws:iam/rolePolicy:RolePolicy": _role_policy,
    "aws:lb/listener:Listener": _listener,
    "aws:lb/listenerRule:ListenerRule": _listener_rule,
    "aws:lb/loadBalancer:LoadBalancer": _load_balancer,
    "aws:lb/targetGroup:TargetGroup": _target_group,
    "aws:vpc/securityGroupIngressRule:SecurityGroupIngressRule": _rule,
    EGRESS: _rule,
    "docker-build:index:Image": _image,
}


@pytest.fixture(scope="module")
def aws(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Aws]:
    """A running emulator that finds no Docker engine."""
    folder = tmp_path_factory.mktemp("emulator")
    with socket.socket() as one, socket.socket() as other:
        one.bind(("127.0.0.1", 0))
        other.bind(("127.0.0.1", 0))
        ports = {"aws_port": one.getsockname()[1], "endpoint_port": other.getsockname()[1]}
    settings = LocalSettings(**ports, state_dir=folder / "state")
    docker = folder / "docker"
    docker.write_text(FAKE_DOCKER.format(python=sys.executable, url=settings.aws_url, region=REGION))
    docker.chmod(0o755)
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("DOCKER_HOST", f"unix://{folder}/nothing.sock")
        patch.setattr(image, "connect", lambda: SimpleNamespace(info=dict, close=lambda: None))
        emulated_aws.ensure_emulator(settings, Step())
        made = Aws(
            endpoint_url=settings.aws_url,
            region=REGION,
            registry_host=settings.registry_host,
            docker_cli=docker,
            log=lambda _: None,
        )
        yield made
        for client in made._clients.values():
            client.close()
        emulated_aws.stop_emulator(settings)


@pytest.fixture
def account(aws: Aws, tmp_path: Path) -> Iterator[Account]:
    """The account; what a test's case needed is deleted after it."""
    made = Account(aws, tmp_path)
    yield made
    made.clean()


def test_every_type_has_a_case() -> None:
    assert set(CASES) == set(HANDLERS)


@pytest.mark.parametrize("token", sorted(CASES))
def test_a_resource_is_created_found_changed_and_deleted(token: str, account: Account) -> None:
    handler, (inputs, changes) = HANDLERS[token], CASES[token](account)
    id_, outputs = handler.create(account.aws, auto_name("films", generation=0), inputs)
    assert id_
    assert inputs.items() <= outputs.items()
    assert handler.exists(account.aws, id_, outputs)

    changed = handler.update(account.aws, id_, inputs, {**inputs, **changes}, outputs)
    assert changes.items() <= changed.items()
    assert {key: changed.get(key) for key in ("arn", "name")} == {key: outputs.get(key) for key in ("arn", "name")}
    assert not changes.keys() & handler.replace_on
    assert handler.exists(account.aws, id_, changed)

    handler.delete(account.aws, id_, changed)
    assert handler.exists(account.aws, id_, changed) is (token in STAYS)
    handler.delete(account.aws, id_, changed)


@pytest.mark.parametrize("token", sorted(CASES))
def test_a_resource_that_an_interrupted_run_left_is_adopted(token: str, account: Account) -> None:
    handler, (inputs, _) = HANDLERS[token], CASES[token](account)
    name = auto_name("films", generation=0)
    first, outputs = handler.create(account.aws, name, inputs)
    second, adopted = handler.create(account.aws, name, inputs)
    assert second == first
    if "revision" not in outputs:  # every registration of a task definition is a revision of its own
        assert adopted.get("arn") == outputs.get("arn")
    assert handler.exists(account.aws, second, adopted)
    for made in (adopted, outputs):
        handler.delete(account.aws, second, made)
    assert handler.exists(account.aws, second, adopted) is (token in STAYS)


@pytest.mark.parametrize("token", sorted(set(CASES) - STAYS))  # the tags of an image are its references
def test_tags_are_optional(token: str, account: Account) -> None:
    handler, (inputs, _) = HANDLERS[token], CASES[token](account)
    untagged = {key: value for key, value in inputs.items() if key != "tags"}
    id_, outputs = handler.create(account.aws, auto_name("films", generation=0), untagged)
    assert handler.exists(account.aws, id_, outputs)
    outputs = handler.update(account.aws, id_, untagged, untagged, outputs)
    handler.delete(account.aws, id_, outputs)


@pytest.mark.parametrize("token", sorted(set(CASES) - STAYS))
def test_a_resource_that_somebody_removed_with_what_it_belongs_to_is_missing(token: str, account: Account) -> None:
    handler, (inputs, _) = HANDLERS[token], CASES[token](account)
    id_, outputs = handler.create(account.aws, auto_name("films", generation=0), inputs)
    handler.delete(account.aws, id_, outputs)
    account.clean()
    assert not handler.exists(account.aws, id_, outputs)
    handler.delete(account.aws, id_, outputs)


def test_a_rule_takes_its_paths_and_the_default_action_answers_the_others(account: Account) -> None:
    balancer = account.make("aws:lb/loadBalancer:LoadBalancer", subnets=account.subnets[:2])

    def fixed(text: str, status: str) -> list[dict[str, Any]]:
        response = {"contentType": "text/plain", "messageBody": text, "statusCode": status}
        return [{"type": "fixed-response", "fixedResponse": response}]

    listener = account.make(
        "aws:lb/listener:Listener", loadBalancerArn=balancer["arn"], port=80, defaultActions=fixed("not here", "404")
    )
    account.make(
        "aws:lb/listenerRule:ListenerRule",
        listenerArn=listener["arn"],
        conditions=[{"pathPattern": {"values": ["/films", "/films/*"]}}],
        actions=fixed("films", "200"),
    )

    def get(path: str) -> tuple[int, str]:
        answer = requests.get(f"{account.aws.endpoint_url}/_alb/{balancer['name']}{path}", timeout=30)
        return answer.status_code, answer.text

    assert {path: get(path) for path in ("/films", "/films/", "/films/a/b?n=1")} == dict.fromkeys(
        ("/films", "/films/", "/films/a/b?n=1"), (200, "films")
    )
    assert {path: get(path) for path in ("/", "/filmsx", "/health")} == dict.fromkeys(
        ("/", "/filmsx", "/health"), (404, "not here")
    )


LAYERS = [b"films" * 1000, b"users" * 1000]
"""The content of an image's layers: the registry does not read it as archives."""


def _archive(*, oci: bool) -> io.BytesIO:
    """An image's archive, in the layout of Docker before version 25, or in the OCI layout with a compressed layer."""
    config = json.dumps({"rootfs": {"type": "layers", "diff_ids": [_sha256(layer) for layer in LAYERS]}}).encode()
    layers = [gzip.compress(LAYERS[0], mtime=0), LAYERS[1]] if oci else [*LAYERS]
    blobs = [config, *layers]
    if oci:
        names = [f"blobs/sha256/{_sha256(blob)}" for blob in blobs]
    else:
        names = [f"{_sha256(config)}.json", *(f"{number}/layer.tar" for number, _ in enumerate(layers))]
    manifest = [{"Config": names[0], "RepoTags": ["films:one"], "Layers": [*names[1:]]}]
    made = io.BytesIO()
    with tarfile.open(fileobj=made, mode="w") as archive:
        for name, content in [*zip(names, blobs, strict=True), ("manifest.json", json.dumps(manifest).encode())]:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return made


def _sha256(content: bytes) -> str:
    return hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("oci", [False, True])
def test_an_image_of_an_engine_with_its_own_network_is_in_the_registry_with_its_layers(
    oci: bool, account: Account, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    docker = tmp_path / "docker"
    docker.write_text(
        '#!/bin/sh\n[ "$1" = build ] || { echo "dial tcp 127.0.0.1:4566: connection refused"; exit 1; }\n'
    )
    docker.chmod(0o755)
    rootless = SimpleNamespace(
        info=lambda: {"SecurityOptions": ["name=rootless"]},
        api=SimpleNamespace(get_image=lambda _: [_archive(oci=oci).getvalue()]),
        close=lambda: None,
    )
    monkeypatch.setattr(image, "connect", lambda: rootless)
    inputs, changes = _image(account)
    aws, handler = replace(account.aws, docker_cli=docker), HANDLERS["docker-build:index:Image"]
    digests = {handler.create(aws, "image", {**inputs, **one})[1]["digest"] for one in ({}, changes)}
    assert len(digests) == 1, "the same image under another tag has another digest"
    repository = inputs["tags"][0].partition("/")[2].partition(":")[0]
    url = f"{aws.endpoint_url}/v2/{repository}"
    manifest = requests.get(f"{url}/manifests/one", timeout=30)
    assert f"sha256:{_sha256(manifest.content)}" == digests.pop()
    assert manifest.headers["Content-Type"] == manifest.json()["mediaType"]
    for part in (manifest.json()["config"], *manifest.json()["layers"]):
        blob = requests.get(f"{url}/blobs/{part['digest']}", timeout=30).content
        assert (f"sha256:{_sha256(blob)}", len(blob)) == (part["digest"], part["size"])
    layers = manifest.json()["layers"]
    contents = [requests.get(f"{url}/blobs/{one['digest']}", timeout=30).content for one in layers]
    assert [gzip.decompress(content) for content in contents] == LAYERS
    assert {one["mediaType"] for one in layers} == {"application/vnd.docker.image.rootfs.diff.tar.gzip"}


def test_a_push_that_the_registry_refuses_is_told_in_its_words(account: Account) -> None:
    with pytest.raises(requests.HTTPError, match=r"POST .*/blobs/uploads/: 404 .*NAME_UNKNOWN"):
        push_archive(_archive(oci=False), account.aws.endpoint_url, "nowhere", "one")


def test_an_archive_that_docker_did_not_write_is_named(account: Account) -> None:
    other = io.BytesIO()
    with tarfile.open(fileobj=other, mode="w") as archive:
        archive.addfile(tarfile.TarInfo("films"))
    with pytest.raises(ValueError, match=r"the archive has no file 'manifest\.json'"):
        push_archive(other, account.aws.endpoint_url, account.repository(), "one")


def test_a_condition_that_is_not_evaluated_is_refused(account: Account) -> None:
    inputs, _ = _listener_rule(account)
    condition = {"sourceIp": {"values": ["10.0.0.0/8"]}}
    with pytest.raises(ValueError, match="no condition sourceIp"):
        HANDLERS["aws:lb/listenerRule:ListenerRule"].create(account.aws, "r", {**inputs, "conditions": [condition]})


def test_a_web_page_may_not_use_the_emulated_aws(account: Account) -> None:
    url = account.aws.endpoint_url
    port = url.rpartition(":")[2]
    query = "/?Action=DescribeVpcs&Version=2016-11-15"
    refused: list[dict[str, str]] = [
        {"Origin": "https://films.example"},
        {"Origin": "null"},
        {"Origin": f"http://localhost:{int(port) + 1}"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Host": f"films.example:{port}"},
    ]
    for headers in refused:
        for method in ("GET", "POST", "OPTIONS"):
            answer = requests.request(method, f"{url}{query}", headers=headers, timeout=30)
            assert (answer.status_code, headers) == (403, headers)
            assert "message" in answer.json()
            assert not [name for name in answer.headers if name.lower().startswith("access-control-")]
    served = requests.get(f"{url}{query}", headers={"Origin": f"http://localhost:{port}"}, timeout=30)
    assert served.status_code == 200
    assert not [name for name in served.headers if name.lower().startswith("access-control-")]


def test_a_load_balancer_forwards_the_origin_and_host_that_it_was_sent(account: Account) -> None:
    balancer = account.make("aws:lb/loadBalancer:LoadBalancer", subnets=account.subnets[:2])
    fixed = {"type": "fixed-response", "fixedResponse": {"contentType": "text/plain", "statusCode": "200"}}
    account.make("aws:lb/listener:Listener", loadBalancerArn=balancer["arn"], port=80, defaultActions=[fixed])
    headers = {"Origin": "https://films.example", "Host": "films.example"}
    statuses = {
        name: requests.get(f"{account.aws.endpoint_url}/_alb/{name}/", headers=headers, timeout=30).status_code
        for name in (balancer["name"], "another")
    }
    assert statuses == {balancer["name"]: 200, "another": 403}
