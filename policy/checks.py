"""The checks of the rules: functions of one resource's inputs that yield a message per violation.

Imports no Pulumi. A value that a preview does not know yet raises when it is read; the pack then reports that the
policy was not evaluated.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from documents import overly_permissive
from links import sources

Inputs = Mapping[str, Any]
Check = Callable[[Inputs], Iterator[str]]

OPEN: Final = ("0.0.0.0/0", "::/0")
WEB_PORTS: Final = (80, 443)
OWNER_TAGS: Final = ("project", "stack", "managed-by")


def open_ingress(inputs: Inputs) -> Iterator[str]:
    """Any address may reach TCP ports 80 and 443, and no others; of a rule of either kind."""
    if inputs.get("type") == "egress":
        return
    first, last = inputs.get("fromPort"), inputs.get("toPort")
    web_port = (inputs.get("ipProtocol") or inputs.get("protocol")) == "tcp" and first in WEB_PORTS and first == last
    for source in sources(inputs):
        if source in OPEN and not web_port:
            which = "every port" if first is None or last is None else f"ports {first:g} to {last:g}"
            yield f"lets {source} in on {which}; allowed: ports 80 and 443 alone"


def inline_rules(inputs: Inputs) -> Iterator[str]:
    """Rules are resources of their own: inline ones are not checked, and conflict with those added by hand."""
    for key in ("ingress", "egress"):
        if inputs.get(key):
            yield f"has inline {key} rules; declare each as a resource, which is then checked"


def group_in_vpc(inputs: Inputs) -> Iterator[str]:
    """A group names its VPC; without one it is created in the default VPC."""
    if not inputs.get("vpcId"):
        yield "names no VPC and would be created in the default one; set vpcId"


def registry_encryption(inputs: Inputs) -> Iterator[str]:
    """A repository configures encryption, which is fixed at creation."""
    if not inputs.get("encryptionConfigurations"):
        yield "configures no encryption, which is fixed at creation; set AES256 or KMS"


def immutable_scanned_registry(inputs: Inputs) -> Iterator[str]:
    """A repository has immutable tags and scans images on push."""
    if inputs.get("imageTagMutability") not in ("IMMUTABLE", "IMMUTABLE_WITH_EXCLUSION"):
        yield "has mutable tags; set imageTagMutability to IMMUTABLE"
    if not (inputs.get("imageScanningConfiguration") or {}).get("scanOnPush"):
        yield "does not scan images on push; set scanOnPush"


def disk_encryption(inputs: Inputs) -> Iterator[str]:
    """The disks of a launch template are encrypted."""
    for mapping in inputs.get("blockDeviceMappings") or []:
        if str((mapping.get("ebs") or {}).get("encrypted")).lower() != "true":
            yield f"does not encrypt the disk {mapping.get('deviceName')}; set encrypted"


def tls_policy(inputs: Inputs) -> Iterator[str]:
    """An HTTPS listener has a TLS 1.3 policy."""
    if inputs.get("protocol") == "HTTPS" and "TLS13" not in str(inputs.get("sslPolicy")):
        yield f"has the TLS policy {inputs.get('sslPolicy')}; allowed: one of ELBSecurityPolicy-TLS13-*"


def plain_http(inputs: Inputs) -> Iterator[str]:
    """An HTTP listener only redirects."""
    actions = {action.get("type") for action in inputs.get("defaultActions") or []}
    if inputs.get("protocol") == "HTTP" and actions != {"redirect"}:
        yield "answers over plain HTTP; set domain or certificateArn"


def invalid_headers(inputs: Inputs) -> Iterator[str]:
    """A load balancer drops invalid headers."""
    if not inputs.get("dropInvalidHeaderFields"):
        yield "forwards invalid headers; set dropInvalidHeaderFields"


def log_retention(inputs: Inputs) -> Iterator[str]:
    """A log group has a retention time."""
    if not inputs.get("retentionInDays"):
        yield "never expires its logs; set retentionInDays"


def public_access_block(inputs: Inputs) -> Iterator[str]:
    """A bucket's public access block has all four settings."""
    settings = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
    missing = [key for key in settings if not inputs.get(key)]
    if missing:
        yield f"leaves the bucket open to {', '.join(missing)}; set all four"


def container_hardening(inputs: Inputs) -> Iterator[str]:
    """Containers run by digest, as a user other than root, unprivileged, with a log."""
    for container in json.loads(inputs["containerDefinitions"]):
        name = container.get("name")
        if "@sha256:" not in str(container.get("image")):
            yield f"runs {container.get('image')} in {name}; name the image by its digest, @sha256:..."
        if str(container.get("user") or "root").split(":")[0] in ("root", "0"):
            yield f"runs {name} as root; set user"
        if container.get("privileged"):
            yield f"runs {name} privileged; unset privileged"
        if not container.get("logConfiguration"):
            yield f"has no log of {name}; set logConfiguration"


def read_only_root(inputs: Inputs) -> Iterator[str]:
    """The root file system of a container is read-only; ECS Exec needs it writable."""
    for container in json.loads(inputs["containerDefinitions"]):
        if not container.get("readonlyRootFilesystem"):
            yield f"lets {container.get('name')} write to its root; set readonlyRootFilesystem (not with ECS Exec)"


def deployment_rollback(inputs: Inputs) -> Iterator[str]:
    """A failed deployment is rolled back, and Pulumi waits for the result."""
    breaker = inputs.get("deploymentCircuitBreaker") or {}
    if not (breaker.get("enable") and breaker.get("rollback")):
        yield "does not roll back a failed version; set deploymentCircuitBreaker to enable and rollback"
    if not inputs.get("waitForSteadyState"):
        yield "does not wait for its tasks; set waitForSteadyState"


def propagated_tags(inputs: Inputs) -> Iterator[str]:
    """A service propagates its tags to its tasks, which are what is billed."""
    if inputs.get("propagateTags") not in ("SERVICE", "TASK_DEFINITION"):
        yield "does not propagate its tags to tasks; set propagateTags to SERVICE"


def owner_tags(inputs: Inputs) -> Iterator[str]:
    """A resource has the tags by which its cost and owner are found."""
    missing = [tag for tag in OWNER_TAGS if not (inputs.get("tags") or {}).get(tag)]
    if missing:
        yield f"has no tag {', '.join(missing)}"


def policy_statements(inputs: Inputs) -> Iterator[str]:
    """A policy names actions and resources."""
    yield from overly_permissive(inputs["policy"])


def trust_statements(inputs: Inputs) -> Iterator[str]:
    """A role names who may assume it."""
    yield from overly_permissive(inputs["assumeRolePolicy"])


def broad_attachment(inputs: Inputs) -> Iterator[str]:
    """No AWS managed policy that allows whole services is attached."""
    arn = str(inputs.get("policyArn"))
    if arn.endswith(("FullAccess", "/AdministratorAccess", "/PowerUserAccess")):
        yield f"attaches {arn.rpartition('/')[2]}; write a policy that names actions and resources"
