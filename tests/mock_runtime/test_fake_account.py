"""The made-up account is in the partition of its region."""

import pytest

from mock_runtime.fake_account import partition_of


@pytest.mark.parametrize(
    ("region", "partition", "suffix", "reverse"),
    [
        ("eu-central-1", "aws", "amazonaws.com", "com.amazonaws"),
        ("cn-north-1", "aws-cn", "amazonaws.com.cn", "cn.com.amazonaws"),
        ("us-gov-west-1", "aws-us-gov", "amazonaws.com", "com.amazonaws"),
        ("eusc-de-east-1", "aws-eusc", "amazonaws.eu", "eu.amazonaws"),
        ("us-isob-east-1", "aws-iso-b", "sc2s.sgov.gov", "gov.sgov.sc2s"),
        ("ap-southeast-99", "aws", "amazonaws.com", "com.amazonaws"),
        ("", "aws", "amazonaws.com", "com.amazonaws"),
    ],
)
def test_a_region_has_its_partition_even_before_the_sdk_knows_it(
    region: str, partition: str, suffix: str, reverse: str
) -> None:
    found = partition_of(region)
    assert (found["partition"], found["dnsSuffix"], found["reverseDnsPrefix"]) == (partition, suffix, reverse)
