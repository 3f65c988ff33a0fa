"""`python -m deploy.local_stack COMMAND`: the make targets up, down, status, example and example-down."""

import argparse
import sys

import deploy
from deploy.local_stack.down import down
from deploy.local_stack.example import example, example_down
from deploy.local_stack.status import orphaned_engine_hint, status
from deploy.local_stack.up import up
from local.errors import LocalError
from local.settings import STATE_DIR, load_settings

COMMANDS = {"up": up, "down": down, "status": status, "example": example, "example-down": example_down}
INTERRUPTED = {
    "up": "`make up` goes on where it was; `make down` removes it all.",
    "example": "`make example` goes on where it was; `make down` removes it all.",
    "example-down": "`make example-down` goes on where it was.",
    "down": "`make down` goes on where it was.",
    "status": "Nothing was changed.",
}


def main() -> int:
    """Run a command; 1 with a message when something is in the way, 130 when interrupted."""
    parser = argparse.ArgumentParser(prog="python -m deploy.local_stack", description=__doc__)
    parser.add_argument("command", choices=COMMANDS)
    command = parser.parse_args().command
    try:
        COMMANDS[command](load_settings())
    except (LocalError, deploy.DeployError) as error:
        print(f"\nerror: {error}", file=sys.stderr)
        if command == "up" and (hint := orphaned_engine_hint(STATE_DIR)):
            print(hint, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"\nInterrupted. {INTERRUPTED[command]}", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
