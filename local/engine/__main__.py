"""`python -m local.engine up|preview|destroy`: one run of the engine, its events as JSON lines on standard output."""

from __future__ import annotations

import argparse
import json
import logging
import os
import signal
import sys
from pathlib import Path
from types import FrameType

from pulumi import RunError

from local.emulated_aws import answers
from local.engine.aws import Aws
from local.engine.events import Events
from local.engine.handlers.image import stop_builds
from local.engine.monitor import Engine, ResourceFailedError, delete_records
from local.engine.program import run, stack_config
from local.engine.state import Record, State
from local.settings import PROJECT_DIR, REGION


def main() -> int:
    """Run one command; 0 when the stack is as asked, 1 with an error event when it is not."""
    arguments = _parse()
    signal.signal(signal.SIGINT, _interrupted)
    stdout, sys.stdout = sys.stdout, sys.stderr  # the program's own prints must not mix with the events
    logging.disable(logging.CRITICAL)  # the SDK logs a traceback for what is told as an event here
    events = Events(stdout)
    state = State.load(arguments.state)
    aws = Aws(
        endpoint_url=arguments.endpoint_url,
        region=REGION,
        registry_host=arguments.registry_host,
        docker_cli=arguments.docker_cli,
        log=events.log,
    )
    os.environ.setdefault("AWS_EC2_METADATA_DISABLED", "true")
    if not answers(arguments.endpoint_url):
        events.error(f"The emulated AWS does not answer on {arguments.endpoint_url}. `make up` starts it.")
        return 1
    try:
        if arguments.command == "destroy":
            delete_records([*state.records.values()], aws=aws, state=state, events=events)
            state.outputs = {}
            state.save()
        else:
            _bring(arguments, aws, state, events, dry_run=arguments.command == "preview")
    except ResourceFailedError:
        return 1
    return 0


def _bring(arguments: argparse.Namespace, aws: Aws, state: State, events: Events, *, dry_run: bool) -> None:
    project, config = stack_config(PROJECT_DIR, arguments.stack, json.loads(arguments.config))
    engine = Engine(aws=aws, state=state, events=events, dry_run=dry_run)
    try:
        outputs = run(
            PROJECT_DIR, stack=arguments.stack, config=config, project=project, engine=engine, dry_run=dry_run
        )
    except Exception as error:
        if not engine.failed:
            events.error(_message(error))
        raise ResourceFailedError(str(error)) from error
    gone = [record for urn, record in state.records.items() if urn not in engine.registered]
    if dry_run:
        for record in gone:
            events.resource("delete", type_=record.type, name=record.name, seconds=0.0)
    else:
        state.outputs = outputs
        leftovers: list[Record] = [*gone, *state.pending_deletes]
        delete_records(leftovers, aws=aws, state=state, events=events)
        state.save()
    events.outputs(outputs)


def _interrupted(number: int, frame: FrameType | None) -> None:
    """Leave at once: every resource is recorded when it is made, and handlers that wait are threads of their own."""
    stop_builds()
    os._exit(128 + number)


def _message(error: Exception) -> str:
    """A program's own refusal as it is, anything else with its type: that would be a defect."""
    expected = isinstance(error, RunError | ValueError) or type(error).__module__.startswith(("infra", "model_service"))
    return str(error) if expected else f"{type(error).__name__}: {error}"


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m local.engine", description=__doc__)
    parser.add_argument("command", choices=("up", "preview", "destroy"))
    parser.add_argument("--stack", default="local")
    parser.add_argument("--config", default="{}", help="configuration to lay over the stack's, as JSON")
    parser.add_argument("--state", type=Path, required=True, help="the stack's state file")
    parser.add_argument("--endpoint-url", required=True, help="URL of the emulated AWS APIs")
    parser.add_argument("--registry-host", required=True, help="host:port of the emulated registry")
    parser.add_argument("--docker-cli", type=Path, default=Path("docker"), help="docker client with BuildKit")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
