"""The generated part of the performance page, from benchmarks/results.json."""

import json
from collections.abc import Iterable
from typing import Any

from benchmarks.paths import HERE
from benchmarks.report import number, table_of, targets

RESULTS = HERE / "results.json"
SIZES = {"1682": "1,682 films, k = 10", "62000": "62,000 films, k = 64", "1000000": "1,000,000 films, k = 64"}
CONTENDERS = {
    "constant-asgi": "raw ASGI, a constant response",
    "ours-cached": "**ours**, cached",
    "ours-computed": "**ours**, computed",
    "starlette-numpy": "Starlette and numpy",
    "mlserver": "MLServer",
    "litserve": "LitServe",
    "bentoml": "BentoML",
    "ray": "Ray Serve",
    "tutorial-best": "the tutorial's Flask service at its best (two workers)",
}


def load_result() -> dict[str, Any]:
    """The content of results.json."""
    return dict(json.loads(RESULTS.read_text(encoding="utf-8")))


def speed() -> str:
    """A table of requests per second, then scoring without HTTP, overload and missed targets in words."""
    result = load_result()
    rate = {(row.contender, row.size): row.requests_per_second for row in table_of(result) if not row.error}
    lines = [f"| | {' | '.join(SIZES.values())} |", f"|---|{'---:|' * len(SIZES)}"]
    for key, label in CONTENDERS.items():
        cells = (number(rate[key, size]) if (key, size) in rate else "" for size in SIZES)
        lines.append(f"| {label} | {' | '.join(cells)} |")
    return "\n".join([*lines, "", *_sentences(result)])


def _sentences(result: dict[str, Any]) -> list[str]:
    [kernel] = result["kernels"]
    overload = result["overload"]
    p99 = _listed(number(one["latencies"]["200"]["p99_ms"]) for one in overload)
    sent = _listed(f"{one['sent_per_second'] / one['capacity_per_second']:.1f}" for one in overload)
    missed = [f"{one.name}: {number(one.value or 0.0)}, target {one.limit}" for one in targets(result) if not one.met]
    lines = [
        f"Requests per second, medians of {result['rounds']} rounds, {result['date'][:10]}, "
        f"{result['machine']['processor']}, {result['machine']['cores']} cores.",
        "",
        f"Scoring without HTTP, a million films ({kernel['megabytes']:.0f} MB of factors), both cores: an exact "
        f"response takes {kernel['batch_1_over_stream']:.2f} of the time in which the factors can be streamed through "
        "memory once, since a first pass over 8-bit copies with a proven bound leaves few films to score in full; a "
        f"batch of 32 is {kernel['batch_speedup_over_numpy']:.1f} times as fast as batched numpy.",
    ]
    if index := kernel["approximate"]:
        lines.append(
            f"The approximate index, off by default (`annMinItems`), is {index['speedup_over_numpy']:.0f} times as "
            f"fast as numpy and has a recall@10 of {index['recall_at_10']:.3f}."
        )
    lines += [
        "",
        f"Overload at twice the capacity for {overload[0]['seconds']:g} s ({sent} times the capacity were sent: the "
        f"load generator shares the cores): 200s and 503s only; p99 of the 200s {p99} ms at the three sizes.",
        f"Missed targets: {'; '.join(missed)}." if missed else "All targets met.",
    ]
    return lines


def _listed(parts: Iterable[str]) -> str:
    *most, last = parts
    return f"{', '.join(most)} and {last}"
