"""`python -m local.emulator`: the emulated AWS on one port, the recommender's load balancer on another, on loopback."""

import argparse
import asyncio
import contextlib
import signal

from hypercorn.asyncio import serve
from hypercorn.config import Config
from ministack.app import app as aws
from ministack.core.responses import request_scope
from ministack.services import alb, ecs

from local.docker_engine import shares_host_network
from local.emulator.detached_engine import DetachedEngine
from local.emulator.request_guard import App, Receive, Scope, Send, guarded, send_json
from local.emulator.service_settings import ServiceSettings
from local.emulator.target_health import TargetHealth
from local.emulator.task_limits import TaskLimits
from local.settings import ACCOUNT_ID, HOST, PROJECT, REGION

BALANCERS = "/_alb/"


def with_load_balancer(aws_port: int, endpoint_port: int) -> App:
    """An ASGI app: requests on `endpoint_port` go to the recommender's load balancer, all others to the AWS APIs.

    MiniStack serves every load balancer under `/_alb/<name>/`. The recommender's is the one with the tag of its
    project: others may be deployed beside it. What is sent to a load balancer is forwarded with the `Host` and
    `Origin` that it has; the AWS APIs are guarded.
    """

    async def app(scope: Scope, receive: Receive, send: Send) -> None:
        server = scope.get("server")
        if scope["type"] != "http" or not server or server[1] != endpoint_port:
            await (aws if _is_for_load_balancer(scope) else guarded(aws, aws_port))(scope, receive, send)
            return
        with request_scope(ACCOUNT_ID, REGION):
            name = _recommender_load_balancer()
        if name is None:
            await send_json(send, 503, "nothing is deployed: no load balancer")
            return
        prefix = f"{BALANCERS}{name}"
        raw = prefix.encode() + scope.get("raw_path", scope["path"].encode())
        await aws({**scope, "path": prefix + scope["path"], "raw_path": raw}, receive, send)

    return app


def _recommender_load_balancer() -> str | None:
    """The name of the load balancer that is tagged with the project `recommender`."""
    for arn, load_balancer in list(alb._lbs.items()):
        if {"Key": "project", "Value": PROJECT} in alb._tags.get(arn, []):
            return str(load_balancer["LoadBalancerName"])
    return None


def _is_for_load_balancer(scope: Scope) -> bool:
    """Whether a request to the AWS port is for a load balancer that exists, under MiniStack's path of it."""
    if scope["type"] != "http" or not scope["path"].startswith(BALANCERS):
        return False
    with request_scope(ACCOUNT_ID, REGION):
        return alb._find_lb_by_name(scope["path"].removeprefix(BALANCERS).partition("/")[0]) is not None


async def run(*, aws_port: int, endpoint_port: int) -> None:
    """Serve until SIGTERM or SIGINT."""
    TaskLimits().install()
    engine = ecs._get_docker()
    if engine is not None and not shares_host_network(engine):
        DetachedEngine().install()
    TargetHealth(account_id=ACCOUNT_ID, region=REGION).install()
    ServiceSettings().install()
    config = Config()
    config.bind = [f"{HOST}:{aws_port}", f"{HOST}:{endpoint_port}"]
    config.keep_alive_timeout = 120  # above the 90 s after which the AWS SDK for Go closes idle connections
    config.loglevel = "WARNING"
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    await serve(with_load_balancer(aws_port, endpoint_port), config, shutdown_trigger=stop.wait)  # type: ignore[arg-type]


def main() -> None:
    """Parse the ports and serve."""
    parser = argparse.ArgumentParser(prog="python -m local.emulator", description=__doc__)
    parser.add_argument("--aws-port", type=int, required=True)
    parser.add_argument("--endpoint-port", type=int, required=True)
    arguments = parser.parse_args()
    with contextlib.suppress(KeyboardInterrupt):
        asyncio.run(run(aws_port=arguments.aws_port, endpoint_port=arguments.endpoint_port))


if __name__ == "__main__":
    main()
