"""An S3 bucket without public access."""

from __future__ import annotations

import pulumi
import pulumi_aws as aws


def private_bucket(name: str, role: str, *, force_destroy: bool, opts: pulumi.ResourceOptions) -> aws.s3.Bucket:
    """A bucket called `name-role` in lower case; force_destroy: deleted with its objects."""
    bucket = aws.s3.Bucket(f"{name.lower()}-{role}", force_destroy=force_destroy, opts=opts)
    aws.s3.BucketPublicAccessBlock(
        f"{name}-{role}-private",
        bucket=bucket.id,
        block_public_acls=True,
        block_public_policy=True,
        ignore_public_acls=True,
        restrict_public_buckets=True,
        opts=opts,
    )
    return bucket
