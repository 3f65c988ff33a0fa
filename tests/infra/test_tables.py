"""Claims about the tables and helpers that know nothing of Pulumi."""

import json
import re

import pytest

from infra.aws_limits import FARGATE_MEMORY_MIB, check_fargate_size, nearest
from infra.image_reference import EcrRepository, image_tag, parse_image_uri
from infra.naming import base_name, child_name, provider_name, repository_name, shorten
from infra.registry import lifecycle_policy
from infra.service.roles import execution_policy

DIGEST = "sha256:" + "0" * 64


@pytest.mark.parametrize(
    ("cpu", "least", "most", "step"),
    [
        (512, 1024, 4096, 1024),
        (1024, 2048, 8192, 1024),
        (2048, 4096, 16384, 1024),
        (4096, 8192, 30720, 1024),
        (8192, 16384, 61440, 4096),
        (16384, 32768, 122880, 8192),
    ],
)
def test_memory_goes_from_the_least_to_the_most_in_steps(cpu: int, least: int, most: int, step: int) -> None:
    for memory in (least, least + step, most - step, most):
        check_fargate_size(cpu, memory)
    for memory in (least - step, least - 1, least + 1, most - 1, most + step):
        with pytest.raises(ValueError, match=f"with {cpu}: {least}, "):
            check_fargate_size(cpu, memory)


def test_the_smallest_size_has_three_memories() -> None:
    for memory in (512, 1024, 2048):
        check_fargate_size(256, memory)
    for memory in (256, 1536, 3072):
        with pytest.raises(ValueError, match="with 256: 512, 1024, 2048"):
            check_fargate_size(256, memory)


def test_a_cpu_that_fargate_lacks_is_refused_with_those_it_has() -> None:
    with pytest.raises(ValueError, match="no task with 300 CPU units; allowed: 256, 512, 1024"):
        check_fargate_size(300, 512)


def test_the_proposed_memory_is_always_allowed() -> None:
    for cpu, allowed in FARGATE_MEMORY_MIB.items():
        for memory in (1, 777, 10**6):
            check_fargate_size(cpu, nearest(memory, allowed))


def test_a_long_stack_name_leaves_room_for_the_suffix() -> None:
    for role in ("lb", "tg"):
        name = child_name(base_name("recommender", "feature-" + "x" * 60), role, limit=32)
        assert len(name) + len("-1234567") <= 32
        assert name.endswith(f"-{role}")


def test_shortened_names_stay_apart() -> None:
    names = {shorten("recommender-" + "x" * 40 + tail, 24) for tail in ("", "1", "2")}
    assert len(names) == 3
    assert all(len(name) <= 24 for name in names)


def test_a_name_that_fits_is_left_alone() -> None:
    assert child_name("recommender-dev", "lb", limit=32) == "recommender-dev-lb"


def test_names_hold_what_aws_takes() -> None:
    assert re.fullmatch("recommender-My-Stack-1-[0-9a-f]{6}", base_name("recommender", "My_Stack.1"))
    assert re.fullmatch("recommender-my-stack-1(-[0-9a-f]{6}){2}", repository_name("recommender", "My_Stack.1"))


@pytest.mark.parametrize("stack", ["dev", "prod", "local", "pr-12", "v2"])
def test_a_stack_whose_name_aws_takes_keeps_it(stack: str) -> None:
    assert base_name("recommender", stack) == repository_name("recommender", stack) == f"recommender-{stack}"


def test_no_two_stacks_share_a_name_or_a_repository() -> None:
    stacks = [
        "feature-x",
        "feature_x",
        "feature.x",
        "feature--x",
        "feature-x-",
        "Feature-x",
        "FEATURE-X",
        "v1.2",
        "v1-2",
    ]
    long = [f"{'x' * 40}{end}" for end in ("", "-y", "_y", ".y", "-Y")]
    for name in (base_name, repository_name):
        names = [name("recommender", stack) for stack in [*stacks, *long]]
        assert len({one.lower() if name is repository_name else one for one in names}) == len(names)
        assert all(re.fullmatch("[A-Za-z0-9]+(-[A-Za-z0-9]+)*", one) for one in names)


def test_no_name_begins_as_aws_reserves() -> None:
    assert base_name("sg", "dev").startswith("app-sg-dev-")
    for reserved in ("aws-films-dev", "ecs-demo-dev", "Fargate-dev"):
        assert provider_name(reserved) == f"app-{reserved}"
    assert provider_name("recommender-dev") == "recommender-dev"


@pytest.mark.parametrize(
    ("uri", "name", "tag", "digest"),
    [
        ("python:3.12", "docker.io/library/python", "3.12", ""),
        ("films/app:1", "docker.io/films/app", "1", ""),
        ("localhost/app:1", "localhost/app", "1", ""),
        ("localhost:4566/a/b:1", "localhost:4566/a/b", "1", ""),
        (f"ghcr.io/a/b@{DIGEST}", "ghcr.io/a/b", "", DIGEST),
        (f"ghcr.io/a/b:1@{DIGEST}", "ghcr.io/a/b", "1", DIGEST),
    ],
)
def test_an_image_is_taken_apart(uri: str, name: str, tag: str, digest: str) -> None:
    reference = parse_image_uri(uri)
    assert (reference.name, reference.tag, reference.digest) == (name, tag, digest)


@pytest.mark.parametrize("uri", ["", "a b:1", "ghcr.io/a", "ghcr.io/:1", "ghcr.io/a@sha256:12", "localhost:4566/a"])
def test_an_image_without_tag_and_digest_is_refused(uri: str) -> None:
    with pytest.raises(ValueError, match="tag"):
        parse_image_uri(uri)


def test_an_image_in_ecr_is_known_by_account_region_and_name() -> None:
    reference = parse_image_uri("111122223333.dkr.ecr.eu-west-1.amazonaws.com/films/app:1")
    assert reference.ecr == EcrRepository(account="111122223333", region="eu-west-1", name="films/app")
    assert parse_image_uri("ghcr.io/films/app:1").ecr is None


def test_our_own_tags_tell_the_models_version() -> None:
    tag = image_tag("0123456789ab", "f" * 64)
    assert parse_image_uri(f"ghcr.io/a:{tag}").model_version == "0123456789ab"
    assert parse_image_uri("ghcr.io/a:1.0").model_version == ""


def test_secrets_are_granted_one_by_one_and_whole() -> None:
    whole = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:token-AbCdEf"
    parameter = "arn:aws:ssm:eu-central-1:111122223333:parameter/films/token"
    policy = execution_policy(
        repository_arns=["arn:repository"],
        log_group_arn="arn:log-group",
        secret_arns=[f"{whole}:password::", f"{whole}:user::", parameter],
    )
    grants = {s["Sid"]: (s["Action"], s["Resource"]) for s in json.loads(policy)["Statement"]}
    assert grants["Secrets"] == (["secretsmanager:GetSecretValue"], [whole])
    assert grants["Parameters"] == (["ssm:GetParameters"], [parameter])
    assert grants["Pull"][1] == ["arn:repository"]
    assert grants["Log"][1] == ["arn:log-group:*"]


@pytest.mark.parametrize("key", ["", ":password::"])
def test_a_secret_without_the_characters_that_aws_adds_is_granted_with_any_six(key: str) -> None:
    partial = "arn:aws:secretsmanager:eu-central-1:111122223333:secret:films/token"
    policy = execution_policy(repository_arns=[], log_group_arn="arn:log-group", secret_arns=[partial + key])
    (grant,) = [one for one in json.loads(policy)["Statement"] if one["Sid"] == "Secrets"]
    assert grant["Resource"] == [f"{partial}-??????"]


@pytest.mark.parametrize(
    ("secret", "service"),
    [
        ("arn:aws:ssm:eu-west-1:111122223333:parameter/token", "ssm.eu-west-1.amazonaws.com"),
        ("arn:aws-cn:ssm:cn-north-1:111122223333:parameter/token", "ssm.cn-north-1.amazonaws.com.cn"),
    ],
)
def test_a_key_is_used_by_the_service_that_has_the_secret(secret: str, service: str) -> None:
    policy = execution_policy(
        repository_arns=[], log_group_arn="arn:log-group", secret_arns=[secret], kms_key_arns=["arn:key"]
    )
    (grant,) = [one for one in json.loads(policy)["Statement"] if one["Sid"] == "Decrypt"]
    assert grant["Condition"]["StringEquals"]["kms:ViaService"] == [service]


def test_without_a_repository_and_secrets_only_the_log_may_be_written() -> None:
    policy = execution_policy(repository_arns=[], log_group_arn="arn:log-group:*", secret_arns=[])
    (statement,) = json.loads(policy)["Statement"]
    assert statement["Action"] == ["logs:CreateLogStream", "logs:PutLogEvents"]
    assert statement["Resource"] == ["arn:log-group:*"]


def test_the_registry_never_expires_a_tagged_image_by_its_age() -> None:
    rules = {rule["selection"]["tagStatus"]: rule["selection"] for rule in json.loads(lifecycle_policy(7, ""))["rules"]}
    assert set(rules) == {"tagged", "untagged"}
    assert (rules["tagged"]["countType"], rules["tagged"]["countNumber"]) == ("imageCountMoreThan", 7)
    assert rules["tagged"]["tagPatternList"] == ["*"]
    assert rules["untagged"]["countType"] == "sinceImagePushed"


def test_the_image_in_use_is_claimed_by_a_rule_before_those_that_expire() -> None:
    rules = json.loads(lifecycle_policy(7, "0123-4567"))["rules"]
    first = min(rules, key=lambda rule: rule["rulePriority"])
    assert first["selection"]["tagPatternList"] == ["0123-4567"]
    assert (first["selection"]["countType"], first["selection"]["countNumber"]) == ("imageCountMoreThan", 1)
    assert len({rule["rulePriority"] for rule in rules}) == len(rules) == 3
