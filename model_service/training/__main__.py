"""`python -m model_service.training`: train on ratings and write the artifact folder."""

import argparse
import resource
import sys
import time
from dataclasses import fields
from pathlib import Path
from typing import Any

from model_service.data.movielens import read_movielens
from model_service.data.ratings import DataError, Ratings
from model_service.data.synthetic import generate_ratings
from model_service.metadata import ArtifactError, Metadata
from model_service.training.config import TrainConfig
from model_service.training.trainers import methods

DEFAULT_OUT = Path(__file__).parents[1] / "artifact"


def main(arguments: list[str] | None = None) -> int:
    """Train with the options of the command line; returns 0, 2 for invalid input, 130 after Ctrl-C."""
    options = _parser().parse_args(arguments)
    try:
        return _train(options)
    except (DataError, ArtifactError, ValueError) as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        print(f"error: {error.filename or options.out}: {error.strerror}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"interrupted: {options.out} is unchanged", file=sys.stderr)
        return 130


def _train(options: argparse.Namespace) -> int:
    from model_service.artifact import check_replaceable
    from model_service.training.train import train

    check_replaceable(options.out)
    config = TrainConfig(**{option.name: getattr(options, option.name) for option in fields(TrainConfig)})
    started = time.monotonic()
    ratings = read_movielens(options.data) if options.data else generate_ratings(seed=options.seed)
    print(_describe(ratings))
    metadata = train(ratings, config=config, out=options.out)
    print(_report(metadata, options.out))
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(
        f"{time.monotonic() - started:.1f} s, {used.ru_utime + used.ru_stime:.1f} s CPU time, "
        f"peak memory {used.ru_maxrss / 1024:,.0f} MiB"
    )
    return 0


def _describe(ratings: Ratings) -> str:
    return (
        f"{ratings.source}: {len(ratings):,} ratings of {len(ratings.item_ids):,} films "
        f"by {len(ratings.user_ids):,} users"
    )


def _report(metadata: Metadata, out: Path) -> str:
    from model_service.training.report import is_worse, terminal_table, verdicts

    lines = [terminal_table(metadata.metrics), *verdicts(metadata.metrics)]
    if is_worse(metadata.metrics):
        lines.append("To fix it: try other --factors, --reg-factors, --reg-bias or --shrinkage")
    return "\n".join([*lines, f"model version {metadata.short_version} written to {out}"])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m model_service.training",
        description="Train the recommender and write its artifact folder.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("--data", type=Path, metavar="FOLDER", help="an unpacked MovieLens release; synthetic ratings if omitted")
    add("--out", type=Path, default=DEFAULT_OUT, metavar="FOLDER", help="the artifact folder to replace")
    add("--method", choices=methods(), default=TrainConfig.method, help="the trainer")
    for option in fields(TrainConfig):
        if option.metadata:
            names = [f"--{name.replace('_', '-')}" for name in (option.name, option.metadata["alias"]) if name]
            kind = _number(type(option.default), option.metadata["minimum"])
            add(*names, type=kind, default=option.default, help=option.metadata["help"])
    return parser


def _number(kind: Any, minimum: float) -> Any:
    def parse(text: str) -> float:
        try:
            value: float = kind(text)
        except ValueError:
            value = kind(minimum) - 1
        if not minimum <= value < 2**63:
            expected = "a whole number" if kind is int else "a number"
            raise argparse.ArgumentTypeError(f"{text!r} is not {expected} of at least {minimum:g}")
        return value

    return parse


if __name__ == "__main__":
    sys.exit(main())
