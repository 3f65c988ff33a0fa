"""The part of the configuration that says where the stack stands and how the world gets in."""

from infra.config import checks, checks_networking
from infra.config.settings import EndpointSettings, NatGateways, NetworkMode, NetworkSettings, ServiceSettings
from infra.config.unused import reject_unused
from infra.config.values import ConfigValues, set_command
from infra.errors import ConfigError
from infra.network.vpc_endpoints import endpoint_services


def network_settings(values: ConfigValues, service: ServiceSettings) -> NetworkSettings:
    """Which VPC and subnets, and the ways out of it that this service needs."""
    modes: tuple[NetworkMode, ...] = ("default", "existing", "new")
    strategies: tuple[NatGateways, ...] = ("none", "single", "perZone")
    mode = values.choice("network", modes)
    internal = values.boolean("internal")
    vpc_id, public, private = (
        values.text("vpcId"),
        values.strings("publicSubnetIds"),
        values.strings("privateSubnetIds"),
    )
    if mode == "existing":
        checks_networking.existing_network(vpc_id, public, private, internal=internal)
    elif vpc_id or public or private:
        raise ConfigError(
            key="network",
            problem=f'is "{mode}", but vpcId or subnet ids are set; they go with existing',
            command=set_command("network", "existing"),
        )
    nat_gateways = values.choice("natGateways", strategies)
    reject_unused(
        "natGateways",
        nat_gateways,
        works=mode == "new",
        problem=f'but network is "{mode}", whose ways out are as they are; allowed with network new',
        needs=("network", "new"),
    )
    return NetworkSettings(
        mode=mode,
        vpc_id=vpc_id,
        public_subnet_ids=public,
        private_subnet_ids=private,
        internal=internal,
        ipv6=checks_networking.ipv6("ipv6", values.boolean("ipv6"), mode, values.strings("allowedCidrs")),
        nat_gateways=nat_gateways,
        private_services=_private_services(values, mode, nat_gateways, service),
    )


def _private_services(
    values: ConfigValues, mode: NetworkMode, nat_gateways: NatGateways, service: ServiceSettings
) -> tuple[str, ...]:
    wanted = values.boolean("vpcEndpoints")
    if mode == "new" and nat_gateways == "none" and not wanted:
        raise ConfigError(
            key="natGateways",
            problem='is "none", but tasks without a way out cannot pull their image; allowed with vpcEndpoints',
            command=set_command("vpcEndpoints", "true"),
        )
    if mode != "new" and wanted:
        raise ConfigError(
            key="vpcEndpoints",
            problem=f'is true with network "{mode}"; endpoints are made for a new VPC alone, since in another one '
            "they would change the way of everybody's requests",
            command=set_command("network", "new"),
        )
    if not wanted:
        return ()
    return endpoint_services(
        service.secrets.values(),
        enable_execute_command=service.enable_execute_command,
        instances=service.capacity.launch_type == "EC2",
    )


def endpoint_settings(values: ConfigValues, *, production: bool) -> EndpointSettings:
    """Who may come in, by which name, and what stands at the door."""
    domain = checks_networking.domain("domain", values.text("domain"))
    public_url = checks.url("publicUrl", values.text("publicUrl"))
    slow_start = values.whole_number("slowStartSeconds", low=0, high=900)
    waf_rate_limit = values.whole_number("firewallRate", low=0, high=2_000_000_000)
    return EndpointSettings(
        allowed_cidrs=checks.cidrs("allowedCidrs", values.strings("allowedCidrs")),
        public_url=public_url,
        domain=domain,
        hosted_zone_id=checks_networking.hosted_zone_id("hostedZoneId", values.text("hostedZoneId"), domain),
        certificate_arn=checks_networking.certificate_arn(
            "certificateArn", values.text("certificateArn"), domain, public_url
        ),
        internal=values.boolean("internal"),
        ipv6=values.boolean("ipv6"),
        access_log_days=values.whole_number("accessLogDays", low=0, high=3653),
        waf_rate_limit=checks.off_or_within("firewallRate", waf_rate_limit, checks_networking.WAF_RATE),
        deregistration_delay_seconds=values.whole_number("deregistrationDelaySeconds", low=0, high=3600),
        slow_start_seconds=checks.off_or_within("slowStartSeconds", slow_start, checks.SLOW_START_SECONDS),
        deletion_protection=production,
    )
