"""`python -m model_service.data`: read ratings and tell what was read, without training."""

import argparse
import os
import sys
from pathlib import Path

from model_service.data.options import add_options, read_options
from model_service.data.ratings import DataError
from model_service.data.reader import read_ratings

DEFAULT_PLOT = Path(".build") / "data" / "long-tail.png"


def main(arguments: list[str] | None = None) -> int:
    """Read the data of the command line and print the report.

    Returns 0, 2 for data that is refused, 130 after Ctrl-C.
    """
    options = _parser().parse_args(arguments)
    try:
        _, report = read_ratings(options.data, read_options(options))
        print(report.text())
        if str(options.plot) != "none":
            report.plot(options.plot)
            print(f"\nplot: {options.plot}")
    except DataError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # the reader has left, as in `make data | head`
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    except OSError as error:
        print(f"error: {error.filename or options.data}: {error.strerror}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("interrupted", file=sys.stderr)
        return 130
    return 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m model_service.data", description="Read ratings and tell what was read, without training."
    )
    add_options(parser, required=True)
    parser.add_argument(
        "--plot", type=Path, default=DEFAULT_PLOT, metavar="FILE", help=f"a picture ({DEFAULT_PLOT}); none"
    )
    return parser


if __name__ == "__main__":
    sys.exit(main())
