"""`python -m benchmarks.training`: how fast, and in how much memory, ratings of MovieLens 25M's size are learned.

Writes invented ratings as a MovieLens CSV folder, trains on it as a person would, prints what that took, and deletes
the folder. The default is the size of MovieLens 25M.
"""

import argparse
import os
import platform
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import numpy as np
import pyarrow as pa
from numpy.typing import NDArray
from pyarrow import csv

_RATINGS, _USERS, _ITEMS = 25_000_095, 162_541, 59_047
_TASTES = 8
_AT_ONCE = 1 << 20


def main() -> int:
    """Make, train, measure, delete; returns the training's exit status."""
    options, training = _parser().parse_known_args()
    with tempfile.TemporaryDirectory(prefix="ratings-") as name:
        folder = Path(name)
        started = time.monotonic()
        write_release(folder, ratings=options.ratings, seed=options.seed)
        size = (folder / "ratings.csv").stat().st_size
        print(f"ratings.csv: {size / 1e6:,.0f} MB, made in {time.monotonic() - started:.1f} s", flush=True)
        command = [
            sys.executable,
            "-m",
            "model_service.training",
            "--data",
            name,
            "--out",
            str(folder / "artifact"),
            "--no-gate",
        ]
        status = subprocess.run([*command, *training], check=False).returncode
    print(f"{platform.machine()}, {os.cpu_count()} processors, Python {platform.python_version()}")
    return status


def write_release(folder: Path, *, ratings: int, seed: int = 0) -> None:
    """Write ratings.csv and movies.csv with users, films and `ratings` in the proportions of MovieLens 25M.

    Popularity and activity have long tails, liking has biases, rank 8 and noise; lines are sorted by user and film.
    """
    generator = np.random.default_rng(seed)
    users, items = sides(ratings)
    pairs = invent_pairs(ratings, users, items, generator)
    names = [f"Invented Film {number} ({1950 + number % 70})" for number in range(1, items + 1)]
    movies = pa.table({"movieId": np.arange(1, items + 1), "title": names, "genres": ["Drama"] * items})
    csv.write_csv(movies, folder / "movies.csv")
    taste = [generator.normal(size=(count, _TASTES)) * _TASTES**-0.25 for count in (users, items)]
    bias = [generator.normal(size=count) * 0.4 for count in (users, items)]
    names_of = ("userId", "movieId", "rating", "timestamp")
    types = (pa.int64(), pa.int64(), pa.float32(), pa.int64())
    schema = pa.schema(list(zip(names_of, types, strict=True)))
    with csv.CSVWriter(folder / "ratings.csv", schema) as writer:
        for start in range(0, ratings, _AT_ONCE):
            u, i = np.divmod(pairs[start : start + _AT_ONCE], items)
            liking = 3.5 + bias[0][u] + bias[1][i] + 0.5 * np.einsum("nk,nk->n", taste[0][u], taste[1][i])
            liking += 0.75 * generator.normal(size=len(u))
            stars = np.clip(np.rint(liking * 2) / 2, 0.5, 5.0).astype(np.float32)
            times = 946_684_800 + generator.integers(600_000_000, size=len(u))
            columns = [u + 1, i + 1, stars, times]
            writer.write_table(pa.table(columns, schema=schema))


def sides(ratings: int) -> tuple[int, int]:
    """How many users and films so many ratings get."""
    share = ratings / _RATINGS
    users, items = (max(100, round(count * share**0.5)) for count in (_USERS, _ITEMS))
    return users, items


def invent_pairs(ratings: int, users: int, items: int, generator: np.random.Generator) -> NDArray[np.int64]:
    """(ratings,) distinct numbers user · items + item, increasing; as good as every user and film occurs."""
    activity = np.cumsum(generator.lognormal(sigma=1.2, size=users))
    popularity = np.cumsum(generator.lognormal(sigma=2.2, size=items))
    each = np.arange(max(users, items))
    found = np.unique((each % users) * items + each % items)
    while len(found) < ratings:
        draws = int((ratings - len(found)) * 1.2) + 1000
        u = np.searchsorted(activity, generator.random(draws) * activity[-1])
        i = np.searchsorted(popularity, generator.random(draws) * popularity[-1])
        found = np.unique(np.concatenate((found, u * items + i)))
    surplus = generator.choice(len(found), len(found) - ratings, replace=False)
    return np.delete(found, surplus)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.training",
        description=__doc__,
        epilog="Every other option goes to `python -m model_service.training`.",
        formatter_class=argparse.ArgumentDefaultsHelpFormatter,
    )
    parser.add_argument("--ratings", type=int, default=_RATINGS, help="how many to make")
    parser.add_argument("--seed", type=int, default=0, help="decides the invented ratings")
    return parser


if __name__ == "__main__":
    sys.exit(main())
