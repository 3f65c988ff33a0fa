"""`python -m deploy.local_stack COMMAND`: the make targets up, down, status, logs, example and example-down."""

import argparse
import os
import sys
from collections.abc import Callable, Sequence
from contextlib import nullcontext

import deploy
from deploy.local_stack.down import down
from deploy.local_stack.example import example, example_down
from deploy.local_stack.logs import logs, parse_duration
from deploy.local_stack.status import orphaned_engine_hint, status
from deploy.local_stack.up import up
from local.console import RED, paint
from local.errors import LocalError
from local.lock import exclusive
from local.settings import STATE_DIR, LocalSettings, load_settings

COMMANDS: dict[str, Callable[[LocalSettings], None]] = {
    "up": up,
    "down": down,
    "example": example,
    "example-down": example_down,
}
"""Commands that change the stack: one at a time."""
INTERRUPTED = {
    "up": "`make up` goes on where it was; `make down` removes it all.",
    "example": "`make example` goes on where it was; `make down` removes it all.",
    "example-down": "`make example-down` goes on where it was.",
    "down": "`make down` goes on where it was.",
    "status": "Nothing was changed.",
}


def main(arguments: Sequence[str] | None = None) -> int:
    """Run a command; 1 with a message when something is in the way, 130 when interrupted (0: `logs`, which ends so)."""
    options = _parse(arguments)
    command: str = options.command
    try:
        with exclusive(STATE_DIR, f"`make {command}`") if command in COMMANDS else nullcontext():
            settings = load_settings()  # under the lock: the command that held it may have started or ended the stack
            if command in COMMANDS:
                COMMANDS[command](settings)
            elif command == "status":
                status(settings)
            else:
                logs(settings, since_seconds=options.since, follow=options.follow)
    except (LocalError, deploy.DeployError) as error:
        print(f"\n{paint('error:', RED, stream=sys.stderr)} {error}", file=sys.stderr)
        if command == "up" and (hint := orphaned_engine_hint(STATE_DIR)):
            print(hint, file=sys.stderr)
        return 1
    except BrokenPipeError:  # the reader has left, as in `make status | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except KeyboardInterrupt:
        if command == "logs":
            return 0
        print(f"\nInterrupted. {INTERRUPTED[command]}", file=sys.stderr)
        return 130
    return 0


def _parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m deploy.local_stack", description=__doc__)
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    for name in (*COMMANDS, "status"):
        commands.add_parser(name)
    tail = commands.add_parser("logs", help="the tasks' logs, the newest last")
    tail.add_argument(
        "--since", type=parse_duration, default="10m", metavar="AGE", help="such as 30s, 10m (default), 2h or 1d"
    )
    tail.add_argument("--no-follow", dest="follow", action="store_false", help="end after what is there")
    return parser.parse_args(arguments)


if __name__ == "__main__":
    sys.exit(main())
