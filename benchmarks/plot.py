"""The picture of the result: requests per second of every contender, one panel a size."""

from collections.abc import Sequence
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

from benchmarks.report import Row, number
from benchmarks.sizes import SIZES

_COLOURS = {"ours": "#c2410c", "ceiling": "#cbd5e1", "baseline": "#64748b", "peer": "#2563eb", "tutorial": "#0f172a"}


def draw(rows: Sequence[Row], path: Path) -> None:
    """Write a PNG with horizontal bars on a logarithmic scale; nothing when no row has numbers."""
    good = [row for row in rows if row.error is None and row.requests_per_second > 0]
    sizes = list(dict.fromkeys(row.size for row in good))
    if not sizes:
        return
    most = max(sum(row.size == size for row in good) for size in sizes)
    with mpl.rc_context({"font.size": 9, "axes.spines.top": False, "axes.spines.right": False}):
        figure = Figure(figsize=(5.2 * len(sizes), 0.9 + 0.3 * most), layout="constrained")
        for axes, size in zip(figure.subplots(1, len(sizes), squeeze=False)[0], sizes, strict=True):
            mine = sorted((row for row in good if row.size == size), key=lambda row: row.requests_per_second)
            labels = [row.label.replace("**", "") for row in mine]
            bars = axes.barh(
                labels, [row.requests_per_second for row in mine], color=[_COLOURS[row.kind] for row in mine]
            )
            axes.bar_label(bars, [number(row.requests_per_second) for row in mine], padding=3)
            axes.set_xscale("log")
            axes.margins(x=0.18)
            axes.set_title(SIZES[size].label)
            axes.set_xlabel("requests/s (logarithmic)")
        figure.savefig(path, dpi=120)
