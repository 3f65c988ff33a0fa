"""Metrics as text: tables for the terminal and the model card, and comparisons with the baselines."""

from collections.abc import Mapping
from typing import Any

_NAMES = {
    "this_model": "this model",
    "surprise_svd_tuned": "Surprise SVD, tuned",
    "surprise_svd": "Surprise SVD, defaults",
    "biases_only": "biases only",
    "popularity": "popularity",
    "random": "random",
}
_DASH = "-"
HEADER = ("test ratings", "RMSE", "MAE", "NDCG@10", "precision", "recall", "unseen NDCG@10", "coverage")


def rows(metrics: Mapping[str, Any]) -> list[tuple[str, ...]]:
    """One row per model or baseline with the columns of HEADER; a dash for a missing figure."""
    errors = {"this_model": metrics["test"], **metrics["baselines"]}
    held_out, unseen = metrics["ranking"]["held_out"], metrics["ranking"]["unseen"]
    table = []
    for name, label in _NAMES.items():
        if name not in held_out:
            continue
        error, ranked, all_unseen = errors.get(name, {}), held_out[name], unseen[name]
        figures = (error.get("rmse"), error.get("mae"), ranked["ndcg"], ranked["precision"], ranked["recall"])
        cells = [_DASH if figure is None else f"{figure:.4f}" for figure in (*figures, all_unseen["ndcg"])]
        table.append((label, *cells, f"{all_unseen['coverage']:.1%}"))
    return table


def terminal_table(metrics: Mapping[str, Any]) -> str:
    """The table in aligned columns."""
    table = [HEADER, *rows(metrics)]
    widths = [max(len(row[column]) for row in table) for column in range(len(HEADER))]
    return "\n".join(
        "  ".join(
            [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        )
        for row in table
    )


def markdown_table(metrics: Mapping[str, Any]) -> str:
    """The table in Markdown."""
    table = [HEADER, ("---", *["---:"] * (len(HEADER) - 1)), *rows(metrics)]
    return "\n".join(f"| {' | '.join(row)} |" for row in table)


def verdicts(metrics: Mapping[str, Any]) -> list[str]:
    """One sentence per comparison, lost ones included."""
    baselines, ranking = metrics["baselines"], metrics["ranking"]
    own = metrics["test"]["rmse"]
    lines = []
    for name in ("surprise_svd_tuned", "surprise_svd", "biases_only"):
        if name in baselines:
            other = baselines[name]["rmse"]
            lines.append(
                _compared(f"Test RMSE {own:.4f}", "no worse than" if own <= other else "WORSE than", name, other)
            )
    if not baselines:
        lines.append("No baselines: too many ratings for scikit-surprise.")
    elif "surprise_svd_tuned" not in baselines:
        lines.append("No tuned SVD: too many ratings to tune it.")
    strategies = {"held_out": "of the held-out films", "unseen": "of all unseen films"}
    for strategy, what in strategies.items():
        if not ranking["users"]:
            lines.append(f"No ranking {what}: no user has a relevant film among the test ratings.")
            continue
        ours, popular = (ranking[strategy][name]["ndcg"] for name in ("this_model", "popularity"))
        word = "better than" if ours > popular else "WORSE than"
        lines.append(_compared(f"NDCG@10 {what} {ours:.4f}", word, "popularity", popular))
    return lines


def is_worse(metrics: Mapping[str, Any]) -> bool:
    """Whether a baseline has a lower test RMSE."""
    return any(other["rmse"] < metrics["test"]["rmse"] for other in metrics["baselines"].values())


def _compared(own: str, word: str, name: str, other: float) -> str:
    return f"{own}: {word} {_NAMES[name]} ({other:.4f})."
