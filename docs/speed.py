"""What README tells of the benchmark's results, written from benchmarks/results.json."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

RESULTS = Path(__file__).resolve().parent.parent / "benchmarks" / "results.json"
SIZES = {"1682": "1,682 films, k = 10", "62000": "62,000 films, k = 64", "1000000": "1,000,000 films, k = 64"}
CONTENDERS = {
    "constant-asgi": "raw ASGI, a constant answer",
    "ours-kept": "**ours**, asked before (the answer's bytes are kept)",
    "ours-computed": "**ours**, computed",
    "starlette-numpy": "Starlette and numpy",
    "mlserver": "MLServer",
    "litserve": "LitServe",
    "bentoml": "BentoML",
    "ray": "Ray Serve",
    "tutorial-best": "the tutorial's Flask service at its best (two workers)",
}


def speed() -> str:
    """A table of requests per second, and in words what else was measured and what was not reached."""
    from benchmarks.report import number

    result = json.loads(RESULTS.read_text(encoding="utf-8"))
    rate = {(row["contender"], row["size"]): row["requests_per_second"] for row in result["rows"] if not row["error"]}
    lines = [f"| | {' | '.join(SIZES.values())} |", f"|---|{'---:|' * len(SIZES)}"]
    for key, label in CONTENDERS.items():
        cells = (number(rate[key, size]) if (key, size) in rate else "" for size in SIZES)
        lines.append(f"| {label} | {' | '.join(cells)} |")
    return "\n".join([*lines, "", *_words(result, number)])


def _words(result: dict[str, Any], number: Any) -> list[str]:
    [kernel] = result["kernels"]
    p99 = _listed(number(one["latencies"]["200"]["p99_ms"]) for one in result["overload"])
    sent = _listed(f"{one['sent_per_second'] / one['takes_per_second']:.1f}" for one in result["overload"])
    missed = [
        f"{one['claim']}: {number(one['value'])}, where {_wish(one)} was wished for"
        for one in result["ratios"]
        if one["met"] is False
    ]
    lines = [
        f"Requests per second, medians of {result['rounds']} rounds, {result['date'][:10]}, "
        f"{result['machine']['processor']}, {result['machine']['cores']} cores. Scoring alone, a million films "
        f"({kernel['megabytes']:.0f} MB of factors), both cores: one exact answer takes "
        f"{kernel['alone_over_stream']:.2f} of the time in which the factors can be streamed through memory once, "
        f"since a first pass over 8-bit copies with a proven bound leaves few films to score in full; 32 answers at "
        f"once are {kernel['together_over_numpy']:.1f} times as fast as batched numpy."
    ]
    if kernel["approximate"]:
        found = kernel["approximate"]
        lines.append(
            f"The approximate index, off by default (`annMinItems`), is {found['over_numpy']:.0f} times as fast "
            f"as numpy one by one and finds {found['recall_at_10']:.3f} of the ten best."
        )
    lines.append(
        f"Offered twice the load that it takes for half a minute (sent, by a crowd that waits for answers on the same "
        f"cores: {sent} times), it answers 200 or 503 and nothing else, and 99 of 100 of the 200s come within {p99} ms "
        "at the three sizes."
    )
    lines.append(f"Not reached in that run: {'; '.join(missed)}." if missed else "Nothing wished for was missed.")
    return lines


def _listed(parts: Iterable[str]) -> str:
    *most, last = parts
    return f"{', '.join(most)} and {last}"


def _wish(ratio: dict[str, Any]) -> str:
    return f"≥ {ratio['at_least']:g}" if ratio["at_least"] is not None else f"≤ {ratio['at_most']:g}"
