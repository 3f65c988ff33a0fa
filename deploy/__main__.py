"""Checks of a stack from the command line. Deployments are made from Python, with deploy.preview(), deploy.up(),
deploy.outputs() and deploy.destroy() (`python -c 'import deploy; help(deploy)'`), or with the Pulumi CLI."""

import argparse
import sys
from collections.abc import Sequence

import deploy
from deploy.errors import DeployError
from deploy.orphans import find_orphans, format_orphans


def main(arguments: list[str] | None = None) -> int:
    """Run one command and return its status."""
    parser = argparse.ArgumentParser(
        prog="python -m deploy", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND")
    validate = commands.add_parser(
        "validate", help="whether a stack's settings are valid, and what they would make and cost"
    )
    validate.add_argument("stack", help="such as dev")
    validate.add_argument(
        "--config", nargs="+", action="extend", default=[], metavar="KEY=VALUE", help="over the stack's"
    )
    validate.add_argument("--resources", action="store_true", help="name every resource")
    left = commands.add_parser("orphans", help="resources that a destroyed stack left, and which of them cost money")
    left.add_argument("stack", help="such as dev")
    options = parser.parse_args(arguments)
    if options.command == "validate":
        return _validate(options.stack, options.config, resources=options.resources)
    return _orphans(options.stack)


def _validate(stack: str, config: Sequence[str], *, resources: bool) -> int:
    """0 when the settings are valid, 1 when they are not."""
    if sys.stderr.isatty():
        print(f"Evaluating the program with the settings of {stack} …", file=sys.stderr, flush=True)
    try:
        print(deploy.validate(stack, config=_overrides(config)).report(resources=resources))
    except DeployError as error:
        print(error, file=sys.stderr)
        return 1
    return 0


def _overrides(texts: Sequence[str]) -> dict[str, str]:
    overrides = {}
    for text in texts:
        key, equals, value = text.partition("=")
        if not equals or not key:
            raise DeployError(f"--config {text} is not KEY=VALUE; such as: --config desiredCount=4 'tags=[\"team=a\"]'")
        overrides[key] = value
    return overrides


def _orphans(stack: str) -> int:
    """0 when nothing that costs money is left, 1 when something is, 2 when AWS cannot be queried."""
    try:
        left = find_orphans(stack)
    except DeployError as error:
        print(error, file=sys.stderr)
        return 2
    print(format_orphans(stack, left))
    return 1 if any(one.billing for one in left) else 0


if __name__ == "__main__":
    sys.exit(main())
