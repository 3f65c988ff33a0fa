"""Pictures of the data: the long tail of the items, ratings per user, and the values."""

from collections.abc import Sequence
from pathlib import Path

import numpy as np


def plot_data(
    items: Sequence[int], users: Sequence[int], values: Sequence[tuple[float, int]], *, title: str, path: Path
) -> None:
    """Write a PNG of ratings per item and per user, most first on logarithmic axes, and of the values' frequencies."""
    from matplotlib.figure import Figure

    figure = Figure(figsize=(12, 3.6), layout="constrained")
    axes = figure.subplots(1, 3)
    for axis, counts, name in ((axes[0], items, "items"), (axes[1], users, "users")):
        ordered = np.sort(np.asarray(counts))[::-1]
        axis.loglog(np.arange(1, len(ordered) + 1), ordered)
        axis.set(title=f"Ratings of {name}", xlabel=f"{name}, most ratings first", ylabel="ratings")
    labels = [f"{value:g}" for value, _ in values]
    axes[2].bar(range(len(labels)), [count for _, count in values])
    step = max(1, len(labels) // 10)
    axes[2].set_xticks(range(0, len(labels), step), labels[::step])
    axes[2].set(title="Values", xlabel="value", ylabel="ratings")
    figure.suptitle(title)
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.savefig(path, dpi=120)
