"""boto3 clients that speak to the same account as the program's AWS provider does."""

import json
from typing import Any

import boto3
import pulumi


def provider_client(service: str) -> Any:
    """A boto3 client of a service, with the region, credentials and endpoint of the stack's `aws:` configuration.

    What the configuration leaves out, boto3 finds where the provider does: environment, profiles, instance role.
    Of `aws:assumeRoles` the first role is taken on.
    """
    config = pulumi.Config("aws")
    session: Any = boto3.session.Session(
        region_name=config.get("region"),
        profile_name=config.get("profile"),
        aws_access_key_id=config.get("accessKey"),
        aws_secret_access_key=config.get("secretKey"),
        aws_session_token=config.get("token"),
    )
    role_arn = _role_to_assume(config)
    if role_arn:
        taken = session.client("sts", endpoint_url=_endpoint(config, "sts")).assume_role(
            RoleArn=role_arn, RoleSessionName="recommender-explains-a-failure"
        )["Credentials"]
        session = boto3.session.Session(
            region_name=config.get("region"),
            aws_access_key_id=taken["AccessKeyId"],
            aws_secret_access_key=taken["SecretAccessKey"],
            aws_session_token=taken["SessionToken"],
        )
    return session.client(service, endpoint_url=_endpoint(config, service))


def _role_to_assume(config: pulumi.Config) -> str | None:
    roles = json.loads(config.get("assumeRoles") or "[]")
    return next((str(role["roleArn"]) for role in roles if role.get("roleArn")), None)


def _endpoint(config: pulumi.Config, service: str) -> str | None:
    endpoints: list[dict[str, str]] = json.loads(config.get("endpoints") or "[]")
    return next((one[service] for one in endpoints if service in one), None)
