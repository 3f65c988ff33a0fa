"""boto3 clients for the account of the program's AWS provider."""

import json
from typing import Any

import boto3
import pulumi


def provider_client(service: str) -> Any:
    """A boto3 client of a service, with the region, credentials and endpoint of the stack's `aws:` configuration.

    Other settings come from where the provider finds them: environment, profiles, instance role. Of `aws:assumeRoles`
    the first role is assumed.
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
        assumed = session.client("sts", endpoint_url=_endpoint(config, "sts")).assume_role(
            RoleArn=role_arn, RoleSessionName="recommender-explains-a-failure"
        )["Credentials"]
        session = boto3.session.Session(
            region_name=config.get("region"),
            aws_access_key_id=assumed["AccessKeyId"],
            aws_secret_access_key=assumed["SecretAccessKey"],
            aws_session_token=assumed["SessionToken"],
        )
    return session.client(service, endpoint_url=_endpoint(config, service))


def _role_to_assume(config: pulumi.Config) -> str | None:
    roles = json.loads(config.get("assumeRoles") or "[]")
    return next((str(role["roleArn"]) for role in roles if role.get("roleArn")), None)


def _endpoint(config: pulumi.Config, service: str) -> str | None:
    endpoints: list[dict[str, str]] = json.loads(config.get("endpoints") or "[]")
    return next((urls[service] for urls in endpoints if service in urls), None)
