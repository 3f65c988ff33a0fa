"""`python -m benchmarks.recommendations --data FOLDER`: what the top ten is worth on three public data sets.

FOLDER holds movietweetings-100k, filmtrust and lastfm-hetrec as their publishers lay them out (public_data.py). For
each split of each data set: what serves, as validation chooses it, beside popularity and the full EASE; new users; and
whether the neighbours of well-known items are strangers.
"""

import argparse
import os
import sys
from collections.abc import Mapping
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.full_ease import choose_reg, full_ease
from benchmarks.machine import commit, hardware
from benchmarks.paths import HERE
from benchmarks.public_data import DATA_SETS, PublicData
from benchmarks.recommendations_page import page, section
from model_service.data.ratings import DataError, Ratings
from model_service.serving.ranking.similar import SimilarItems
from model_service.training.bootstrap import mean_interval
from model_service.training.epochs import threads
from model_service.training.interactions import Interactions
from model_service.training.ranker_search import (
    POPULARITY,
    Candidate,
    Choice,
    choose_fold_in_prior,
    choose_ranker,
    fit_ranker,
    fold_in_curve,
)
from model_service.training.ranking import Lists, RankingTask
from model_service.training.split import Split, available_splits, split_ratings

PAGE = HERE / "recommendations.md"
NEIGHBOURS, MOST_RATED, FEW_RATINGS, TITLES = 10, 50, 3, 5


@dataclass(frozen=True, kw_only=True)
class SplitResult:
    """What one split showed. Figures of a ranker are those of RankingTask.metrics, with its name and settings.

    difference: [mean, low, high] of the NDCG of what serves less that of `rival`, the better of popularity and EASE.
    """

    split: str
    users: int
    rankers: Mapping[str, dict[str, Any]]  # serves, popularity, popularity_by_time where there are times, ease
    rival: str
    ratio: float
    difference: list[float]
    prior: float
    curve: list[dict[str, Any]]


@dataclass(frozen=True, kw_only=True)
class Neighbours:
    """Nearest items. strangers: the share of the MOST_RATED items' neighbours with at most FEW_RATINGS ratings."""

    ranker: str
    strangers: float
    examples: Mapping[str, list[str]]  # title -> titles of its neighbours


@dataclass(frozen=True, kw_only=True)
class DataResult:
    """What one data set showed."""

    title: str
    data: Mapping[str, Any]  # Ratings.describe
    splits: list[SplitResult]
    neighbours: Neighbours


def measure(public: PublicData, ratings: Ratings, *, seed: int) -> DataResult:
    """All splits, the one that decides first, and the neighbours under what that one chose, trained on all ratings."""
    splits, choices = [], []
    for name in available_splits(ratings):
        split = split_ratings(ratings, name=name, seed=seed)
        choices.append(choose_ranker(ratings, split, ranker=None, seed=seed))
        splits.append(measure_split(ratings, split, choices[-1], seed=seed))
    return DataResult(
        title=public.title,
        data=ratings.describe(),
        splits=splits,
        neighbours=find_neighbours(ratings, choices[0], public.well_known, seed=seed),
    )


def measure_split(ratings: Ratings, split: Split, choice: Choice, *, seed: int) -> SplitResult:
    """Train on what is not in the test set, and compare on it."""
    known = split.train_and_validation
    data = Interactions.of(ratings, known)
    task = RankingTask.of(ratings, train=known, test=split.test, seed=seed)
    candidates = {"serves": choice.winner, "popularity": Candidate(ranker=POPULARITY, settings=_PLAIN, ndcg=0.0)}
    if ratings.times is not None:
        candidates["popularity_by_time"] = _best(choice, POPULARITY)
    lists: dict[str, Lists] = {}
    rankers: dict[str, dict[str, Any]] = {}
    for name, candidate in candidates.items():
        model = fit_ranker(candidate, data, seed=seed)
        lists[name] = task.evaluate(partial(model.scores, data))
        rankers[name] = {"ranker": candidate.ranker, "settings": candidate.settings}
    reg = choose_reg(ratings, split, seed=seed)
    lists["ease"] = task.evaluate(full_ease(data, reg))
    rankers["ease"] = {"ranker": "full EASE", "settings": {"reg": reg}}
    for name, found in lists.items():
        rankers[name] |= task.metrics(found)
    rival = max((name for name in lists if name != "serves"), key=lambda name: float(rankers[name]["ndcg"][0]))
    best = float(lists[rival].ndcg.mean())
    prior = choose_fold_in_prior(choice.winner, ratings, known, seed=seed)
    return SplitResult(
        split=split.name,
        users=len(task.users),
        rankers=rankers,
        rival=rival,
        ratio=float(lists["serves"].ndcg.mean()) / best if best else float("nan"),
        difference=mean_interval(lists["serves"].ndcg - lists[rival].ndcg),
        prior=prior,
        curve=fold_in_curve(choice.winner, ratings, known, prior=prior, seed=seed + 1),
    )


def find_neighbours(ratings: Ratings, choice: Choice, titles: tuple[str, ...], *, seed: int) -> Neighbours:
    """The nearest items by the factors of the ranker chosen, or of the best iALS where that is popularity."""
    candidate = choice.winner if choice.winner.ranker != POPULARITY else _best(choice, "ials")
    model = fit_ranker(candidate, Interactions.of(ratings, np.arange(len(ratings))), seed=seed)
    counts = np.bincount(ratings.item_rows, minlength=len(ratings.item_ids))
    similar = SimilarItems(model.item_factors, counts)

    def nearest(row: int) -> NDArray[np.int32]:
        return similar.top_k(row, NEIGHBOURS, np.array([row], np.int32), None).rows

    most_rated = np.argsort(-counts, kind="stable")[:MOST_RATED]
    near = np.concatenate([nearest(row) for row in most_rated.tolist()])
    names = [item.title for item in ratings.catalogue]
    shown = [names.index(title) for title in titles if title in names] or most_rated[:TITLES].tolist()
    return Neighbours(
        ranker=candidate.ranker,
        strangers=float(np.mean(counts[near] <= FEW_RATINGS)),
        examples={names[row]: [names[other] for other in nearest(row).tolist()] for row in shown},
    )


_PLAIN: Mapping[str, Any] = {"half_life_days": None}


def _best(choice: Choice, ranker: str) -> Candidate:
    return next(candidate for candidate in choice.best if candidate.ranker == ranker)


def main(arguments: list[str] | None = None) -> int:
    """Measure, print, and write the page where that is asked for; returns 0, or 2 for data that cannot be read."""
    options = _parser().parse_args(arguments)
    names = [options.only] if options.only else list(DATA_SETS)
    machine = {**hardware(), "load_before": round(os.getloadavg()[0], 1), "commit": commit()}
    results = []
    try:
        data = {name: DATA_SETS[name].read(options.data / DATA_SETS[name].folder) for name in names}
    except DataError as error:
        print(f"error: {error}; --data is the folder of {', '.join(_folders(names))}", file=sys.stderr)
        return 2
    for name, ratings in data.items():
        with threads(1):  # as in training
            results.append(asdict(measure(DATA_SETS[name], ratings, seed=options.seed)))
        print(section(results[-1]), flush=True)
    if options.write:
        PAGE.write_text(page(results, machine, seed=options.seed), encoding="utf-8")
        print(f"wrote {PAGE.name}")
    return 0


def _folders(names: list[str]) -> list[str]:
    return [DATA_SETS[name].folder for name in names]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.recommendations",
        description=__doc__,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--data", type=Path, metavar="FOLDER", required=True, help="the folder of the three data sets")
    written = parser.add_mutually_exclusive_group()
    written.add_argument("--only", choices=list(DATA_SETS), help="measure one data set (default: all three)")
    written.add_argument("--write", action="store_true", help=f"write {PAGE.name}; takes all data sets")
    parser.add_argument("--seed", type=int, default=0, help="of splits and initial values (default: 0)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
