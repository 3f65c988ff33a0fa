"""`python -m model_service.training.compare`: benchmark of training time and test error on one split.

Every method trains without the test ratings; times are medians over interleaved runs. Hyperparameter selection
(epochs, tuned SVD) on the validation ratings is not timed.
"""

import argparse
import statistics
import sys
import time
from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from model_service.data.ratings import DataError, Ratings
from model_service.data.reader import read_ratings
from model_service.data.synthetic import generate_ratings
from model_service.training.baseline import MAX_TUNED_RATINGS
from model_service.training.config import TrainConfig
from model_service.training.factors import Factors
from model_service.training.metrics import errors
from model_service.training.split import Split, split_ratings
from model_service.training.trainers import fit, load_trainer, methods

_Train = Callable[[], Factors]


def main(arguments: list[str] | None = None) -> int:
    """Print the table; returns 0, 2 for invalid data, 130 after Ctrl-C."""
    options = _parser().parse_args(arguments)
    try:
        ratings = read_ratings(options.data)[0] if options.data else generate_ratings(seed=options.seed)
        if len(ratings) > MAX_TUNED_RATINGS:
            raise DataError(
                f"{len(ratings)} ratings are too many to tune Surprise's SVD; at most {MAX_TUNED_RATINGS} can be"
            )
        print(f"{ratings.source}: {len(ratings):,} ratings; median of {options.runs} runs, seed {options.seed}\n")
        print(compare(ratings, runs=options.runs, seed=options.seed))
    except DataError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return 0


def compare(ratings: Ratings, *, runs: int, seed: int) -> str:
    """The table in Markdown: training time, wall clock and CPU, in seconds, and test errors in stars."""
    split = split_ratings(ratings, seed=seed)
    entries = _entries(ratings, split, seed)
    seconds: dict[str, list[tuple[float, float]]] = {name: [] for name in entries}
    models: dict[str, Factors] = {}
    for _ in range(runs):
        for name, train in entries.items():
            clock, work = time.perf_counter(), time.process_time()
            models[name] = train()
            seconds[name].append((time.perf_counter() - clock, time.process_time() - work))
    lines = [
        "| trained on 90 %, tested on 10 % | seconds | CPU seconds | test RMSE | MAE |",
        "| --- | ---: | ---: | ---: | ---: |",
    ]
    for name, model in models.items():
        error = errors(model.predict(ratings, split.test), ratings.values[split.test])
        clock, work = (statistics.median(times) for times in zip(*seconds[name], strict=True))
        lines.append(f"| {name} | {clock:.2f} | {work:.2f} | {error['rmse']:.4f} | {error['mae']:.4f} |")
    return "\n".join(lines)


def _entries(ratings: Ratings, split: Split, seed: int) -> Mapping[str, _Train]:
    from surprise import SVD

    from model_service.training.baseline import fit_biases, to_factors, trainset_of, tune_svd

    tuned = tune_svd(ratings, split, seed=seed)
    trainset = trainset_of(ratings, split.train_and_validation)  # not timed
    chosen = ", ".join(f"{name} {value}" for name, value in tuned.items())
    return {
        "Surprise SVD, defaults": lambda: to_factors(SVD(random_state=seed).fit(trainset), ratings),
        f"Surprise SVD, tuned ({chosen})": lambda: to_factors(SVD(random_state=seed, **tuned).fit(trainset), ratings),
        **{f"ours, {load_trainer(name).DESCRIPTION} ({name})": _ours(name, ratings, split, seed) for name in methods()},
        "biases only": lambda: fit_biases(ratings, split.train_and_validation),
    }


def _ours(method: str, ratings: Ratings, split: Split, seed: int) -> _Train:
    config = TrainConfig(method=method, seed=seed)
    label = f"finding epochs of {method}"
    search = fit(ratings, train=split.train, validation=split.validation, config=config, label=label)
    config = replace(config, epochs=search.epochs)

    def train() -> Factors:
        positions = split.train_and_validation
        return Factors.of(fit(ratings, train=positions, validation=None, config=config, label=method).model)

    return train


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m model_service.training.compare",
        description="Training times and test errors of this model and the baselines.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--data", type=Path, metavar="FOLDER", help="a MovieLens release; synthetic ratings if omitted")
    parser.add_argument(
        "--runs",
        type=int,
        choices=range(1, 21),
        default=5,
        metavar="1-20",
        help="timed runs; the table shows medians",
    )
    parser.add_argument("--seed", type=int, default=0, help="seed of synthetic data, split and initial weights")
    return parser


if __name__ == "__main__":
    sys.exit(main())
