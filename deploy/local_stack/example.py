"""`make example` and `make example-down`: the program in `examples/any_container` on the emulated AWS."""

import json
import shutil

import deploy
from deploy.local_stack.up import fetch, prepare
from local import emulated_aws
from local.console import echo, step
from local.engine.aws import client
from local.settings import PROJECT_DIR, REGION, STATE_FOLDER, LocalSettings

EXAMPLE_DIR = PROJECT_DIR / "examples" / "any_container"


def example(settings: LocalSettings) -> None:
    """Deploy the example, beside whatever else is deployed, and print its answer through its load balancer."""
    prepare(settings)
    echo(f"• Deploying the example ({deploy.engine_name('local')})")
    with step("Deployment") as now:
        result = deploy.up("local", project_dir=EXAMPLE_DIR)
        now.set_outcome(result.summary())
    url = _url(settings, result.outputs["url"])
    with step("First answer") as now:
        answer = fetch(url, "/?name=reader")
        now.set_outcome(json.dumps(answer))
    echo(f"\nEndpoint: {url}\nTry:      curl '{url}/?name=you'\n`make example-down` removes it.")


def example_down(settings: LocalSettings) -> None:
    """Destroy the example; the emulated AWS and everything else on it stay."""
    if not is_deployed() or not emulated_aws.daemon(settings.state_dir).running():
        echo("The example is not deployed.")
        return
    with step("Destroying the example") as now:
        now.set_outcome(deploy.destroy("local", project_dir=EXAMPLE_DIR).summary())
    remove_state()


def is_deployed() -> bool:
    """Whether the example has a state: it is deployed, or a deployment of it failed."""
    return (EXAMPLE_DIR / STATE_FOLDER).exists()


def remove_state() -> None:
    """Remove the example's state and build context."""
    for folder in (STATE_FOLDER, ".build"):
        shutil.rmtree(EXAMPLE_DIR / folder, ignore_errors=True)


def _url(settings: LocalSettings, endpoint: str) -> str:
    """The URL of a load balancer on the emulated AWS, which serves each under its name."""
    found = client("elbv2", endpoint_url=settings.aws_url, region=REGION).describe_load_balancers()["LoadBalancers"]
    (name,) = [one["LoadBalancerName"] for one in found if one["DNSName"] == endpoint.removeprefix("http://")]
    return f"{settings.aws_url}/_alb/{name}"
