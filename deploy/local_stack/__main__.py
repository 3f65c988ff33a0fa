"""`python -m deploy.local_stack up|down|status`: what `make up`, `make down` and `make status` run."""

from __future__ import annotations

import argparse
import sys

import deploy
from deploy.local_stack.down import down
from deploy.local_stack.status import engine_alone, status
from deploy.local_stack.up import up
from local.errors import LocalError
from local.settings import STATE_DIR, load_settings

COMMANDS = {"up": up, "down": down, "status": status}
INTERRUPTED = {
    "up": "`make up` goes on where it was; `make down` removes it all.",
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
        if command == "up" and (hint := engine_alone(STATE_DIR)):
            print(hint, file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print(f"\nInterrupted. {INTERRUPTED[command]}", file=sys.stderr)
        return 130
    return 0


if __name__ == "__main__":
    sys.exit(main())
