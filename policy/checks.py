"""What the rules look for, as functions of one resource's inputs: a sentence for everything that is wrong.

Imports no Pulumi. A value that a preview does not know yet raises in the function that looks at it, and the pack
then says that it could not tell.
"""

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final

from documents import too_generous

Inputs = Mapping[str, Any]
Check = Callable[[Inputs], Iterator[str]]

OPEN: Final = ("0.0.0.0/0", "::/0")
WEB_PORTS: Final = (80, 443)
OWNER_TAGS: Final = ("project", "stack", "managed-by")


def open_port(inputs: Inputs) -> Iterator[str]:
    """The world may come in where a load balancer listens, and nowhere else."""
    source = inputs.get("cidrIpv4") or inputs.get("cidrIpv6")
    first, last = inputs.get("fromPort"), inputs.get("toPort")
    at_the_door = inputs.get("ipProtocol") == "tcp" and first in WEB_PORTS and first == last
    if source in OPEN and not at_the_door:
        which = "every port" if first is None or last is None else f"ports {first:g} to {last:g}"
        yield f"lets {source} in on {which}; the world may come in on 80 and 443 alone"


def rules_in_group(inputs: Inputs) -> Iterator[str]:
    """A rule inside a group cannot be told from one that somebody added by hand."""
    for key in ("ingress", "egress"):
        if inputs.get(key):
            yield f"has {key} rules of its own; give each a resource, so that it can be checked"


def described_group(inputs: Inputs) -> Iterator[str]:
    """Without a VPC a group lands in the default one."""
    if not inputs.get("vpcId"):
        yield "names no VPC, and would be made in the default one"


def encrypted_registry(inputs: Inputs) -> Iterator[str]:
    """Encryption is chosen when a repository is made, and never again."""
    if not inputs.get("encryptionConfigurations"):
        yield "chooses no encryption, which cannot be changed later; set AES256 or KMS"


def careful_registry(inputs: Inputs) -> Iterator[str]:
    """A tag that may move, or an image that nobody looked into."""
    if inputs.get("imageTagMutability") not in ("IMMUTABLE", "IMMUTABLE_WITH_EXCLUSION"):
        yield "lets a tag be moved to another image; set imageTagMutability to IMMUTABLE"
    if not (inputs.get("imageScanningConfiguration") or {}).get("scanOnPush"):
        yield "does not scan what is pushed; set scanOnPush"


def encrypted_disks(inputs: Inputs) -> Iterator[str]:
    """A machine's disks outlive its tasks."""
    for mapping in inputs.get("blockDeviceMappings") or []:
        if str((mapping.get("ebs") or {}).get("encrypted")).lower() != "true":
            yield f"leaves the disk {mapping.get('deviceName')} readable; set encrypted"


def modern_tls(inputs: Inputs) -> Iterator[str]:
    """A listener with a certificate takes no protocol that is broken."""
    if inputs.get("protocol") == "HTTPS" and "TLS13" not in str(inputs.get("sslPolicy")):
        yield f"has the TLS policy {inputs.get('sslPolicy')}; allowed: one of ELBSecurityPolicy-TLS13-*"


def plain_http(inputs: Inputs) -> Iterator[str]:
    """Requests that anyone on the way can read."""
    actions = {action.get("type") for action in inputs.get("defaultActions") or []}
    if inputs.get("protocol") == "HTTP" and actions != {"redirect"}:
        yield "answers over plain HTTP; set domain or certificateArn"


def strict_headers(inputs: Inputs) -> Iterator[str]:
    """Header names that the balancer and the service could read differently."""
    if not inputs.get("dropInvalidHeaderFields"):
        yield "passes invalid headers on; set dropInvalidHeaderFields"


def forgetful_log(inputs: Inputs) -> Iterator[str]:
    """Logs hold what people asked for, and cost money for ever."""
    if not inputs.get("retentionInDays"):
        yield "keeps its logs for ever; set retentionInDays"


def shut_bucket(inputs: Inputs) -> Iterator[str]:
    """A bucket that no policy and no list can open."""
    wanted = ("blockPublicAcls", "blockPublicPolicy", "ignorePublicAcls", "restrictPublicBuckets")
    missing = [key for key in wanted if not inputs.get(key)]
    if missing:
        yield f"leaves the bucket open to {', '.join(missing)}; set all four"


def careful_containers(inputs: Inputs) -> Iterator[str]:
    """By digest, as nobody in particular, with a log."""
    for container in json.loads(inputs["containerDefinitions"]):
        name = container.get("name")
        if "@sha256:" not in str(container.get("image")):
            yield f"runs {container.get('image')} in {name}; name the image by its digest, @sha256:..."
        if str(container.get("user") or "root").split(":")[0] in ("root", "0"):
            yield f"runs {name} as root; set user"
        if container.get("privileged"):
            yield f"gives {name} the machine; unset privileged"
        if not container.get("logConfiguration"):
            yield f"keeps no log of {name}; set logConfiguration"


def read_only_containers(inputs: Inputs) -> Iterator[str]:
    """What cannot be written to cannot be changed from outside; ECS Exec needs it writable."""
    for container in json.loads(inputs["containerDefinitions"]):
        if not container.get("readonlyRootFilesystem"):
            yield f"lets {container.get('name')} write to its image; set readonlyRootFilesystem (not with ECS Exec)"


def safe_deployment(inputs: Inputs) -> Iterator[str]:
    """A version that does not get healthy goes away by itself, and the deployment waits to see it."""
    breaker = inputs.get("deploymentCircuitBreaker") or {}
    if not (breaker.get("enable") and breaker.get("rollback")):
        yield "keeps a version that never gets healthy; set deploymentCircuitBreaker to enable and rollback"
    if not inputs.get("waitForSteadyState"):
        yield "calls a deployment done before its tasks run; set waitForSteadyState"


def tasks_with_tags(inputs: Inputs) -> Iterator[str]:
    """Tasks are what costs the money."""
    if inputs.get("propagateTags") not in ("SERVICE", "TASK_DEFINITION"):
        yield "hands its tags to no task; set propagateTags to SERVICE"


def tagged(inputs: Inputs) -> Iterator[str]:
    """Whose it is, so that its cost and its remains can be found."""
    missing = [tag for tag in OWNER_TAGS if not (inputs.get("tags") or {}).get(tag)]
    if missing:
        yield f"has no tag {', '.join(missing)}"


def named_grants(inputs: Inputs) -> Iterator[str]:
    """A policy names what it allows."""
    yield from too_generous(inputs["policy"])


def named_trust(inputs: Inputs) -> Iterator[str]:
    """A role says who may take it."""
    yield from too_generous(inputs["assumeRolePolicy"])


def no_broad_attachment(inputs: Inputs) -> Iterator[str]:
    """Policies that AWS keeps, and that allow whole services."""
    arn = str(inputs.get("policyArn"))
    if arn.endswith(("FullAccess", "/AdministratorAccess", "/PowerUserAccess")):
        yield f"attaches {arn.rpartition('/')[2]}; write a policy that names actions and resources"
