"""`python -m model_service.training`: train on ratings and write the artifact folder."""

import argparse
import resource
import sys
import time
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path
from typing import Any

from model_service.data.options import add_options, as_arguments, read_options
from model_service.data.ratings import DataError, Ratings
from model_service.data.reader import read_ratings
from model_service.data.synthetic import generate_ratings
from model_service.metadata import ArtifactError
from model_service.training.config import TrainConfig
from model_service.training.trainers import methods

DEFAULT_OUT = Path(__file__).parents[1] / "artifact"


def main(arguments: list[str] | None = None) -> int:
    """Train with the options of the command line.

    Returns 0, 2 for invalid input, 3 for a model that is worse than a simple one, 130 after Ctrl-C.
    """
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
    from model_service.training.stars import TUNED
    from model_service.training.train import GateError, TrainOptions, train

    check_replaceable(options.out)
    given = {option.name: getattr(options, option.name) for option in fields(TrainConfig)}
    given = {name: value for name, value in given.items() if value is not None}
    config = TrainConfig(**given)
    started = time.monotonic()
    ratings, report = _read(options, config.seed)
    choices = TrainOptions(
        given=given.keys() & set(TUNED),
        ranker=options.ranker,
        split=options.split,
        gate=not options.no_gate,
        report=report,
    )
    try:
        metadata = train(ratings, config=config, out=options.out, options=choices)
    except GateError as refused:
        print(_report(refused.metrics))
        print(
            f"error: {refused}. {options.out} is unchanged. To fix it: more or better ratings; "
            "--no-gate writes the model all the same",
            file=sys.stderr,
        )
        return 3
    print(_report(metadata.metrics))
    print(f"model version {metadata.short_version} written to {options.out}")
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(
        f"{time.monotonic() - started:.1f} s, {used.ru_utime + used.ru_stime:.1f} s CPU time, "
        f"peak memory {used.ru_maxrss / 1024:,.0f} MiB"
    )
    return 0


def _read(options: argparse.Namespace, seed: int) -> tuple[Ratings, Mapping[str, Any] | None]:
    """The ratings, generated ones without --data, and the report of reading them."""
    reading = read_options(options)
    if options.data is None:
        if given := as_arguments(reading):
            raise DataError(
                f"{given[0].partition('=')[0]} tells how to read files, and there are none: give --data PATH"
            )
        ratings = generate_ratings(seed=seed)
        print(_describe(ratings), flush=True)
        return ratings, None
    ratings, report = read_ratings(options.data, reading)
    print(report.text(), flush=True)
    return ratings, report.to_dict()


def _describe(ratings: Ratings) -> str:
    what = "counts" if ratings.scale is None else f"ratings from {ratings.scale[0]:g} to {ratings.scale[1]:g}"
    unrated = f" ({len(ratings.unrated):,} more without one)" if ratings.unrated else ""
    bare = len(ratings) - len(ratings.given)
    not_rated = f", {bare:,} of them watched and not rated" if bare else ""
    times = "" if ratings.times is None else ", with times"
    return (
        f"{ratings.source}: {len(ratings):,} {what} of {len(ratings.item_ids):,} films{unrated} "
        f"by {len(ratings.user_ids):,} users{not_rated}{times}"
    )


def _report(metrics: Mapping[str, Any]) -> str:
    from model_service.training.report import terminal_tables, verdicts

    return "\n".join(["", terminal_tables(metrics), "", *verdicts(metrics)])


def _parser() -> argparse.ArgumentParser:
    from model_service.training.rankers import ranker_names
    from model_service.training.split import SPLITS
    from model_service.training.stars import TUNED

    parser = argparse.ArgumentParser(
        prog="python -m model_service.training",
        description="Train the recommender and write its artifact folder.",
    )
    add = parser.add_argument
    add("--out", type=Path, default=DEFAULT_OUT, metavar="FOLDER", help=f"the artifact to replace ({DEFAULT_OUT.name})")
    add("--split", choices=(*SPLITS,), help="test ratings: by time (last) where there are times, else random")
    add("--ranker", choices=ranker_names(), help="what orders the films; the best on validation if omitted")
    add("--no-gate", action="store_true", help="write the model even if it is worse than popularity or biases only")
    add("--method", choices=methods(), help=f"what trains the stars ({TrainConfig.method})")
    for option in fields(TrainConfig):
        if option.metadata:
            names = [f"--{name.replace('_', '-')}" for name in (option.name, option.metadata["alias"]) if name]
            kind = _number(type(option.default), option.metadata["minimum"])
            chosen = "chosen by validation" if option.name in TUNED else option.default
            add(*names, type=kind, help=f"{option.metadata['help']} ({chosen})")
    add_options(parser)
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
