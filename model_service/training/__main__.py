"""`python -m model_service.training`: ratings in, one artifact folder out."""

import argparse
import resource
import sys
import time
from pathlib import Path
from typing import Any

from model_service.data.movielens import read_movielens
from model_service.data.ratings import DataError, Ratings
from model_service.data.synthetic import generate_ratings
from model_service.metadata import ArtifactError, Metadata
from model_service.training.config import METHODS, FitConfig, TrainConfig

DEFAULT_OUT = Path(__file__).parents[1] / "artifact"


def main(arguments: list[str] | None = None) -> int:
    """Train as the command line says; returns 0, 2 for input that cannot be used, 130 after Ctrl-C."""
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
        print(f"interrupted: {options.out} is as it was before", file=sys.stderr)
        return 130


def _train(options: argparse.Namespace) -> int:
    from model_service.artifact import check_replaceable
    from model_service.training.train import train

    check_replaceable(options.out)
    config = TrainConfig(
        factors=options.factors,
        reg_factors=options.reg_factors,
        reg_bias=options.reg_bias,
        shrinkage=options.shrinkage,
        fit=FitConfig(
            method=options.method,
            epochs=options.epochs,
            patience=options.patience,
            batch_size=options.batch_size,
            learning_rate=options.learning_rate,
            seed=options.seed,
        ),
    )
    started = time.monotonic()
    ratings = read_movielens(options.data) if options.data else generate_ratings(seed=options.seed)
    print(_describe(ratings))
    metadata = train(ratings, config=config, out=options.out)
    print(_report(metadata, options.out))
    used = resource.getrusage(resource.RUSAGE_SELF)
    print(
        f"{time.monotonic() - started:.1f} s, {used.ru_utime + used.ru_stime:.1f} s of processors, "
        f"at most {used.ru_maxrss / 1024:,.0f} MiB of memory"
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
        lines.append("To mend it: try other --factors, --c-vector, --c-bias or --shrinkage")
    return "\n".join([*lines, f"model version {metadata.short_version} written to {out}"])


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m model_service.training",
        description="Train the recommender and write its artifact folder.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    add = parser.add_argument
    add("--data", type=Path, metavar="FOLDER", help="an unpacked MovieLens release; without it, invented ratings")
    add("--out", type=Path, default=DEFAULT_OUT, metavar="FOLDER", help="the artifact folder to replace")
    add(
        "--seed",
        type=_number(int, 0),
        default=FitConfig.seed,
        help="decides invented data, split and first weights",
    )
    add("--factors", type=_number(int, 1), default=TrainConfig.factors, help="length k of the vectors")
    add("--method", choices=METHODS, default=FitConfig.method, help="least squares in turn, or minibatches with Adam")
    add(
        "--reg-factors",
        "--c-vector",
        type=_number(float, 0.0),
        default=TrainConfig.reg_factors,
        help="L2 weight of the vectors",
    )
    add(
        "--reg-bias", "--c-bias", type=_number(float, 0.0), default=TrainConfig.reg_bias, help="L2 weight of the biases"
    )
    add(
        "--shrinkage",
        type=_number(float, 0.0),
        default=TrainConfig.shrinkage,
        help="how many ratings more a user or film is held to zero for",
    )
    add("--epochs", type=_number(int, 1), default=FitConfig.epochs, help="passes over the ratings, at most")
    add(
        "--patience",
        type=_number(int, 1),
        default=FitConfig.patience,
        help="epochs without a better one before it stops",
    )
    add("--batch-size", type=_number(int, 1), default=FitConfig.batch_size, help="ratings a step of sgd")
    add("--learning-rate", type=_number(float, 1e-6), default=FitConfig.learning_rate, help="Adam's step size in sgd")
    return parser


def _number(kind: type[int] | type[float], least: float) -> Any:
    def parse(text: str) -> float:
        try:
            value = kind(text)
        except ValueError:
            value = kind(least) - 1
        if not least <= value < 2**63:
            wanted = "a whole number" if kind is int else "a number"
            raise argparse.ArgumentTypeError(f"{text!r} is not {wanted} of at least {least:g}")
        return value

    return parse


if __name__ == "__main__":
    sys.exit(main())
