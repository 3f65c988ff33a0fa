"""The report of a run: medians per contender, ratios against their targets, and the page in Markdown."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from benchmarks.contenders import CONTENDERS, Contender, Kind
from benchmarks.records import Measurement, median
from benchmarks.sizes import SIZES

_BY_KEY = {contender.key: contender for contender in CONTENDERS}
_PEERS = ("mlserver", "litserve", "bentoml", "ray")
_BEYOND_THE_CACHES = 1_000_000
"""Items from which on the factors are read from memory, so that the time to stream them bounds a response."""

_HEAD = (
    "| | requests/s | p50 ms | p99 ms | single connection p50 ms | p99 ms | resident MB | ready s |",
    "|---|---:|---:|---:|---:|---:|---:|---:|",
)
_PROSE = """\
Every contender serves the same model and, checked before the timing, returns the same ten films. wrk loads it over 32
keep-alive connections (4 for the tutorial's service) from the same machine; one worker process and one scoring thread,
ours included, unless stated otherwise. The contenders take turns, each started anew in every round; the figures are
medians over the rounds, and only the ratios within one run carry over to other machines.

*Cached*: every user was requested once before. *Computed*: `RESPONSE_CACHE_MIB=0`. *Resident*: the proportional set
size of all processes after the load. *Ready*: from the start of the process to its first correct response.
"""


@dataclass(frozen=True, kw_only=True)
class Row:
    """A contender on a size: medians over the rounds that succeeded; `error` when none did."""

    size: str
    contender: str
    rounds: int
    error: str | None = None
    requests_per_second: float = 0.0
    p50_ms: float = 0.0
    p99_ms: float = 0.0
    single_connection_p50_ms: float = 0.0
    single_connection_p99_ms: float = 0.0
    resident_mb: float = 0.0
    ready_seconds: float = 0.0

    @property
    def label(self) -> str:
        """The contender's name in tables."""
        return _BY_KEY[self.contender].label

    @property
    def kind(self) -> Kind:
        """The contender's kind."""
        return _BY_KEY[self.contender].kind


@dataclass(frozen=True, kw_only=True)
class Target:
    """A figure of a run with its limit, `minimum` or `maximum`; value: None when a part of it was not measured."""

    name: str
    value: float | None
    minimum: float | None = None
    maximum: float | None = None

    @property
    def met(self) -> bool | None:
        """Whether the value is within the limit; None without a value."""
        if self.value is None:
            return None
        return (self.minimum is None or self.value >= self.minimum) and (
            self.maximum is None or self.value <= self.maximum
        )

    @property
    def limit(self) -> str:
        """The limit in symbols."""
        return f"≥ {self.minimum:g}" if self.minimum is not None else f"≤ {self.maximum:g}"


def rows(measurements: Sequence[Measurement]) -> list[Row]:
    """A row for each contender and size that was tried, in the order of the contenders, sizes as they came."""
    found = []
    for size in dict.fromkeys(one.size for one in measurements):
        for contender in CONTENDERS:
            rounds = [one for one in measurements if (one.size, one.contender) == (size, contender.key)]
            if rounds:
                found.append(_row(size, contender, rounds))
    return found


def _row(size: str, contender: Contender, rounds: Sequence[Measurement]) -> Row:
    good = [(one, one.load, one.single_connection) for one in rounds if one.load and one.single_connection]
    if not good:
        return Row(size=size, contender=contender.key, rounds=0, error=rounds[-1].error)
    return Row(
        size=size,
        contender=contender.key,
        rounds=len(good),
        requests_per_second=median(load.requests_per_second for _, load, _ in good),
        p50_ms=median(load.p50_ms for _, load, _ in good),
        p99_ms=median(load.p99_ms for _, load, _ in good),
        single_connection_p50_ms=median(single.p50_ms for _, _, single in good),
        single_connection_p99_ms=median(single.p99_ms for _, _, single in good),
        resident_mb=median(one.resident_mb or 0.0 for one, _, _ in good),
        ready_seconds=median(one.ready_seconds or 0.0 for one, _, _ in good),
    )


def table_of(result: Mapping[str, Any]) -> list[Row]:
    """The rows of results.json."""
    return [Row(**row) for row in result["rows"]]


def targets(result: Mapping[str, Any]) -> list[Target]:
    """Every target of a result, as results.json holds it."""
    table = table_of(result)
    measured = {(row.size, row.contender): row for row in table if row.error is None}
    found: list[Target] = []
    for size in dict.fromkeys(row.size for row in table):
        found += [*_cached_targets(measured, size), *_computed_targets(measured, size), *_own_targets(measured, size)]
    for kernel in result["kernels"]:
        if kernel["films"] >= _BEYOND_THE_CACHES:
            found += _kernel_targets(kernel)
    for overload in result["overload"]:
        found += _overload_targets(overload)
    return found


Measured = Mapping[tuple[str, str], Row]


def _ratio(measured: Measured, size: str, ours: str, other: str) -> float | None:
    """The requests/s of `ours` by those of `other`."""
    mine, theirs = measured.get((size, ours)), measured.get((size, other))
    if mine is None or theirs is None or not theirs.requests_per_second:
        return None
    return mine.requests_per_second / theirs.requests_per_second


def _films(size: str) -> str:
    return f"{SIZES[size].films:,} films"


def _cached_targets(measured: Measured, size: str) -> Iterator[Target]:
    name = f"{_films(size)}: cached over"
    yield Target(
        name=f"{name} raw ASGI's constant", value=_ratio(measured, size, "ours-cached", "constant-asgi"), minimum=0.9
    )
    if (size, "tutorial-best") in measured:
        value = _ratio(measured, size, "ours-cached", "tutorial-best")
        yield Target(name=f"{name} the tutorial's best", value=value, minimum=1500)


def _computed_targets(measured: Measured, size: str) -> Iterator[Target]:
    def over(other: str) -> float | None:
        return _ratio(measured, size, "ours-computed", other)

    name = f"{_films(size)}: computed over"
    if SIZES[size].films < 10_000:
        for peer, minimum in {"mlserver": 5.0, "litserve": 12.0, "bentoml": 12.0}.items():
            yield Target(name=f"{name} {peer}", value=over(peer), minimum=minimum)
        if (size, "tutorial-best") in measured:
            yield Target(name=f"{name} the tutorial's best", value=over("tutorial-best"), minimum=400)
        return
    peers = [value for value in map(over, _PEERS) if value is not None]
    yield Target(name=f"{name} the best peer", value=min(peers, default=None), minimum=5)
    yield Target(name=f"{name} Starlette and numpy", value=over("starlette-numpy"), minimum=2)


def _own_targets(measured: Measured, size: str) -> Iterator[Target]:
    row, weights_mb = measured.get((size, "ours-computed")), SIZES[size].weights_mb
    p50 = row.single_connection_p50_ms if row else 0.0
    yield Target(
        name=f"{_films(size)}: computed, single connection, p99 over p50",
        value=row.single_connection_p99_ms / p50 if row and p50 else None,
        maximum=4,
    )
    yield Target(
        name=f"{_films(size)}: seconds to the first response",
        value=row.ready_seconds if row else None,
        maximum=2.0 if SIZES[size].films >= 1_000_000 else 1.0,
    )
    yield Target(
        name=f"{_films(size)}: resident MB beyond the weights' {weights_mb:.0f}",
        value=row.resident_mb - weights_mb if row else None,
        maximum=80,
    )


def _kernel_targets(kernel: Mapping[str, Any]) -> Iterator[Target]:
    films = f"{kernel['films']:,} films"
    yield Target(
        name=f"{films}: one response, times streaming the factors", value=kernel["batch_1_over_stream"], maximum=1.3
    )
    yield Target(
        name=f"{films}: a batch of 32 over batched numpy", value=kernel["batch_speedup_over_numpy"], minimum=3.5
    )
    index = kernel["approximate"] or {}  # empty where the library of the index is not installed
    yield Target(name=f"{films}, index: single responses over numpy", value=index.get("speedup_over_numpy"), minimum=20)
    yield Target(name=f"{films}, index: recall@10", value=index.get("recall_at_10"), minimum=0.98)
    yield Target(name=f"{films}, index: seen films returned", value=index.get("seen_items_returned"), maximum=0)


def _overload_targets(overload: Mapping[str, Any]) -> Iterator[Target]:
    name = f"{_films(overload['size'])}, overload:"
    other = sum(count for status, count in overload["statuses"].items() if status not in ("200", "503"))
    p99 = overload["latencies"].get("200", {}).get("p99_ms")
    recovery = overload["single_connection_after_ms"]["p50"] / overload["single_connection_before_ms"]["p50"]
    yield Target(name=f"{name} responses that are neither 200 nor 503", value=float(other), maximum=0)
    yield Target(name=f"{name} p99 of the 200s, ms", value=p99, maximum=250)
    yield Target(name=f"{name} p50 a second after over before", value=recovery, maximum=1.25)


def markdown(result: Mapping[str, Any], *, plot: str | None) -> str:
    """The page: machine, a table per size, targets, scoring without HTTP, overload."""
    machine, table = result["machine"], table_of(result)
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    lines = [
        "# Benchmark results",
        "",
        f"{result['date']}, `{result['command']}`, {result['rounds']} rounds of {result['seconds']:g} s, "
        f"commit {machine['commit']}.",
        f"{machine['processor']}, {machine['cores']} cores, {machine['memory_gib']} GiB, {machine['system']}; "
        f"load before: {machine['load_before']}.",
        f"{versions}.",
        "",
        *_PROSE.splitlines(),
    ]
    if plot:
        lines += ["", f"![requests per second of every contender]({plot})"]
    for size in dict.fromkeys(row.size for row in table):
        contenders = [row for row in table if row.size == size]
        lines += ["", f"## {SIZES[size].label}", "", *_HEAD, *map(_line, contenders)]
        lines += [f"\nNot measured: {row.label}: {row.error}" for row in contenders if row.error]
    lines += ["", "## Targets", "", "| | measured | target | met |", "|---|---:|---:|---|"]
    lines += map(_target_line, targets(result))
    for kernel in result["kernels"]:
        lines += ["", *_kernel(kernel)]
    for overload in result["overload"]:
        lines += ["", *_overload(overload)]
    lines += [f"\nFailed: {failure}" for failure in result["failures"]]
    return "\n".join(lines) + "\n"


def number(value: float) -> str:
    """`value` with three digits, thousands separated."""
    if value >= 1000:
        return f"{value:,.0f}"
    if value >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _line(row: Row) -> str:
    if row.error is not None:
        return f"| {row.label} | not measured | | | | | | |"
    cells = (
        row.requests_per_second,
        row.p50_ms,
        row.p99_ms,
        row.single_connection_p50_ms,
        row.single_connection_p99_ms,
    )
    return f"| {row.label} | {' | '.join(map(number, cells))} | {row.resident_mb:.0f} | {row.ready_seconds:.2f} |"


def _target_line(target: Target) -> str:
    if target.value is None:
        return f"| {target.name} | not measured | {target.limit} | |"
    return f"| {target.name} | {number(target.value)} | {target.limit} | {'yes' if target.met else '**no**'} |"


def _kernel(kernel: Mapping[str, Any]) -> list[str]:
    agreement = "the same ten films as numpy's" if kernel["same_top_10"] else "**not the same films as numpy's**"
    lines = [
        f"## Scoring without HTTP, {kernel['films']:,} films ({kernel['megabytes']:.0f} MB of factors)",
        "",
        f"Engine: {kernel['engine']}; {agreement}. numpy and ours use every core. Milliseconds per response.",
        "",
        "| | ms | times the fastest stream |",
        "|---|---:|---:|",
    ]
    for name, value in kernel["milliseconds"].items():
        lines.append(f"| {name} | {number(value)} | {value / kernel['stream_ms']:.2f} |")
    if index := kernel["approximate"]:
        lines += [
            "",
            f"The approximate index has a recall@10 of {index['recall_at_10']:.4f} and returned "
            f"{index['seen_items_returned']} seen films.",
        ]
    return lines


def _overload(overload: Mapping[str, Any]) -> list[str]:
    statuses = ", ".join(
        f"{count:,} x {'broken' if status == '0' else status}" for status, count in overload["statuses"].items()
    )
    before, after = overload["single_connection_before_ms"], overload["single_connection_after_ms"]
    return [
        f"## Overload, {_films(overload['size'])}",
        "",
        f"Capacity {number(overload['capacity_per_second'])} computed responses/s; "
        f"{number(overload['offered_per_second'])}/s offered for {overload['seconds']:g} s, "
        f"{number(overload['sent_per_second'])}/s sent: {statuses}.",
        f"p99 of the 200s {_p99(overload, '200')}, of the 503s {_p99(overload, '503')}, from the moment of sending. "
        f"Median send delay {number(overload['send_delay_ms']['p50_ms'])} ms: the load generator has 2,000 connections "
        "and shares the cores with the service.",
        f"Single connection before: p50 {number(before['p50'])} ms, p99 {number(before['p99'])} ms; a second after: "
        f"p50 {number(after['p50'])} ms, p99 {number(after['p99'])} ms.",
    ]


def _p99(overload: Mapping[str, Any], status: str) -> str:
    latencies = overload["latencies"].get(status)
    return f"{number(latencies['p99_ms'])} ms" if latencies else "unknown (there were none)"
