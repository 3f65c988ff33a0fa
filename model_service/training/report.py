"""Tables of the metrics for the terminal and the model card, and their verdicts."""

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
    """A row of cells for each contender, HEADER's columns; a dash where there is no figure."""
    errors = {"this_model": metrics["test"], **metrics["baselines"]}
    held_out, unseen = metrics["ranking"]["held_out"], metrics["ranking"]["unseen"]
    table = []
    for name, label in _NAMES.items():
        if name not in held_out:
            continue
        error, order, reach = errors.get(name, {}), held_out[name], unseen[name]
        figures = (error.get("rmse"), error.get("mae"), order["ndcg"], order["precision"], order["recall"])
        cells = [_DASH if figure is None else f"{figure:.4f}" for figure in (*figures, reach["ndcg"])]
        table.append((label, *cells, f"{reach['coverage']:.1%}"))
    return table


def terminal_table(metrics: Mapping[str, Any]) -> str:
    """The table in columns."""
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
    """One sentence for each comparison, also where the model loses it."""
    baselines, ranking = metrics["baselines"], metrics["ranking"]
    own = metrics["test"]["rmse"]
    sentences = []
    for name in ("surprise_svd_tuned", "surprise_svd", "biases_only"):
        if name in baselines:
            other = baselines[name]["rmse"]
            sentences.append(
                _compared(f"Test RMSE {own:.4f}", "no worse than" if own <= other else "WORSE than", name, other)
            )
    if not baselines:
        sentences.append("No baselines: too many ratings for scikit-surprise.")
    elif "surprise_svd_tuned" not in baselines:
        sentences.append("No tuned SVD: too many ratings to try its settings.")
    questions = {"held_out": "of the held-out films", "unseen": "of all unseen films"}
    for question, what in questions.items():
        if not ranking["users"]:
            sentences.append(f"No ranking {what}: no user has a liked film among the test ratings.")
            continue
        ours, popular = (ranking[question][name]["ndcg"] for name in ("this_model", "popularity"))
        word = "better than" if ours > popular else "WORSE than"
        sentences.append(_compared(f"NDCG@10 {what} {ours:.4f}", word, "popularity", popular))
    return sentences


def is_worse(metrics: Mapping[str, Any]) -> bool:
    """Whether a baseline has a lower test RMSE."""
    return any(other["rmse"] < metrics["test"]["rmse"] for other in metrics["baselines"].values())


def _compared(own: str, word: str, name: str, other: float) -> str:
    return f"{own}: {word} {_NAMES[name]} ({other:.4f})."
