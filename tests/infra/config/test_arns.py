"""An ARN in the settings is of the stack's partition, region and account, where AWS wants it to be."""

import json
from collections.abc import Mapping

import pytest

from infra.config.arns import RULES, Place, check_arns, own_account
from infra.config.load import FIELDS
from infra.errors import ConfigError
from tests.infra.answers import ACCOUNT
from tests.infra.config.test_load import settings_of

UUID = "12345678-1234-1234-1234-123456789012"
HTTPS = {"publicUrl": "https://films.example.com"}
OTHER = "444455556666"


def certificate(partition: str = "aws", region: str = "eu-central-1", account: str = ACCOUNT) -> str:
    return f"arn:{partition}:acm:{region}:{account}:certificate/{UUID}"


def key(partition: str = "aws", region: str = "eu-central-1", account: str = ACCOUNT) -> str:
    return f"arn:{partition}:kms:{region}:{account}:key/{UUID}"


REFUSED: Mapping[str, tuple[Mapping[str, object], str]] = {
    "a certificate of another region": (
        {**HTTPS, "certificateArn": certificate(region="us-east-1")},
        "of the region us-east-1; allowed: eu-central-1, the stack's",
    ),
    "a certificate of another account": (
        {**HTTPS, "certificateArn": certificate(account=OTHER)},
        f"of the account {OTHER}; allowed: {ACCOUNT}, the stack's",
    ),
    "a key of another region": ({"registryKmsKeyArn": key(region="eu-west-1")}, "of the region eu-west-1"),
    "a repository of another region": (
        {"repositoryArn": f"arn:aws:ecr:eu-west-1:{OTHER}:repository/films"},
        "of the region eu-west-1; allowed: eu-central-1, the stack's",
    ),
    "a key of another partition": (
        {"registryKmsKeyArn": key("aws-cn", "cn-north-1")},
        "of the partition aws-cn; allowed: aws, the stack's",
    ),
    "a partition without its region": (
        {"registryKmsKeyArn": key("aws-cn")},
        "whose region eu-central-1 is of the partition aws; allowed: arn:aws:",
    ),
    "a boundary of another account": (
        {"permissionsBoundary": f"arn:aws:iam::{OTHER}:policy/limit"},
        f"of the account {OTHER}; allowed: {ACCOUNT}, the stack's",
    ),
    "a boundary of another partition": (
        {"permissionsBoundary": "arn:aws-us-gov:iam::aws:policy/PowerUserAccess"},
        "of the partition aws-us-gov; allowed: aws, the stack's",
    ),
    "a secret of another partition": (
        {"secrets": [f"TOKEN=arn:aws-cn:secretsmanager:cn-north-1:{ACCOUNT}:secret:token-AbCdEf"]},
        "of the partition aws-cn",
    ),
    "a parameter that no task can reach": (
        {
            "network": "new",
            "natGateways": "none",
            "vpcEndpoints": True,
            "secrets": [f"TOKEN=arn:aws:ssm:us-east-1:{ACCOUNT}:parameter/token"],
        },
        "of the region us-east-1; allowed: eu-central-1",
    ),
    "a certificate's id that is none": (
        {**HTTPS, "certificateArn": f"arn:aws:acm:eu-central-1:{ACCOUNT}:certificate/films"},
        "allowed: certificate/UUID after the account",
    ),
    "an alias in a key's place": (
        {"registryKmsKeyArn": f"arn:aws:kms:eu-central-1:{ACCOUNT}:key/alias/films"},
        "allowed: key/UUID",
    ),
}


@pytest.mark.parametrize("case", REFUSED)
def test_it_is_refused_for(case: str) -> None:
    config, told = REFUSED[case]
    with pytest.raises(ConfigError) as refusal:
        settings_of(config)
    assert told in str(refusal.value)
    assert str(refusal.value).count("recommender:") == 1


ACCEPTED: Mapping[str, Mapping[str, object]] = {
    "a certificate of this place": {**HTTPS, "certificateArn": certificate()},
    "another account's key": {"registryKmsKeyArn": key(account=OTHER)},
    "a multi-region key": {"registryKmsKeyArn": f"arn:aws:kms:eu-central-1:{ACCOUNT}:key/mrk-{'0a' * 16}"},
    "a policy of AWS as boundary": {"permissionsBoundary": "arn:aws:iam::aws:policy/PowerUserAccess"},
    "a policy under a path": {"permissionsBoundary": f"arn:aws:iam::{ACCOUNT}:policy/team/limits/of-apps"},
    "another account's secret": {"secrets": [f"TOKEN=arn:aws:secretsmanager:eu-central-1:{OTHER}:secret:token-AbCdEf"]},
    "another region's parameter": {"secrets": [f"TOKEN=arn:aws:ssm:us-east-1:{ACCOUNT}:parameter/films/token"]},
    "what the application is told": {"environment": [f"TOPIC=arn:aws:sns:us-east-1:{OTHER}:films"]},
    "what a command is told": {
        "batchJobs": [json.dumps({"name": "a", "command": ["x", f"arn:aws:sns:us-east-1:{OTHER}:films"]})]
    },
    "what a tag says": {"tags": [f"owner=arn:aws:iam::{OTHER}:role/films"]},
}


@pytest.mark.parametrize("case", ACCEPTED)
def test_it_is_accepted_for(case: str) -> None:
    assert settings_of(ACCEPTED[case])


PARTITIONS = {
    "aws": "ap-southeast-5",
    "aws-cn": "cn-northwest-1",
    "aws-eusc": "eusc-de-east-1",
    "aws-iso": "us-iso-east-1",
    "aws-iso-b": "us-isob-east-1",
    "aws-iso-e": "eu-isoe-west-1",
    "aws-iso-f": "us-isof-south-1",
    "aws-us-gov": "us-gov-west-1",
}


@pytest.mark.parametrize("partition", PARTITIONS)
def test_every_partition_takes_its_own_and_no_other(partition: str) -> None:
    place = Place(partition, PARTITIONS[partition], ACCOUNT)
    for other, region in PARTITIONS.items():
        refused = check_arns({"certificateArn": certificate(other, region)}, place)
        assert bool(refused) == (other != partition)


@pytest.mark.parametrize(
    "text",
    [
        certificate(region="us-east-1"),
        json.dumps([certificate(region="us-east-1")]),
        json.dumps([f"A={certificate(region='us-east-1')}"]),
        json.dumps([json.dumps({"name": "x", "of": {"certificates": [certificate(region="us-east-1")]}})]),
    ],
    ids=["a text", "a list", "a mapping", "a JSON object"],
)
def test_a_setting_that_nobody_named_here_is_compared_too_and_the_fix_is_accepted(text: str) -> None:
    place = Place("aws", "eu-central-1")
    (refused,) = check_arns({"settingOfTomorrow": text}, place)
    (fix,) = refused.fixes
    assert check_arns({refused.key: getattr(fix, "value", "")}, place) == []


def test_where_the_account_is_not_known_its_arns_agree_with_each_other() -> None:
    texts = {"certificateArn": certificate(), "permissionsBoundary": f"arn:aws:iam::{OTHER}:policy/limit"}
    (refused,) = check_arns(texts, Place("aws", "eu-central-1"))
    assert refused.key == "permissionsBoundary"
    assert f"allowed: {ACCOUNT}, that of certificateArn" in refused.problem
    assert own_account(texts) == ACCOUNT


def test_without_a_region_the_arns_agree_with_each_other() -> None:
    texts = {"certificateArn": certificate(), "registryKmsKeyArn": key(region="eu-west-1")}
    (refused,) = check_arns(texts, Place())
    assert "allowed: eu-central-1, that of certificateArn" in refused.problem


def test_the_account_is_asked_for_only_where_an_arn_depends_on_it() -> None:
    assert own_account({"registryKmsKeyArn": key(account=OTHER)}) == ""
    assert own_account({"environment": f"arn:aws:iam::{OTHER}:role/x"}) == ""
    assert own_account({"permissionsBoundary": "arn:aws:iam::aws:policy/PowerUserAccess"}) == ""


def test_the_example_of_every_setting_that_is_an_arn_has_the_documented_form() -> None:
    examples = [
        entry.func.example
        for field in FIELDS.values()
        for entry in field.metadata
        if hasattr(entry, "func") and str(getattr(entry.func, "example", "")).startswith("arn:")
    ]
    assert len(examples) >= 3
    for example in examples:
        assert check_arns({"key": example}, Place()) == []
        assert example.split(":")[2] in RULES
