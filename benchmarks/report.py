"""The result as a page of Markdown."""

from collections.abc import Sequence
from typing import Any

from benchmarks.sizes import SIZES
from benchmarks.summary import Ratio, Row

_HEAD = (
    "| | requests/s | p50 ms | p99 ms | alone p50 ms | alone p99 ms | resident MB | ready s |",
    "|---|---:|---:|---:|---:|---:|---:|---:|",
)
_PROSE = """\
Every contender has the same arrays and, checked before anything is timed, gives the same ten films. wrk loads them
over 32 kept connections (4 for the tutorial's service) from the same machine; one worker process and one thread that
computes, ours included, unless said otherwise. The contenders take turns, each started anew in every round; numbers
are medians over the rounds, and only the ratios within one run mean anything elsewhere.

*Kept*: every user was asked for once before, and the bytes of the answer are kept. *Computed*:
`RESPONSE_CACHE_MIB=0`, nothing is kept. *Alone* is one connection. *Resident* is the sum of the proportional set sizes
of all its processes after the load. *Ready* is from the start of the process to its first right answer.
"""


def markdown(result: dict[str, Any], rows: Sequence[Row], ratios: Sequence[Ratio], plot: str | None) -> str:
    """The page: machine, a table a size, ratios, scoring alone, overload."""
    machine = result["machine"]
    versions = ", ".join(f"{name} {version}" for name, version in machine["versions"].items())
    lines = [
        "# Measured",
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
    for size in dict.fromkeys(row.size for row in rows):
        mine = [row for row in rows if row.size == size]
        lines += ["", f"## {SIZES[size].label}", "", *_HEAD, *map(_line, mine)]
        lines += [f"\nNot measured: {row.label}: {row.error}" for row in mine if row.error]
    lines += [
        "",
        "## Ratios within this run",
        "",
        "| | measured | wished for | |",
        "|---|---:|---:|---|",
        *map(_ratio, ratios),
    ]
    for kernel in result["kernels"]:
        lines += ["", *_kernel(kernel)]
    for seen in result["overload"]:
        lines += ["", *_overload(seen)]
    lines += [f"\nFailed: {failure}" for failure in result["failures"]]
    return "\n".join(lines) + "\n"


def number(value: float) -> str:
    """`value` with three digits, thousands separated."""
    if value >= 1000:
        return f"{value:,.0f}"
    if value >= 100:
        return f"{value:.0f}"
    return f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _p99(seen: dict[str, Any], status: str) -> str:
    latencies = seen["latencies"].get(status)
    return f"{number(latencies['p99_ms'])} ms" if latencies else "unknown (there were none)"


def _line(row: Row) -> str:
    if row.error is not None:
        return f"| {row.label} | not measured | | | | | | |"
    cells = (row.requests_per_second, row.p50_ms, row.p99_ms, row.alone_p50_ms, row.alone_p99_ms)
    return f"| {row.label} | {' | '.join(map(number, cells))} | {row.resident_mb:.0f} | {row.ready_seconds:.2f} |"


def _ratio(ratio: Ratio) -> str:
    wished = f"≥ {ratio.at_least:g}" if ratio.at_least is not None else f"≤ {ratio.at_most:g}"
    if ratio.value is None:
        return f"| {ratio.claim} | not measured | {wished} | |"
    return f"| {ratio.claim} | {number(ratio.value)} | {wished} | {'yes' if ratio.met else '**no**'} |"


def _kernel(kernel: dict[str, Any]) -> list[str]:
    together = "the same ten films as numpy's" if kernel["same_films"] else "**not the same films as numpy's**"
    found = kernel["approximate"]
    lines = [
        f"## Scoring alone, {kernel['films']:,} films ({kernel['megabytes']:.0f} MB of factors)",
        "",
        f"Engine: {kernel['engine']}; {together}. numpy and ours use every core. Milliseconds for one answer.",
        "",
        "| | ms | times the fastest stream |",
        "|---|---:|---:|",
    ]
    for name, value in kernel["milliseconds"].items():
        lines.append(f"| {name} | {number(value)} | {value / kernel['stream_ms']:.2f} |")
    if found:
        lines += [
            "",
            f"The approximate index finds {found['recall_at_10']:.4f} of the ten best unseen films, and told "
            f"{found['seen_films_told']} that had been seen.",
        ]
    return lines


def _overload(seen: dict[str, Any]) -> list[str]:
    statuses = ", ".join(
        f"{count:,} x {status if status != '0' else 'broken'}" for status, count in seen["statuses"].items()
    )
    lines = [
        f"## Overload, {SIZES[seen['size']].films:,} films",
        "",
        f"It takes {number(seen['takes_per_second'])} computed answers/s; {number(seen['offered_per_second'])}/s were "
        f"offered for {seen['seconds']:g} s and {number(seen['sent_per_second'])}/s sent: {statuses}.",
        f"p99 of the 200s {_p99(seen, '200')}, of the 503s {_p99(seen, '503')}, each from the moment of sending. "
        f"The median request was sent {number(seen['late_ms']['p50_ms'])} ms late: the crowd has two thousand "
        "connections, the same cores as the service, and sends nothing where an answer is still awaited.",
    ]
    before, after = seen["alone_before_ms"], seen["alone_after_ms"]
    lines.append(
        f"One by one before: p50 {number(before['p50'])} ms, p99 {number(before['p99'])} ms; a second after the load: "
        f"p50 {number(after['p50'])} ms, p99 {number(after['p99'])} ms."
    )
    return lines
