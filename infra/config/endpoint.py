"""Settings of the load-balanced endpoint."""

import re
from collections.abc import Mapping
from typing import Annotated, Final, Self

from pydantic import AfterValidator, BeforeValidator, Field, model_validator

from infra.aws_limits import (
    HTTP_PORT,
    HTTPS_PORT,
    LISTENER_RULE_PRIORITY,
    LISTENER_RULE_VALUES,
    SLOW_START_SECONDS,
    WAF_RATE,
)
from infra.config.address_ranges import check_number_of_ranges, check_range
from infra.config.base import Check, SettingError, Settings, each, key_of, matches, off_or_within, reject_unused
from infra.errors import Remove, Set
from model_service.url_settings import ROOT_PATH_ALLOWED, is_root_path

_HOST_EXAMPLE: Final = "films.example.com"
_DOMAIN: Final = r"(?=.{1,253}\Z)([a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?\.)+[a-z][a-z0-9-]{0,61}[a-z0-9]"
_CERTIFICATE: Final = r"arn:[a-z-]+:acm:[a-z0-9-]+:\d{12}:certificate/\S+"
_CERTIFICATE_EXAMPLE: Final = "arn:aws:acm:eu-central-1:111122223333:certificate/12345678-1234-1234-1234-123456789012"
_LISTENER: Final = r"arn:[a-z-]+:elasticloadbalancing:[a-z0-9-]+:\d{12}:listener/app/[A-Za-z0-9-]+/[0-9a-z]+/[0-9a-z]+"
_LISTENER_EXAMPLE: Final = (
    "arn:aws:elasticloadbalancing:eu-central-1:111122223333:listener/app/shared/0123456789abcdef/0123456789abcdef"
)
_HOST_PATTERN: Final = re.compile(r"(?=.{1,128}\Z)[A-Za-z0-9.*?-]+\.[A-Za-z]+")
OF_OWN_LOAD_BALANCER: Final = (
    "but with listenerArn the load balancer, its addresses, clients and certificates are managed elsewhere; "
    "allowed without listenerArn"
)
_LOOPBACK_URL: Final = re.compile(r"http://(localhost|127\.\d+\.\d+\.\d+)(:\d+)?(/.*)?")


def _check_host(value: str) -> None:
    """Source: https://docs.aws.amazon.com/elasticloadbalancing/latest/application/rule-condition-types.html
    ("Condition types for listener rules")."""
    if not _HOST_PATTERN.fullmatch(value):
        raise SettingError(
            f'has "{value}"; allowed: host names such as {_HOST_EXAMPLE} or *.example.com, without scheme and port',
            Set("", _HOST_EXAMPLE),
        )


def _check_root_path(value: str) -> None:
    if value and not is_root_path(value):
        proposed = "/" + value.strip("/")
        example = proposed if is_root_path(proposed) else "/recommender"
        raise SettingError(f'is "{value}"; allowed: {ROOT_PATH_ALLOWED}', Set("", example), Remove(""))


def _check_distinct(values: tuple[str, ...]) -> tuple[str, ...]:
    if not values or len(set(values)) < len(values):
        problem = f"is {list(values)}; allowed: one address range or more, none twice"
        raise SettingError(problem, Remove(""), Set("[0]", "0.0.0.0/0"))
    return values


class EndpointSettings(Settings):
    """Load balancer: clients, names, TLS, targets."""

    allowed_cidrs: Annotated[
        tuple[str, ...],
        each(check_range),
        AfterValidator(_check_distinct),
        Field(description="Address ranges (IPv4 or IPv6 CIDR) that may connect to the load balancer"),
    ] = ("0.0.0.0/0",)
    public_url: Annotated[
        str,
        matches(r"https?://[^\s/]+(/\S*)?", "a URL", f"https://{_HOST_EXAMPLE}"),
        BeforeValidator(lambda value: value.rstrip("/") if isinstance(value, str) else value),
        Field(
            description="URL to report in place of the load balancer's own name, such as that of a CNAME; "
            "without a path it is followed by rootPath"
        ),
    ] = ""
    root_path: Annotated[
        str,
        AfterValidator(Check(ROOT_PATH_ALLOWED, "/recommender", _check_root_path)),
        Field(description="Path prefix of all requests, such as /recommender; the load balancer answers others by 404"),
    ] = ""
    domain: Annotated[
        str,
        matches(_DOMAIN, f"a host name such as {_HOST_EXAMPLE}", _HOST_EXAMPLE),
        BeforeValidator(lambda value: value.lower().rstrip(".") if isinstance(value, str) else value),
        Field(description="Host name in a Route 53 zone: gets a certificate, HTTPS and an alias to the load balancer"),
    ] = ""
    hosted_zone_id: Annotated[
        str,
        matches(
            r"Z[A-Z0-9]{1,31}", "the id of a hosted zone, Z and capital letters or digits", "Z0123456789ABCDEFGHIJ"
        ),
        Field(description="With domain: the zone's id; empty: looked up by name"),
    ] = ""
    certificate_arn: Annotated[
        str,
        matches(_CERTIFICATE, "the ARN of a certificate in ACM, in the stack's region", _CERTIFICATE_EXAMPLE),
        Field(description="ACM certificate for HTTPS in place of one created here; without domain requires publicUrl"),
    ] = ""
    access_log_days: Annotated[
        int,
        Field(ge=0, le=3653, description="Retention of the load balancer's access logs in S3, days; 0: no access logs"),
    ] = 0
    waf_rate_limit: Annotated[
        int,
        off_or_within(WAF_RATE),
        Field(
            ge=0,
            le=WAF_RATE[1],
            description="Requests per address in five minutes, behind AWS's managed rules (WAF); 0: no WAF",
        ),
    ] = 0
    listener_arn: Annotated[
        str,
        matches(_LISTENER, "the ARN of a listener of an application load balancer", _LISTENER_EXAMPLE),
        Field(
            description="Listener of an existing load balancer to use in place of one created here; "
            "with hostNames, rootPath or both"
        ),
    ] = ""
    host_names: Annotated[
        tuple[str, ...],
        each(_check_host),
        Field(description="With listenerArn: host names of the requests for this service; * and ? are wildcards"),
    ] = ()
    listener_rule_priority: Annotated[
        int,
        Field(
            ge=0,
            le=LISTENER_RULE_PRIORITY,
            description="With listenerArn: priority of the rule among the listener's; 0: after all that exist",
        ),
    ] = 0
    deregistration_delay_seconds: Annotated[
        int, Field(ge=0, le=3600, description="Time for a deregistered task to finish its requests, seconds")
    ] = 30
    slow_start_seconds: Annotated[
        int,
        off_or_within(SLOW_START_SECONDS),
        Field(
            ge=0,
            le=SLOW_START_SECONDS[1],
            description="Time over which a new task's share of requests grows, seconds: 0 (off) or 30 to 900",
        ),
    ] = 0

    @model_validator(mode="after")
    def _check_names(self) -> Self:
        if self.hosted_zone_id and not self.domain:
            problem = f'is "{self.hosted_zone_id}", but there is no domain to put into the zone'
            fixes = Set("domain", _HOST_EXAMPLE), Remove("hostedZoneId")
            raise SettingError(problem, *fixes, key="hostedZoneId")
        if self.certificate_arn and not self.domain and not self.public_url.startswith("https://"):
            raise SettingError(
                "is set, but not the name that the certificate is for, and no client accepts it for the load "
                "balancer's own; allowed with publicUrl (https) or domain",
                Set("publicUrl", f"https://{_HOST_EXAMPLE}"),
                key="certificateArn",
            )
        return self

    @model_validator(mode="after")
    def _check_listener(self) -> Self:
        reject_unused(
            self,
            ["host_names", "listener_rule_priority"],
            used=bool(self.listener_arn),
            problem="but the load balancer is created here and all requests are for this service; allowed with "
            "listenerArn",
            fix=Set("listenerArn", _LISTENER_EXAMPLE),
        )
        if not self.listener_arn:
            return self
        for field in ("domain", "certificate_arn", "access_log_days", "waf_rate_limit", "allowed_cidrs"):
            value, key = getattr(self, field), key_of(EndpointSettings, field)
            if value != EndpointSettings.model_fields[field].default:
                text = list(value) if isinstance(value, tuple) else value
                raise SettingError(f'is "{text}", {OF_OWN_LOAD_BALANCER}', Remove(key), Remove("listenerArn"), key=key)
        most = LISTENER_RULE_VALUES - (2 if self.root_path else 0)
        if (not self.root_path and not self.host_names) or len(self.host_names) > most:
            raise SettingError(
                f"is {list(self.host_names)}; allowed with listenerArn: 1 to {most} host names, or none with rootPath",
                Set("hostNames[0]", _HOST_EXAMPLE),
                Set("rootPath", "/recommender"),
                key="hostNames",
            )
        return self

    @model_validator(mode="after")
    def _check_number_of_ranges(self) -> Self:
        check_number_of_ranges(self.allowed_cidrs, ports=len(self.ports))
        return self

    @property
    def ports(self) -> Mapping[str, int]:
        """The load balancer's ports by protocol."""
        tls = self.domain or self.certificate_arn
        return {"http": HTTP_PORT, "https": HTTPS_PORT} if tls else {"http": HTTP_PORT}

    @property
    def plain_http(self) -> bool:
        """Whether clients on other machines connect without TLS to a load balancer that is created here."""
        tls = self.domain or self.certificate_arn or self.listener_arn or self.public_url.startswith("https://")
        return not tls and not _LOOPBACK_URL.fullmatch(self.public_url)
