"""`make logs`: the logs of the tasks of the stack `local`, a readable line each."""

import argparse
import json
import re
import time
from collections.abc import Iterable, Iterator
from datetime import UTC, datetime
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

import deploy
from local import emulated_aws
from local.console import echo
from local.engine.aws import client
from local.errors import LocalError
from local.settings import REGION, LocalSettings

POLL_SECONDS: Final = 1.0
OVERLAP_MS: Final = 5000
_UNITS: Final = {"s": 1, "m": 60, "h": 3600, "d": 86400}
_HIDDEN: Final = frozenset({"time", "level", "logger", "message", "exception", "request_id"})
"""Fields of a JSON line that are shown elsewhere in the line, or not at all."""


def parse_duration(text: str) -> float:
    """Seconds of an age such as `30s`, `10m`, `2h` or `1d`."""
    found = re.fullmatch(r"(\d+)([smhd])", text)
    if not found:
        raise argparse.ArgumentTypeError(f"{text!r} is not an age: a whole number and s, m, h or d, such as 10m")
    return float(found[1]) * _UNITS[found[2]]


def logs(settings: LocalSettings, *, since_seconds: float, follow: bool) -> None:
    """Print the tasks' log lines of the last `since_seconds`; with `follow`, also new ones, of new tasks too, until the
    stack is down or the reader interrupts. Raises `LocalError` when the stack is down.
    """
    outputs = deploy.outputs("local") if emulated_aws.daemon(settings.state_dir).running() else {}
    if not outputs:
        raise LocalError("The local stack is down, so no task writes a log. `make up` brings it up.")
    ecs, cloudwatch = (client(name, endpoint_url=settings.aws_url, region=REGION) for name in ("ecs", "logs"))
    tail = _Tail(int((time.time() - since_seconds) * 1000))
    while True:
        try:
            for event in tail.new(_events(cloudwatch, _log_group(ecs, outputs), tail.start)):
                echo(format_line(event))
        except (BotoCoreError, ClientError, LookupError) as error:
            if follow and emulated_aws.daemon(settings.state_dir).running() is None:
                echo("The local stack is down.")
                return
            raise LocalError(
                f"The logs cannot be read from the emulated AWS: {error}. `make status` tells more."
            ) from error
        if not follow:
            if not tail.seen:
                echo(f"No task wrote a line in the last {since_seconds:.0f} s.")
            return
        time.sleep(POLL_SECONDS)


class _Tail:
    """The events that were not seen yet, also those that arrive up to `OVERLAP_MS` late."""

    def __init__(self, start: int) -> None:
        self.start = start
        self.seen: dict[str, int] = {}

    def new(self, events: Iterable[dict[str, Any]]) -> Iterator[dict[str, Any]]:
        """The new ones of `events`, which come by time; moves `start`, milliseconds since 1970, on."""
        for event in events:
            if event["eventId"] not in self.seen:
                self.seen[event["eventId"]] = event["timestamp"]
                yield event
        if self.seen:
            self.start = max(self.start, max(self.seen.values()) - OVERLAP_MS)
            self.seen = {id_: timestamp for id_, timestamp in self.seen.items() if timestamp >= self.start}


def _log_group(ecs: Any, outputs: dict[str, Any]) -> str:
    """The log group that the service's task definition names."""
    service = ecs.describe_services(cluster=outputs["clusterName"], services=[outputs["serviceName"]])["services"][0]
    described = ecs.describe_task_definition(taskDefinition=service["taskDefinition"])["taskDefinition"]
    return str(described["containerDefinitions"][0]["logConfiguration"]["options"]["awslogs-group"])


def _events(logs_client: Any, group: str, start: int) -> Iterator[dict[str, Any]]:
    """The log group's events from `start` (milliseconds since 1970) on, all streams merged by time."""
    pages = logs_client.get_paginator("filter_log_events").paginate(logGroupName=group, startTime=start)
    yield from sorted((event for page in pages for event in page["events"]), key=lambda event: event["timestamp"])


def format_line(event: dict[str, Any]) -> str:
    """Time of day, task, level and message, then the other fields; a line that is not JSON as it is."""
    at = datetime.fromtimestamp(event["timestamp"] / 1000, UTC).astimezone()
    task = str(event["logStreamName"]).rpartition("/")[2][:8]
    start = f"{at:%H:%M:%S}.{at.microsecond // 1000:03d}  {task}  "
    try:
        fields = json.loads(event["message"])
        level, message = fields["level"], fields["message"]
    except (ValueError, KeyError, TypeError):
        return start + str(event["message"]).rstrip()
    others = [f"{key}={value}" for key, value in fields.items() if key not in _HIDDEN]
    exception = "".join(f"\n    {line}" for line in str(fields.get("exception", "")).splitlines())
    return f"{start}{level:<7}  {' '.join([str(message), *others])}{exception}"
