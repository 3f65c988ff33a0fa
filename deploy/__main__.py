"""`python -m deploy leftovers STACK`: what a destroyed stack left behind; status 1 when some of it costs money."""

from __future__ import annotations

import argparse
import sys

from deploy.errors import DeployError
from deploy.leftovers import leftovers, report


def main(arguments: list[str] | None = None) -> int:
    """Run one command; 0 when nothing that costs money is left, 1 when something is, 2 when AWS could not be asked."""
    parser = argparse.ArgumentParser(prog="python -m deploy", description=__doc__)
    parser.add_argument("command", choices=("leftovers",))
    parser.add_argument("stack", help="such as dev")
    asked = parser.parse_args(arguments)
    try:
        left = leftovers(asked.stack)
    except DeployError as error:
        print(error, file=sys.stderr)
        return 2
    print(report(asked.stack, left))
    return 1 if any(one.cost for one in left) else 0


if __name__ == "__main__":
    sys.exit(main())
