"""Plots of the model card, drawn from the metrics alone and deterministic."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

_OURS, _OTHER, _FAINT = "#0b63b5", "#c8560b", "#8a8a8a"
_DOTS_PER_INCH = 120


def write_plots(folder: Path, metrics: Mapping[str, Any]) -> None:
    """Write curves.png, calibration.png and long_tail.png to `folder`."""
    for name, draw in (("curves", _curves), ("calibration", _calibration), ("long_tail", _long_tail)):
        figure = Figure(figsize=(7.2, 4.5), layout="constrained")
        draw(figure, metrics)
        figure.savefig(folder / f"{name}.png", dpi=_DOTS_PER_INCH, metadata={"Software": None})


def _curves(figure: Figure, metrics: Mapping[str, Any]) -> None:
    axes = _axes(figure, "Learning curves", "epoch", "RMSE, stars")
    epochs = range(1, len(metrics["validation_rmse"]) + 1)
    best = metrics["best_epoch"]
    axes.plot(epochs, metrics["train_rmse"], color=_OTHER, label="training ratings")
    axes.plot(epochs, metrics["validation_rmse"], color=_OURS, label="validation ratings")
    axes.axvline(best, color=_FAINT, linestyle=":", label=f"best: epoch {best}")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
    axes.legend(frameon=False)


def _calibration(figure: Figure, metrics: Mapping[str, Any]) -> None:
    curve = metrics["calibration"]
    axes = _axes(
        figure,
        f"Calibration on test ratings: mean error {curve['error']:.3f} stars",
        "mean prediction per decile, stars",
        "mean rating, stars",
    )
    predicted = [group["predicted"] for group in curve["groups"]]
    actual = [group["actual"] for group in curve["groups"]]
    ends = [min(predicted + actual), max(predicted + actual)]
    axes.plot(ends, ends, color=_FAINT, linestyle=":", label="perfect")
    axes.plot(predicted, actual, color=_OURS, marker="o", label="this model")
    axes.set_aspect("equal", adjustable="datalim")
    axes.legend(frameon=False)


def _long_tail(figure: Figure, metrics: Mapping[str, Any]) -> None:
    groups = metrics["long_tail"]
    width = 100 / len(groups)  # percent of the films
    axes = _axes(figure, "Long tail", "films by decreasing number of ratings, percentile", "share per bin")
    middles = [width * (place + 0.5) for place in range(len(groups))]
    ratings = [group["ratings_share"] for group in groups]
    listed = [group["listed_share"] for group in groups]
    axes.bar([x - width / 5 for x in middles], ratings, width * 0.4, color=_FAINT, label="of ratings")
    axes.bar([x + width / 5 for x in middles], listed, width * 0.4, color=_OURS, label="of recommendations")
    errors = axes.twinx()
    tested = [(x, group["rmse"]) for x, group in zip(middles, groups, strict=True) if group["rmse"] is not None]
    errors.plot(*zip(*tested, strict=True), color=_OTHER, marker=".", label="test RMSE (right)")
    errors.set_ylabel("RMSE, stars")
    errors.spines["top"].set_visible(False)
    handles = [axis.get_legend_handles_labels() for axis in (axes, errors)]
    axes.legend(handles[0][0] + handles[1][0], handles[0][1] + handles[1][1], frameon=False, loc="upper center")


def _axes(figure: Figure, title: str, horizontal: str, vertical: str) -> Axes:
    axes = figure.subplots()
    axes.set_title(title)
    axes.set_xlabel(horizontal)
    axes.set_ylabel(vertical)
    axes.spines[["top", "right"]].set_visible(False)
    return axes
