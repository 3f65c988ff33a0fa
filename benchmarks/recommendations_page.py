"""The page of `benchmarks.recommendations` in Markdown."""

import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

COMMAND = ".venv/bin/python -m benchmarks.recommendations --data FOLDER --write"
TOLERANCE = 0.03  # of NDCG; what serves may be so much below the better of popularity and EASE

_LABELS = {
    "serves": "**what serves**",
    "popularity": "popularity, liked count",
    "popularity_by_time": "popularity, half-life chosen",
    "ease": "EASE, full model",
}
_SPLITS = {"last": "last tenth of each user", "random": "random tenth", "cutoff": "last tenth of the time"}

Result = Mapping[str, Any]  # DataResult as a dict


def page(results: Sequence[Result], machine: Mapping[str, Any], *, seed: int) -> str:
    """The whole page."""
    lines = [
        "# Recommendations on public data",
        "",
        f"`{COMMAND}`",
        "",
        f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC, seed {seed}, commit {machine['commit']}.",
        f"Seen on {machine['cores']} shared cores ({platform.machine()}, {machine['processor']}) with load",
        f"{machine['load_before']} before; nothing here is a time.",
        "",
        "NDCG@10 among all items that a user has not rated; held-out liked ones are the hits. In brackets 95 %, by",
        "bootstrap over users. Settings were chosen on validation ratings, then all rankers trained on all ratings but",
        "those of the test.",
        "EASE is the full model, as with the inverse of the whole matrix. The rival of what serves is the better of",
        "popularity and EASE by the test itself, which favours the rival.",
        "",
        *_verdict(results),
        "",
        *_summary(results),
    ]
    return "\n".join(lines) + "\n" + "".join(f"\n{section(result)}" for result in results)


def section(result: Result) -> str:
    """One data set."""
    data = result["data"]
    scale = "counts" if data["scale"] is None else f"on a scale of {data['scale'][0]:g} to {data['scale'][1]:g}"
    lines = [
        f"## {result['title']}",
        "",
        f"{data['ratings']:,} ratings of {data['items']:,} items by {data['users']:,} users, {scale}, "
        f"{'with' if data['times'] else 'without'} times.",
    ]
    for split in result["splits"]:
        lines += ["", f"### {_SPLITS[split['split']].capitalize()}", "", *_split(split)]
    return "\n".join([*lines, "", "### Neighbours", "", *_neighbours(result["neighbours"])]) + "\n"


def _verdict(results: Sequence[Result]) -> list[str]:
    below = [
        f"{result['title']}, {_SPLITS[split['split']]}: {split['ratio']:.3f}"
        for result in results
        for split in result["splits"]
        if split["ratio"] < 1 - TOLERANCE
    ]
    if not below:
        return [f"Nowhere is what serves more than {TOLERANCE:.0%} below its rival.".replace("%", " %")]
    first = f"What serves is more than {TOLERANCE:.0%} below its rival here:".replace("%", " %")
    return [first, "", *(f"- {line}" for line in below)]


def _summary(results: Sequence[Result]) -> list[str]:
    lines = [
        "| data, test set | users | what serves | NDCG@10 | popularity | EASE | ratio to the rival | difference |",
        "| --- | ---: | --- | ---: | ---: | ---: | ---: | ---: |",
    ]
    for result in results:
        for split in result["splits"]:
            rankers = split["rankers"]
            popularity = max(found["ndcg"][0] for name, found in rankers.items() if name.startswith("popularity"))
            lines.append(
                f"| {result['title']}, {_SPLITS[split['split']]} | {split['users']:,} | {rankers['serves']['ranker']} "
                f"| {rankers['serves']['ndcg'][0]:.4f} | {popularity:.4f} | {rankers['ease']['ndcg'][0]:.4f} "
                f"| {split['ratio']:.3f} | {interval(split['difference'], signed=True)} |"
            )
    return lines


def _split(split: Mapping[str, Any]) -> list[str]:
    rankers = split["rankers"]
    lines = [
        f"{split['users']:,} users evaluated.",
        "",
        "| | settings | NDCG@10 | coverage | novelty, bits | Gini |",
        "| --- | --- | ---: | ---: | ---: | ---: |",
    ]
    for name, found in rankers.items():
        label = f"{_LABELS[name]}: {found['ranker']}" if name == "serves" else _LABELS[name]
        settings = ", ".join(f"{key} {_value(value)}" for key, value in found["settings"].items())
        lines.append(
            f"| {label} | {settings} | {interval(found['ndcg'])} | {found['coverage'] * 100:.1f} % "
            f"| {found['novelty']:.2f} | {found['gini']:.3f} |"
        )
    lines += [
        "",
        f"Ratio of what serves to its rival ({_LABELS[split['rival']]}): {split['ratio']:.3f}; "
        f"difference, the same users drawn for both: {interval(split['difference'], signed=True)}.",
    ]
    if not split["curve"]:
        return [*lines, "", "There are too few users to leave some out of the training as new ones."]
    lines += [
        "",
        f"Users whom the model never saw, by how many of their items it knows (a prior of {split['prior']:g}):",
        "",
        "| known | users | fold-in, NDCG@10 | popularity |",
        "| ---: | ---: | ---: | ---: |",
    ]
    for point in split["curve"]:
        lines.append(
            f"| {point['known']} | {point['users']:,} | {interval(point['ndcg'])} | {interval(point['popularity'])} |"
        )
    return lines


def _neighbours(found: Mapping[str, Any]) -> list[str]:
    return [
        f"By the factors of {found['ranker']}, trained on all ratings. Of the ten nearest of the 50 most rated items,",
        f"{found['strangers'] * 100:.1f} % have at most three ratings.",
        "",
        *(f"- **{title}**: {'; '.join(near)}" for title, near in found["examples"].items()),
    ]


def interval(found: Sequence[float], *, signed: bool = False) -> str:
    """`mean [low, high]` to four decimals."""
    form = "+.4f" if signed else ".4f"
    mean, low, high = (format(value, form) for value in found)
    return f"{mean} [{low}, {high}]"


def _value(value: object) -> str:
    return "none" if value is None else f"{value:g}" if isinstance(value, float) else str(value)
