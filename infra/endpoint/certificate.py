"""The custom domain: its hosted zone, a DNS-validated certificate, and the alias records."""

from __future__ import annotations

from typing import Final

import pulumi
import pulumi_aws as aws

from infra.errors import ConfigError, Set

RECORD_TTL_SECONDS: Final = 60


def hosted_zone_id(domain: str, zone_id: str, parent: pulumi.Resource) -> str:
    """The id of the public Route 53 zone of `domain`: `zone_id`, else the zone with the longest matching suffix.

    Raises `ConfigError` when the account has no such zone.
    """
    if zone_id:
        return zone_id
    labels = domain.split(".")
    names = [".".join(labels[start:]) for start in range(len(labels) - 1)]
    for name in names:
        try:
            zone = aws.route53.get_zone(name=name, private_zone=False, opts=pulumi.InvokeOptions(parent=parent))
        except Exception as error:
            if "no matching" not in str(error):
                raise
        else:
            return zone.zone_id
    raise ConfigError(
        key="domain",
        problem=f'is "{domain}", but this account has no public hosted zone for {" or ".join(names)}; allowed: a name '
        "in a zone of Route 53, or certificateArn and publicUrl for names that are managed elsewhere",
        fixes=[Set("hostedZoneId", "Z0123456789ABCDEFGHIJ"), "aws route53 list-hosted-zones lists them"],
    )


def validated_certificate(name: str, domain: str, zone_id: str, opts: pulumi.ResourceOptions) -> pulumi.Output[str]:
    """The ARN of a certificate for `domain`, known once it is validated by a record in the zone."""
    certificate = aws.acm.Certificate(f"{name}-certificate", domain_name=domain, validation_method="DNS", opts=opts)
    validation = certificate.domain_validation_options[0]
    record = aws.route53.Record(
        f"{name}-certificate-proof",
        zone_id=zone_id,
        name=validation.resource_record_name.apply(_require),
        type=validation.resource_record_type.apply(_require),
        records=[validation.resource_record_value.apply(_require)],
        ttl=RECORD_TTL_SECONDS,
        allow_overwrite=True,  # the validation record of a name is the same for each certificate of an account
        opts=opts,
    )
    validated = aws.acm.CertificateValidation(
        f"{name}-certificate-validation",
        certificate_arn=certificate.arn,
        validation_record_fqdns=[record.fqdn],
        opts=opts,
    )
    return validated.certificate_arn


def create_alias(
    name: str,
    domain: str,
    zone_id: str,
    target: aws.lb.LoadBalancer,
    *,
    ipv6: bool,
    opts: pulumi.ResourceOptions,
) -> None:
    """Alias records that point `domain` to the load balancer; with `ipv6` an AAAA record too."""
    for type_ in ("A", "AAAA") if ipv6 else ("A",):
        aws.route53.Record(
            f"{name}-alias-{type_.lower()}",
            zone_id=zone_id,
            name=domain,
            type=type_,
            aliases=[
                aws.route53.RecordAliasArgs(name=target.dns_name, zone_id=target.zone_id, evaluate_target_health=True)
            ],
            opts=opts,
        )


def _require(value: str | None) -> str:
    if value is None:
        raise RuntimeError("ACM returned no validation record for the domain")
    return value
