"""The S3 bucket for the load balancer's access logs."""

from __future__ import annotations

from typing import Final

import pulumi
import pulumi_aws as aws

from infra.iam import policy as policy_document
from infra.private_bucket import private_bucket

LOG_PREFIX: Final = "load-balancer"


def access_log_bucket(
    name: str, *, days: int, force_destroy: bool, parent: pulumi.Resource
) -> tuple[pulumi.Output[str], pulumi.Resource]:
    """A private bucket with a retention of `days`, and the policy that must exist before a load balancer can write.

    Encrypted with SSE-S3, the only encryption that load balancers support. Source:
    https://docs.aws.amazon.com/elasticloadbalancing/latest/application/enable-access-logging.html
    ("Enable access logs for your Application Load Balancer")
    """
    child = pulumi.ResourceOptions(parent=parent)
    bucket = private_bucket(name, "access-logs", force_destroy=force_destroy, opts=child)
    aws.s3.BucketLifecycleConfiguration(
        f"{name}-access-logs-expiry",
        bucket=bucket.id,
        rules=[
            aws.s3.BucketLifecycleConfigurationRuleArgs(
                id="forget",
                status="Enabled",
                filter=aws.s3.BucketLifecycleConfigurationRuleFilterArgs(prefix=f"{LOG_PREFIX}/"),
                expiration=aws.s3.BucketLifecycleConfigurationRuleExpirationArgs(days=days),
            )
        ],
        opts=child,
    )
    options = pulumi.InvokeOutputOptions(parent=parent)
    policy = pulumi.Output.all(
        bucket=bucket.arn,
        partition=aws.get_partition_output(opts=options).partition,
        region=aws.get_region_output(opts=options).region,
        account=aws.get_caller_identity_output(opts=options).account_id,
    ).apply(lambda known: writer_policy(**known))
    written = aws.s3.BucketPolicy(f"{name}-access-logs-writer", bucket=bucket.id, policy=policy, opts=child)
    return bucket.bucket, written


def writer_policy(*, bucket: str, partition: str, region: str, account: str) -> str:
    """The bucket policy, as JSON: this account's load balancers may write; requests without TLS are denied."""
    sources = f"arn:{partition}:elasticloadbalancing:{region}:{account}:loadbalancer/*"
    statements = [
        {
            "Sid": "Write",
            "Effect": "Allow",
            "Principal": {"Service": "logdelivery.elasticloadbalancing.amazonaws.com"},
            "Action": "s3:PutObject",
            "Resource": f"{bucket}/{LOG_PREFIX}/AWSLogs/{account}/*",
            "Condition": {"ArnLike": {"aws:SourceArn": sources}},
        },
        {
            "Sid": "TlsOnly",
            "Effect": "Deny",
            "Principal": "*",
            "Action": "s3:*",
            "Resource": [bucket, f"{bucket}/*"],
            "Condition": {"Bool": {"aws:SecureTransport": "false"}},
        },
    ]
    return policy_document(statements)
