"""Claims about the registry."""

import json

import pytest

from infra.registry import Registry, RegistryArgs
from tests.infra.recorder import Recording, run
from tests.infra.settings import replace

REGISTRY = RegistryArgs(repository_name="films", force_delete=True)
KEY = "arn:aws:kms:eu-central-1:111122223333:key/k"


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
    own = [f"arn:of:{recorded.one('aws:ecr/repository:Repository').name}"]
    assert reach.pop("ecr:GetAuthorizationToken") == ["*"]
    assert set(reach) >= {"ecr:PutImage", "ecr:InitiateLayerUpload", "ecr:UploadLayerPart", "ecr:CompleteLayerUpload"}
    assert all(resources == own for resources in reach.values())
    assert not any("Delete" in action or "*" in action for action in reach)


def test_a_registry_that_keeps_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match=r"image_retention_count\n  Input should be greater than or equal to 3"):
        replace(REGISTRY, image_retention_count=0)
