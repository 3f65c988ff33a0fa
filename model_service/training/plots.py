"""Plots of the model card, drawn from the metrics alone and deterministic."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from model_service.training.report import label, split_title

_OURS, _OTHER, _FAINT = "#0b63b5", "#c8560b", "#8a8a8a"
_DOTS_PER_INCH = 120


def plots(metrics: Mapping[str, Any]) -> Mapping[str, str]:
    """The plots that the metrics allow: file name to title."""
    names = {"order.png": "order", "new_users.png": "new users", "long_tail.png": "long tail"}
    if not metrics["order"]["new_users"]["curve"]:
        del names["new_users.png"]
    if "test" in metrics:
        names |= {"curves.png": "learning curves", "calibration.png": "calibration"}
    return names


def write_plots(folder: Path, metrics: Mapping[str, Any]) -> None:
    """Write the `plots` to `folder`."""
    for name in plots(metrics):
        figure = Figure(figsize=(7.2, 4.5), layout="constrained")
        _DRAW[name](figure, metrics)
        figure.savefig(folder / name, dpi=_DOTS_PER_INCH, metadata={"Software": None})


def _order(figure: Figure, metrics: Mapping[str, Any]) -> None:
    split = metrics["order"]["splits"][0]
    axes = _axes(figure, f"Top ten of all unseen films: {split_title(split)}", "NDCG@10, 95 % over users", "")
    results = [(label(name), result["ndcg"]) for name, result in reversed(split["results"].items())]
    for place, (name, (ndcg, low, high)) in enumerate(results):
        color = _OURS if name == label("this_model") else _OTHER
        errors = [[max(ndcg - low, 0)], [max(high - ndcg, 0)]]
        axes.errorbar(ndcg, place, xerr=errors, fmt="o", color=color, capsize=3)
    axes.set_yticks(range(len(results)), [name for name, _ in results])
    axes.set_xlim(left=0)


def _new_users(figure: Figure, metrics: Mapping[str, Any]) -> None:
    curve = metrics["order"]["new_users"]["curve"]
    axes = _axes(figure, "New users, by what is known of them", "known films", "NDCG@10")
    known = [point["known"] for point in curve]
    for key, color, name in (("ndcg", _OURS, "this model"), ("popularity", _OTHER, "popularity")):
        middle, low, high = zip(*(point[key] for point in curve), strict=True)
        axes.plot(known, middle, color=color, marker="o", label=name)
        axes.fill_between(known, low, high, color=color, alpha=0.15)
    axes.set_ylim(bottom=0)
    axes.legend(frameon=False)


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
    tested = [(x, group["rmse"]) for x, group in zip(middles, groups, strict=True) if group["rmse"] is not None]
    if not tested:
        axes.legend(frameon=False, loc="upper center")
        return
    errors = axes.twinx()
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


_DRAW = {
    "order.png": _order,
    "new_users.png": _new_users,
    "long_tail.png": _long_tail,
    "curves.png": _curves,
    "calibration.png": _calibration,
}
