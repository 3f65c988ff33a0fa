"""Claims about the registry."""

import json
from pathlib import Path

import pytest

from infra.errors import ConfigError
from infra.registry import CACHE_TAG, Registry, RegistryArgs, lifecycle_policy
from tests.infra.answers import ACCOUNT, REGION
from tests.infra.config.test_load import settings_of
from tests.infra.recorder import Recording, run, run_main
from tests.infra.settings import replace

REGISTRY = RegistryArgs(repository_name="films", force_delete=True)
KEY = "arn:aws:kms:eu-central-1:111122223333:key/k"
EXISTING = "arn:aws:ecr:eu-central-1:444455556666:repository/team/films"


def registry(args: RegistryArgs) -> Recording:
    return run(lambda: Registry("films", args))


def test_in_another_program_a_name_is_enough() -> None:
    inputs = run(lambda: Registry("Models", RegistryArgs())).one("aws:ecr/repository:Repository").inputs
    assert (inputs["name"], inputs["forceDelete"]) == ("models", False)


def test_tags_are_immutable_and_pushes_scanned() -> None:
    inputs = registry(REGISTRY).one("aws:ecr/repository:Repository").inputs
    assert inputs["imageTagMutability"] == "IMMUTABLE"
    assert inputs["imageScanningConfiguration"] == {"scanOnPush": True}
    assert inputs["encryptionConfigurations"] == [{"encryptionType": "AES256"}]


def test_a_key_of_ones_own_encrypts_the_registry() -> None:
    inputs = registry(replace(REGISTRY, kms_key_arn=KEY)).one("aws:ecr/repository:Repository").inputs
    assert inputs["encryptionConfigurations"] == [{"encryptionType": "KMS", "kmsKey": KEY}]


def test_only_named_accounts_may_pull() -> None:
    assert registry(REGISTRY).all("aws:ecr/repositoryPolicy:RepositoryPolicy") == []
    shared = registry(replace(REGISTRY, pull_accounts=("444455556666",)))
    policy = json.loads(shared.one("aws:ecr/repositoryPolicy:RepositoryPolicy").inputs["policy"])
    (statement,) = policy["Statement"]
    assert statement["Principal"] == {"AWS": ["arn:aws:iam::444455556666:root"]}
    assert not any("Put" in action or "*" in action for action in statement["Action"])


def test_whoever_pushes_may_push_here_and_nowhere_else() -> None:
    assert registry(REGISTRY).all("aws:iam/policy:Policy") == []
    recorded = registry(replace(REGISTRY, create_push_policy=True))
    statements = json.loads(recorded.one("aws:iam/policy:Policy").inputs["policy"])["Statement"]
    reach = {action: statement["Resource"] for statement in statements for action in statement["Action"]}
    own = [f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/{recorded.one('aws:ecr/repository:Repository').name}"]
    assert reach.pop("ecr:GetAuthorizationToken") == ["*"]
    assert set(reach) >= {"ecr:PutImage", "ecr:InitiateLayerUpload", "ecr:UploadLayerPart", "ecr:CompleteLayerUpload"}
    assert all(resources == own for resources in reach.values())
    assert not any("Delete" in action or "*" in action for action in reach)


def test_a_registry_that_keeps_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match=r"image_retention_count\n  Input should be greater than or equal to 3"):
        replace(REGISTRY, image_retention_count=0)


def selections(policy: str) -> list[tuple[list[str], int]]:
    rules = json.loads(policy)["rules"]
    assert [rule["rulePriority"] for rule in rules] == list(range(1, len(rules) + 1))
    return [(rule["selection"].get("tagPatternList", []), rule["selection"]["countNumber"]) for rule in rules]


def test_only_the_build_cache_may_be_overwritten() -> None:
    inputs = registry(replace(REGISTRY, image_cache=True)).one("aws:ecr/repository:Repository").inputs
    assert inputs["imageTagMutability"] == "IMMUTABLE_WITH_EXCLUSION"
    assert inputs["imageTagMutabilityExclusionFilters"] == [{"filter": CACHE_TAG, "filterType": "WILDCARD"}]
    assert "imageTagMutabilityExclusionFilters" not in registry(REGISTRY).one("aws:ecr/repository:Repository").inputs


def test_the_build_cache_never_expires_and_takes_no_place_of_an_image() -> None:
    assert selections(lifecycle_policy(5, "a-b")) == [(["a-b"], 1), ([], 14), (["*"], 5)]
    cached = selections(lifecycle_policy(5, "a-b", cache_tag=CACHE_TAG))
    assert cached == [(["a-b"], 1), ([CACHE_TAG], 1), ([], 14), (["*"], 6)]


def test_a_tag_of_an_image_is_never_that_of_the_cache(project: Path) -> None:
    assert run_main("dev", config={"imageCache": True}).exports["imageTag"] != CACHE_TAG


def test_an_existing_repository_is_pushed_to_and_pulled_from_and_left_as_it_is(project: Path) -> None:
    recorded = run_main("dev", config={"repositoryArn": EXISTING, "createPushPolicy": True})
    assert [resource.type for resource in recorded if resource.type.startswith("aws:ecr/")] == []
    url = "444455556666.dkr.ecr.eu-central-1.amazonaws.com/team/films"
    assert recorded.exports["repositoryUrl"] == url
    image = recorded.one("docker-build:index:Image").inputs
    assert image["tags"] == [f"{url}:{recorded.exports['imageTag']}"]
    assert image["registries"][0]["address"] == url.partition("/")[0]
    for policy in (recorded.one("aws:iam/policy:Policy"), recorded.one("aws:iam/rolePolicy:RolePolicy")):
        assert EXISTING in policy.inputs["policy"]


@pytest.mark.parametrize(
    ("key", "value"),
    [
        ("imageRetentionCount", 5),
        ("registryKmsKeyArn", KEY),
        ("registryPullAccounts", ["444455556666"]),
        ("imageCache", True),
    ],
)
def test_what_an_existing_repository_decides_itself_is_refused(key: str, value: object) -> None:
    with pytest.raises(ConfigError) as refusal:
        settings_of({"repositoryArn": EXISTING, key: value})
    assert refusal.value.key == key
    assert f"pulumi config rm repositoryArn (or pulumi config rm {key})" in str(refusal.value)


def test_a_cache_on_the_emulated_aws_is_refused() -> None:
    with pytest.raises(
        ConfigError, match=r"imageCache is true; allowed on a real AWS(?s:.*)pulumi config rm imageCache"
    ):
        settings_of({"imageCache": True}, "local")


@pytest.mark.parametrize("arn", ["films", EXISTING.replace("repository/", ""), EXISTING.replace(":ecr:", ":s3:")])
def test_a_repository_that_is_no_arn_of_ecr_is_refused(arn: str) -> None:
    with pytest.raises(ConfigError, match=r"repositoryArn is .*; allowed: the ARN of an ECR repository"):
        settings_of({"repositoryArn": arn})
