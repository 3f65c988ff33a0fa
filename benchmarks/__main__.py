"""`python -m benchmarks`: the services side by side; writes results.md, results.json and results.png."""

import argparse
import json
import shlex
import sys
import time
from dataclasses import asdict
from pathlib import Path
from typing import Any

from benchmarks.arguments import positive
from benchmarks.contenders import CONTENDERS
from benchmarks.errors import BenchmarkError
from benchmarks.machine import commit, describe_machine
from benchmarks.paired import PAGE, report, run_paired
from benchmarks.paths import BUILD, HERE
from benchmarks.plot import draw
from benchmarks.records import Journal
from benchmarks.report import markdown, rows
from benchmarks.runner import Plan, log_progress, run
from benchmarks.sizes import SIZES
from benchmarks.wrk import ensure_wrk

_QUICK_SIZES = ("1682", "62000")


def main(arguments: list[str] | None = None) -> int:
    """Run the benchmark of the command line; returns 1 when nothing could be measured, 130 when interrupted."""
    options = _parser().parse_args(arguments)
    plan = make_plan(options)
    out = options.out or (HERE if plan == make_plan(_parser().parse_args([])) else BUILD / "partial")
    out.mkdir(parents=True, exist_ok=True)
    try:
        if options.against:
            return _paired(plan, options.against, fresh=options.fresh)
        machine = describe_machine()
        journal = Journal.open(
            BUILD / "journal.jsonl", {"plan": json.loads(json.dumps(asdict(plan)))}, fresh=options.fresh
        )
        run(plan, journal)
    except BenchmarkError as error:
        print(f"error: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("interrupted; the same command resumes", file=sys.stderr)
        return 130
    written = write(
        journal, machine, plan, out, command=shlex.join(["python", "-m", "benchmarks", *(arguments or sys.argv[1:])])
    )
    journal.close()
    log_progress(f"written: {out / 'results.md'}")
    return 0 if written else 1


def _paired(plan: Plan, other: Path, *, fresh: bool) -> int:
    ensure_wrk()
    identity = {
        "plan": json.loads(json.dumps(asdict(plan))),
        "against": str(other),
        "commits": [commit(other), commit()],
    }
    journal = Journal.open(BUILD / "paired" / "journal.jsonl", identity, fresh=fresh)
    page = report(run_paired(plan, other, journal), other)
    PAGE.write_text(page + "\n")
    journal.close()
    print(page)
    return 0


def write(journal: Journal, machine: dict[str, Any], plan: Plan, out: Path, *, command: str) -> bool:
    """Write the three files; true when there is a contender with numbers."""
    table = rows(journal.measurements())
    result: dict[str, Any] = {
        "date": time.strftime("%Y-%m-%d %H:%M %Z"),
        "command": command,
        "machine": machine,
        "rounds": plan.rounds,
        "seconds": plan.seconds,
        "rows": [asdict(row) for row in table],
        "kernels": journal.of("kernel"),
        "overload": journal.of("overload"),
        "failures": [record["what"] for record in journal.of("failure")],
    }
    (out / "results.json").write_text(json.dumps(result, indent=1) + "\n")
    draw(table, out / "results.png")
    plot = "results.png" if (out / "results.png").is_file() else None
    (out / "results.md").write_text(markdown(result, plot=plot))
    return any(row.error is None for row in table)


def make_plan(options: argparse.Namespace) -> Plan:
    """The plan of the command line's options; `--quick` has fewer sizes, rounds and seconds."""
    sizes = tuple(options.sizes or (_QUICK_SIZES if options.quick else SIZES))
    largest = max(sizes, key=lambda name: SIZES[name].films)
    return Plan(
        sizes=sizes,
        contenders=tuple(options.only or [one.key for one in CONTENDERS]),
        rounds=options.rounds or (1 if options.quick else 3),
        seconds=1.0 if options.quick else 3.0,
        overload_seconds=5.0 if options.quick else 30.0,
        overload_sizes=sizes[-1:] if options.quick else sizes,
        kernel_rounds=3 if options.quick else 9,
        kernel_sizes=(largest,) if options.kernels else (),
    )


def _parser() -> argparse.ArgumentParser:
    keys = [one.key for one in CONTENDERS]
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks",
        description="Measures the services side by side. Interrupted, the same command resumes.",
        epilog="A run with other than the default options writes to .build/bench/partial unless --out is given.",
    )
    parser.add_argument("--quick", action="store_true", help="one round of a second, two sizes: under five minutes")
    parser.add_argument("--sizes", nargs="+", choices=list(SIZES), metavar="FILMS", help=f"of {', '.join(SIZES)}")
    parser.add_argument("--only", nargs="+", choices=keys, metavar="KEY", help=f"of {', '.join(keys)}")
    parser.add_argument("--rounds", type=positive, help="interleaved rounds; 3")
    parser.add_argument("--no-kernels", dest="kernels", action="store_false", help="omit scoring without HTTP")
    parser.add_argument("--fresh", action="store_true", help="start anew, also after an interruption")
    parser.add_argument(
        "--against", type=Path, metavar="PATH", help="compare this project's service with that of another checkout"
    )
    parser.add_argument("--out", type=Path, help="folder for the results")
    return parser


if __name__ == "__main__":
    sys.exit(main())
