"""The service of this checkout beside that of another one: `python -m benchmarks --against PATH`."""

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.artifacts import ensure_artifact
from benchmarks.contenders import CONTENDERS, Contender
from benchmarks.errors import BenchmarkError
from benchmarks.measure import measure
from benchmarks.overload import measure_overload
from benchmarks.paths import BUILD, ROOT
from benchmarks.records import Journal, Measurement, median
from benchmarks.report import number
from benchmarks.runner import Plan, log_progress
from benchmarks.services.numpy_baseline import NumpyBaseline
from benchmarks.sizes import SIZES
from model_service.serving.settings import RENAMED

THRESHOLD = 0.95
PAGE = BUILD / "paired" / "paired.md"
_FORMER = {new: old for old, new in RENAMED.items()}
_CHECKOUTS = ("before", "after")
_COMPUTED = next(one for one in CONTENDERS if one.key == "ours-computed")


@dataclass(frozen=True, kw_only=True)
class Figure:
    """One figure of both checkouts over the rounds; higher: whether a higher value is better."""

    name: str
    before: Sequence[float]
    after: Sequence[float]
    higher: bool

    @property
    def ratios(self) -> list[float]:
        """after by before of each round, or the inverse where lower is better: above 1 is better."""
        pairs = zip(self.before, self.after, strict=True)
        return [(new / old if self.higher else old / new) for old, new in pairs if old and new]


def run_paired(plan: Plan, other: Path, journal: Journal) -> list[Figure]:
    """Measure both checkouts in turn, each round in the other order; the journal's records are not repeated."""
    if not (other / "model_service" / "serving").is_dir():
        raise BenchmarkError(f"{other} is no checkout of this project: it has no model_service/serving")
    roots = dict(zip(_CHECKOUTS, (other.resolve(), ROOT), strict=True))
    for root in roots.values():
        _compile(root)
    ours = [one for one in CONTENDERS if one.kind == "ours" and one.key in plan.contenders]
    for name in plan.sizes:
        size = SIZES[name]
        artifacts = {checkout: _ensure_artifact(name, root) for checkout, root in roots.items()}
        model = NumpyBaseline(artifacts["after"])
        for round_ in range(plan.rounds):
            for checkout in _CHECKOUTS if round_ % 2 else reversed(_CHECKOUTS):
                artifact = artifacts[checkout]
                root, key = roots[checkout], {"size": name, "round": round_, "checkout": checkout}
                for contender in map(partial(_adapted, root=root), ours):
                    if not _recorded(journal, "paired", {**key, "contender": contender.key}):
                        result = measure(
                            contender, size, artifact, model, number=round_, seconds=plan.seconds, root=root
                        )
                        _add_measurement(journal, result, checkout, root)
                if name in plan.overload_sizes and not _recorded(journal, "paired-overload", key):
                    overload = measure_overload(
                        _adapted(_COMPUTED, root=root), size, artifact, seconds=plan.overload_seconds, root=root
                    )
                    log_progress(f"{size.label}, round {round_ + 1}, {checkout}, overload: {overload['statuses']}")
                    journal.add("paired-overload", {**overload, **key})
    return [*_figures(journal.of("paired")), *_overload_figures(journal.of("paired-overload"))]


def report(figures: Sequence[Figure], other: Path) -> str:
    """The figures as a Markdown table, and those below THRESHOLD."""
    lines = [
        f"before: {other}, after: {ROOT}; medians; ratio above 1: better",
        "",
        "| | before | after | median ratio | range |",
        "|---|---:|---:|---:|---:|",
    ]
    for figure in figures:
        ratios = figure.ratios
        comparison = f"{median(ratios):.2f} | {min(ratios):.2f} to {max(ratios):.2f}" if ratios else "not comparable |"
        lines.append(
            f"| {figure.name} | {number(median(figure.before))} | {number(median(figure.after))} | {comparison} |"
        )
    worse = [figure.name for figure in figures if figure.ratios and median(figure.ratios) < THRESHOLD]
    return "\n".join([*lines, "", f"Below {THRESHOLD}: {', '.join(worse) or 'none'}."])


def _recorded(journal: Journal, kind: str, key: Mapping[str, Any]) -> bool:
    return any(key.items() <= record.items() for record in journal.of(kind))


def _add_measurement(journal: Journal, result: Measurement, checkout: str, root: Path) -> None:
    if result.load is None:
        raise BenchmarkError(f"{checkout} ({root}): {result.error}")
    label, rate = SIZES[result.size].label, result.load.requests_per_second
    log_progress(f"{label}, round {result.round + 1}, {checkout}, {result.contender}: {rate:,.0f}/s")
    journal.add("paired", {**asdict(result), "checkout": checkout})


def _adapted(contender: Contender, *, root: Path) -> Contender:
    """The contender with the former names of environment variables where the checkout has those."""
    settings = (root / "model_service" / "serving" / "settings.py").read_text().lower()
    variables = {
        name if name.lower() in settings else _FORMER.get(name, name): value
        for name, value in contender.variables.items()
    }
    return replace(contender, variables=variables)


def _figures(records: Sequence[Mapping[str, Any]]) -> Iterator[Figure]:
    kinds = (
        ("requests/s", "load", "requests_per_second", True),
        ("p50 ms", "load", "p50_ms", False),
        ("p99 ms", "load", "p99_ms", False),
        ("single connection p50 ms", "single_connection", "p50_ms", False),
        ("single connection p99 ms", "single_connection", "p99_ms", False),
    )
    for size, contender in dict.fromkeys((record["size"], record["contender"]) for record in records):
        mine = [record for record in records if (record["size"], record["contender"]) == (size, contender)]
        name = f"{SIZES[size].films:,} films, {contender}"
        for label, load, value, higher in kinds:
            yield _figure(f"{name}: {label}", mine, lambda one, load=load, value=value: one[load][value], higher=higher)
        yield _figure(f"{name}: resident MB", mine, lambda one: one["resident_mb"], higher=False)
        yield _figure(f"{name}: ready s", mine, lambda one: one["ready_seconds"], higher=False)


def _overload_figures(records: Sequence[Mapping[str, Any]]) -> Iterator[Figure]:
    for size in dict.fromkeys(record["size"] for record in records):
        mine = [record for record in records if record["size"] == size]
        name = f"{SIZES[size].films:,} films, overload"
        yield _figure(f"{name}: capacity/s", mine, lambda one: one["capacity_per_second"], higher=True)
        yield _figure(
            f"{name}: p99 of the 200s, ms",
            mine,
            lambda one: one["latencies"].get("200", {}).get("p99_ms", 0.0),
            higher=False,
        )


def _figure(name: str, records: Sequence[Mapping[str, Any]], value: Any, *, higher: bool) -> Figure:
    ordered = sorted(records, key=lambda record: record["round"])
    before, after = ([float(value(one)) for one in ordered if one["checkout"] == checkout] for checkout in _CHECKOUTS)
    return Figure(name=name, before=before, after=after, higher=higher)


def _ensure_artifact(size: str, root: Path) -> Path:
    """The artifact that the code in `root` makes and reads: the same numbers, in its own format."""
    if root == ROOT:
        return ensure_artifact(SIZES[size])
    code = (
        f"from benchmarks.artifacts import *; from benchmarks.sizes import *; print(ensure_artifact(SIZES[{size!r}]))"
    )
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchmarkError(f"{root} makes no artifact: {done.stderr.strip().splitlines()[-1][:200]}")
    return Path(done.stdout.strip().splitlines()[-1])


def _compile(root: Path) -> None:
    """Byte code and the native kernel, as in an image; both are ignored by git."""
    for module in (("compileall", "-q", "model_service"), ("model_service.native.build",)):
        environment = {**os.environ, "PYTHONPATH": str(root)}
        environment.pop("PYTHONDONTWRITEBYTECODE", None)
        done = subprocess.run(
            [sys.executable, "-m", *module], cwd=root, env=environment, capture_output=True, text=True, check=False
        )
        if done.returncode:
            raise BenchmarkError(f"{' '.join(module)} failed in {root}: {done.stderr.strip()[-300:]}")
