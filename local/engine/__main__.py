"""`python -m local.engine up|preview|destroy`: one run of the engine, its events as JSON lines on standard output."""

import argparse
import json
import logging
import os
import signal
import sys
from pathlib import Path
from types import FrameType
from typing import Any

from pulumi import RunError

from local.emulated_aws import is_reachable
from local.engine.aws import Aws
from local.engine.events import Events
from local.engine.handlers.image import stop_builds
from local.engine.monitor import Engine, Monitor, ResourceFailedError, delete_records
from local.engine.state import Record, State
from local.settings import PROJECT_DIR, REGION
from mock_runtime.recorder import Recording
from mock_runtime.run import evaluate, main_of
from mock_runtime.stack_config import load_stack_config
from mock_runtime.values import to_plain


def main() -> int:
    """Run one command; returns 0 on success, 1 after an error event."""
    arguments = _parse()
    signal.signal(signal.SIGINT, _exit_on_interrupt)
    stdout, sys.stdout = sys.stdout, sys.stderr  # the program's own prints must not mix with the events
    logging.disable(logging.CRITICAL)  # the SDK logs a traceback for what is an event here
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
    if not is_reachable(arguments.endpoint_url):
        events.error(f"The emulated AWS does not answer on {arguments.endpoint_url}. `make up` starts it.")
        return 1
    try:
        if arguments.command == "destroy":
            delete_records([*state.records.values()], aws=aws, state=state, events=events)
            state.outputs = {}
            state.save()
        else:
            _reconcile(arguments, aws, state, events, dry_run=arguments.command == "preview")
    except ResourceFailedError:
        return 1
    return 0


def _reconcile(arguments: argparse.Namespace, aws: Aws, state: State, events: Events, *, dry_run: bool) -> None:
    project_dir: Path = arguments.project_dir
    config = load_stack_config(project_dir, arguments.stack, json.loads(arguments.config))
    os.chdir(project_dir)
    sys.path.insert(0, str(project_dir))
    engine = Engine(aws=aws, state=state, events=events, dry_run=dry_run)
    try:
        outputs: dict[str, Any] = to_plain(
            evaluate(
                main_of(project_dir),
                monitor=Monitor(engine, Recording()),
                project=config.project,
                stack=arguments.stack,
                config=config.values,
                preview=dry_run,
            )
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
        unused: list[Record] = [*gone, *state.superseded]
        delete_records(unused, aws=aws, state=state, events=events)
        state.save()
    events.outputs(outputs)


def _exit_on_interrupt(number: int, frame: FrameType | None) -> None:
    """Exit at once: every resource is recorded when it is created, and waiting handlers are threads."""
    stop_builds()
    os._exit(128 + number)


def _message(error: Exception) -> str:
    """A program's own message as it is; anything else, which is a defect, with its type."""
    expected = isinstance(error, RunError | ValueError) or type(error).__module__.startswith(("infra", "model_service"))
    return str(error) if expected else f"{type(error).__name__}: {error}"


def _parse() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m local.engine", description=__doc__)
    parser.add_argument("command", choices=("up", "preview", "destroy"))
    parser.add_argument("--project-dir", type=Path, default=PROJECT_DIR, help="folder of the Pulumi program")
    parser.add_argument("--stack", default="local")
    parser.add_argument("--config", default="{}", help="configuration over the stack's own, as JSON")
    parser.add_argument("--state", type=Path, required=True, help="the stack's state file")
    parser.add_argument("--endpoint-url", required=True, help="URL of the emulated AWS APIs")
    parser.add_argument("--registry-host", required=True, help="host:port of the emulated registry")
    parser.add_argument("--docker-cli", type=Path, default=Path("docker"), help="docker client with BuildKit")
    return parser.parse_args()


if __name__ == "__main__":
    sys.exit(main())
