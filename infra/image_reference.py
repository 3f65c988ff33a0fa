"""Image references: registry host, repository, tag and digest. Imports no Pulumi."""

import re
from dataclasses import dataclass
from typing import Final

DOCKER_HUB: Final = "docker.io"

_ECR_HOST: Final = re.compile(r"(?P<account>\d{12})\.dkr\.ecr\.(?P<region>[a-z0-9-]+)\.amazonaws\.com(?:\.cn)?")
_ECR_ARN: Final = re.compile(
    r"arn:[a-z-]+:ecr:(?P<region>[a-z0-9-]+):(?P<account>\d{12}):repository/(?P<name>[a-z0-9][a-z0-9._/-]*)"
)
_REFERENCE: Final = re.compile(
    r"(?P<name>[A-Za-z0-9][A-Za-z0-9._:/-]*?)(?::(?P<tag>\w[\w.-]{0,127}))?(?:@(?P<digest>sha256:[0-9a-f]{64}))?"
)
_OUR_TAG: Final = re.compile(r"(?P<model>[0-9a-f]{12})-[0-9a-f]{12}")


@dataclass(frozen=True, kw_only=True)
class EcrRepository:
    """A private ECR repository: account id, region and name."""

    account: str
    region: str
    name: str


@dataclass(frozen=True, kw_only=True)
class ImageReference:
    """An image by tag, by digest or by both; absent parts are empty."""

    host: str
    repository: str
    tag: str
    digest: str

    @property
    def name(self) -> str:
        """Host and repository."""
        return f"{self.host}/{self.repository}"

    @property
    def model_version(self) -> str:
        """The model's version if the tag is one of this project, else empty."""
        match = _OUR_TAG.fullmatch(self.tag)
        return match["model"] if match else ""

    @property
    def ecr(self) -> EcrRepository | None:
        """The private ECR repository of the image, or None."""
        match = _ECR_HOST.fullmatch(self.host)
        if match is None:
            return None
        return EcrRepository(account=match["account"], region=match["region"], name=self.repository)


def parse_image_uri(uri: str) -> ImageReference:
    """Parse `[host[:port]/]repository[:tag][@sha256:digest]`; raises ValueError without tag and digest."""
    match = _REFERENCE.fullmatch(uri)
    if match is None or match["name"].endswith(("/", ":")):
        raise ValueError("allowed: [host/]repository:tag or [host/]repository@sha256:<64 hex digits>")
    if not match["tag"] and not match["digest"]:
        raise ValueError("it has neither a tag nor a digest")
    host, slash, repository = match["name"].partition("/")
    if not slash or not ("." in host or ":" in host or host == "localhost"):
        host, repository = DOCKER_HUB, match["name"] if slash else f"library/{match['name']}"
    return ImageReference(host=host, repository=repository, tag=match["tag"] or "", digest=match["digest"] or "")


def parse_repository_arn(arn: str) -> EcrRepository:
    """Parse the ARN of a private ECR repository; raises ValueError for another text."""
    match = _ECR_ARN.fullmatch(arn)
    if match is None:
        raise ValueError("allowed: the ARN of an ECR repository")
    return EcrRepository(account=match["account"], region=match["region"], name=match["name"])


def image_tag(model_version: str, content_hash: str) -> str:
    """The tag of an image built here: 12 hex digits of the content hash, after those of the model's version if any."""
    return "-".join(part[:12] for part in (model_version, content_hash) if part)
