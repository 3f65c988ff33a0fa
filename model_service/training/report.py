"""Metrics as text: tables for the terminal and the model card, comparisons with the baselines, and the gate."""

from collections.abc import Mapping, Sequence
from typing import Any

from model_service.training.ranker_search import POPULARITY
from model_service.training.rankers import load_ranker, ranker_names
from model_service.training.split import SPLITS

Table = Sequence[tuple[str, ...]]

_NAMES = {
    "this_model": "this model",
    "surprise_svd_tuned": "Surprise SVD, tuned",
    "surprise_svd": "Surprise SVD, defaults",
    "biases_only": "biases only",
    "by_stars": "this model's stars as the order",
    "oracle": "oracle (the generator's own truth)",
    "random": "random",
}
_DASH = "-"
MIN_USERS = 10
"""With fewer, an interval over users says nothing."""
_ORDER_HEADER = ("order of all unseen films", "NDCG@10", "95 %", "precision", "recall", "coverage", "novelty", "Gini")
_STARS_HEADER = ("stars of test ratings", "RMSE", "this model's less, 95 %", "MAE", "NDCG@10 held out")
_NEW_HEADER = ("known films", "users", "NDCG@10", "95 %", "popularity")
_ACTIVITY_HEADER = ("ratings of a user", "users", "NDCG@10", "95 %", "popularity")


def label(name: str) -> str:
    """The display name of a model, ranker or baseline."""
    return _NAMES.get(name) or (load_ranker(name).DESCRIPTION if name in ranker_names() else name)


def tables(metrics: Mapping[str, Any]) -> list[Table]:
    """The order on each split, the stars if any, users by activity, new users; a header is the first row."""
    found: list[Table] = [_order_table(order) for order in metrics["order"]["splits"]]
    if "test" in metrics:
        found.append(_stars_table(metrics))
    activity = [
        (f"{low:,} to {high:,}", *_compared_cells(group))
        for group in metrics["order"]["splits"][0]["activity"]
        for low, high in [group["ratings"]]
    ]
    new = [(str(point["known"]), *_compared_cells(point)) for point in metrics["order"]["new_users"]["curve"]]
    found += [[header, *rows] for header, rows in ((_ACTIVITY_HEADER, activity), (_NEW_HEADER, new)) if rows]
    return found


def terminal_tables(metrics: Mapping[str, Any]) -> str:
    """The tables in aligned columns."""
    return "\n\n".join(_aligned(table) for table in tables(metrics))


def markdown_tables(metrics: Mapping[str, Any]) -> str:
    """The tables in Markdown."""
    return "\n\n".join(_markdown(table) for table in tables(metrics))


def verdicts(metrics: Mapping[str, Any]) -> list[str]:
    """One sentence per comparison, lost ones included; worse or better only where the interval says so."""
    lines = [f"Nothing to learn: {reason}." for reason in metrics["nothing_to_learn"]]
    order = metrics["order"]
    if few := order.get("too_few_liked"):
        count = f"Only {few['ratings']:,}" if few["ratings"] else "None"
        lines.append(f"{count} of the ratings reach {few['from']:g}: every film that was watched counts as liked.")
    chosen = order["splits"][0]["chosen"]
    if chosen["ranker"] == POPULARITY:
        lines.append("No model beats popularity on the validation ratings: the lists are the most liked films.")
    else:
        lines.append(f"The order is that of {label(chosen['ranker'])}, the best on the validation ratings.")
    for split in order["splits"]:
        lines += _order_verdicts(split)
    if "test" not in metrics:
        return [*lines, "No stars: the data has none to predict."]
    if metrics["test_users"] < MIN_USERS:
        return [*lines, f"Too few users to compare the stars: {metrics['test_users']}, of {MIN_USERS}."]
    own = metrics["test"]["rmse"]
    for name, difference in metrics["rmse_differences"].items():
        word = _word(difference, lower_is_better=True)
        lines.append(f"Test RMSE {own:.4f}: {word} {label(name)} ({metrics['baselines'][name]['rmse']:.4f}).")
    if "surprise_svd_tuned" not in metrics["baselines"]:
        lines.append("No tuned SVD: too many ratings to tune it.")
    return lines


def failed_gates(metrics: Mapping[str, Any]) -> list[str]:
    """Why the model should not replace another: the lists are worse than popularity, or the stars than biases only."""
    problems = []
    split = metrics["order"]["splits"][0]
    if split["users"] >= MIN_USERS and split["differences"][POPULARITY][2] < 0:
        own, other = (split["results"][name]["ndcg"][0] for name in ("this_model", POPULARITY))
        problems.append(f"the top ten (NDCG@10 {own:.4f}) are worse than popularity ({other:.4f})")
    enough = "test" in metrics and metrics["test_users"] >= MIN_USERS
    if enough and metrics["rmse_differences"]["biases_only"][1] > 0:
        own, other = metrics["test"]["rmse"], metrics["baselines"]["biases_only"]["rmse"]
        problems.append(f"the stars (RMSE {own:.4f}) are worse than biases only ({other:.4f})")
    return problems


def split_title(split: Mapping[str, Any]) -> str:
    """What is in the test set of a split."""
    return SPLITS[split["split"]]


def _order_verdicts(split: Mapping[str, Any]) -> list[str]:
    if split["users"] < MIN_USERS:
        return [f"Too few users to compare the order on {split_title(split)}: {split['users']}, of {MIN_USERS}."]
    own = split["results"]["this_model"]["ndcg"][0]
    return [
        f"NDCG@10 {own:.4f} on {split_title(split)}: {_word(split['differences'][name], lower_is_better=False)} "
        f"{label(name)} ({split['results'][name]['ndcg'][0]:.4f})."
        for name in (POPULARITY, "ease")
        if name in split["differences"]
    ]


def _word(difference: Sequence[float], *, lower_is_better: bool) -> str:
    _, low, high = difference
    if low <= 0 <= high:
        return "no different from"
    return "better than" if (high < 0) == lower_is_better else "WORSE than"


def _order_table(split: Mapping[str, Any]) -> Table:
    header = (f"{_ORDER_HEADER[0]}: {split_title(split)}", *_ORDER_HEADER[1:])
    rows = []
    for name, result in split["results"].items():
        title = label(name)
        if name == "this_model":
            title = f"this model: {label(split['chosen']['ranker'])}"
        ndcg, low, high = result["ndcg"]
        rows.append(
            (
                title,
                f"{ndcg:.4f}",
                f"{low:.3f} to {high:.3f}",
                f"{result['precision']:.4f}",
                f"{result['recall']:.4f}",
                f"{result['coverage']:.1%}",
                f"{result['novelty']:.2f}",
                f"{result['gini']:.2f}",
            )
        )
    return [header, *rows]


def _stars_table(metrics: Mapping[str, Any]) -> Table:
    rows = []
    for name, error in {"this_model": metrics["test"], **metrics["baselines"]}.items():
        difference = metrics["rmse_differences"].get(name)
        interval = _DASH if difference is None else f"{difference[1]:+.4f} to {difference[2]:+.4f}"
        ndcg = error["held_out_ndcg"]
        order = _DASH if ndcg is None else f"{ndcg:.4f}"
        rows.append((label(name), f"{error['rmse']:.4f}", interval, f"{error['mae']:.4f}", order))
    return [_STARS_HEADER, *rows]


def _compared_cells(point: Mapping[str, Any]) -> tuple[str, ...]:
    ndcg, low, high = point["ndcg"]
    return f"{point['users']:,}", f"{ndcg:.4f}", f"{low:.3f} to {high:.3f}", f"{point['popularity'][0]:.4f}"


def _aligned(table: Table) -> str:
    widths = [max(len(row[column]) for row in table) for column in range(len(table[0]))]
    return "\n".join(
        "  ".join(
            [row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]
        )
        for row in table
    )


def _markdown(table: Table) -> str:
    lines = [table[0], ("---", *["---:"] * (len(table[0]) - 1)), *table[1:]]
    return "\n".join(f"| {' | '.join(row)} |" for row in lines)
