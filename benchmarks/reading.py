"""`python -m benchmarks.reading`: reading ratings beside pyarrow's plain reading of the same file.

Each reads the same invented CSV file in alternating rounds, each time in a new process. pyarrow infers numbers and
makes a table; ours keeps ids as texts, checks every line and every pair, and makes the ratings and their report.
"""

import argparse
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import numpy as np
from tqdm import tqdm

from benchmarks.errors import BenchmarkError
from benchmarks.machine import commit, hardware
from benchmarks.paths import HERE, ROOT
from benchmarks.records import median
from benchmarks.training import invent_pairs, sides

PAGE = HERE / "reading.md"
COMMAND = ".venv/bin/python -m benchmarks.reading --write"
_ROUNDS = 5
_TIMEOUT_SECONDS = 600
_PROGRAM = """
import json, sys, time
from pyarrow import compute, csv
from benchmarks.memory import resident_mb
from model_service.data.reader import read_ratings

started = time.perf_counter()
rows = len({call})
seconds = time.perf_counter() - started
print(json.dumps([seconds, resident_mb("VmHWM"), rows]))
"""
READERS: Mapping[str, str] = {"ours": "read_ratings(sys.argv[1])[0]", "pyarrow": "csv.read_csv(sys.argv[1])"}
"""What is timed, by name; what is imported before is the same for both."""

Run = tuple[float, float, int]


def write_ratings(file: Path, ratings: int, *, seed: int = 0) -> None:
    """Write a MovieLens-like CSV file of `ratings` invented rows, no pair twice, sorted by user."""
    import pyarrow as pa
    from pyarrow import csv

    users, items = sides(ratings)
    generator = np.random.default_rng(seed)
    pairs = invent_pairs(ratings, users, items, generator)
    columns = {
        "userId": pairs // items + 1,
        "movieId": pairs % items * 3 + 1,
        "rating": generator.integers(1, 11, ratings) / 2,
        "timestamp": generator.integers(789_652_009, 1_574_327_703, ratings),
    }
    csv.write_csv(pa.table(columns), file, csv.WriteOptions(quoting_style="none"))


def measure(ratings: int, *, rounds: int) -> Mapping[str, Sequence[Run]]:
    """Seconds, MB of peak memory and rows of each reader in each round; raises BenchmarkError."""
    runs: dict[str, list[Run]] = {name: [] for name in READERS}
    with tempfile.TemporaryDirectory(prefix="ratings-") as folder:
        file = Path(folder) / "ratings.csv"
        write_ratings(file, ratings)
        for number in tqdm(range(rounds), desc=f"{ratings:,} ratings", unit="round"):
            for name in [*READERS] if number % 2 == 0 else [*READERS][::-1]:
                runs[name].append(_run(name, file))
    return runs


def _run(name: str, file: Path) -> Run:
    program = [sys.executable, "-c", _PROGRAM.format(call=READERS[name]), str(file)]
    done = subprocess.run(program, cwd=ROOT, capture_output=True, text=True, check=False, timeout=_TIMEOUT_SECONDS)
    if done.returncode:
        raise BenchmarkError(f"{name} failed: {done.stderr.strip()[-500:]}")
    seconds, used, rows = json.loads(done.stdout)
    return seconds, used, rows


def page(results: Mapping[int, Mapping[str, Sequence[Run]]], load: float) -> str:
    """The results as Markdown."""
    machine = hardware()
    lines = [
        "# Reading ratings beside pyarrow",
        "",
        f"`{COMMAND}`",
        "",
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, commit {commit()}, pyarrow {version('pyarrow')}. Seen on "
        f"{machine['cores']} cores ({machine['processor']}), load {load:.1f} before. Alternating rounds, "
        "each in a new process; medians. pyarrow reads the file into a table of numbers; ours keeps ids as texts, "
        "checks that every line is a row and no pair of user and item occurs twice, and makes the report.",
        "",
        "| ratings | ours, s | pyarrow, s | ratio of each round | ours, peak MB | pyarrow, peak MB |",
        "| ---: | ---: | ---: | ---: | ---: | ---: |",
    ]
    for ratings, runs in results.items():
        ours, plain = runs["ours"], runs["pyarrow"]
        ratios = [one[0] / other[0] for one, other in zip(ours, plain, strict=True)]
        figures = [median([run[0] for run in ours]), median([run[0] for run in plain])]
        memory = [median([run[1] for run in runs[name]]) for name in ("ours", "pyarrow")]
        lines.append(
            f"| {ratings:,} | {figures[0]:.2f} | {figures[1]:.2f} | {median(ratios):.2f} ({min(ratios):.2f} to "
            f"{max(ratios):.2f}) | {memory[0]:,.0f} | {memory[1]:,.0f} |"
        )
    return "\n".join(lines) + "\n"


def main(arguments: list[str] | None = None) -> int:
    """Measure, and print or write the page; returns 0, 1 when a reader fails, 130 after Ctrl-C."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.reading", description=str(__doc__))
    parser.add_argument("--ratings", type=int, nargs="+", default=[1_000_000, 25_000_000], metavar="N")
    parser.add_argument("--rounds", type=int, default=_ROUNDS)
    parser.add_argument("--write", action="store_true", help=f"write benchmarks/{PAGE.name}")
    options = parser.parse_args(arguments)
    load = os.getloadavg()[0]
    try:
        text = page({ratings: measure(ratings, rounds=options.rounds) for ratings in options.ratings}, load)
    except BenchmarkError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        return 130
    if options.write:
        PAGE.write_text(text, encoding="utf-8")
    print(text)
    return 0


if __name__ == "__main__":
    sys.exit(main())
