"""The model card: intended use, data, metrics, limitations, and the command that reproduces the model.

Source: Mitchell et al., "Model Cards for Model Reporting", 2019 (the sections).
"""

import shlex
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from model_service.metadata import Metadata
from model_service.training.plots import plots, write_plots
from model_service.training.report import label, markdown_tables, split_title, verdicts
from model_service.training.trainers import load_trainer

CARD_FILE = "MODEL_CARD.md"
_SHOWN_FILES = 4


def write_model_card(folder: Path, metadata: Metadata) -> None:
    """Write MODEL_CARD.md and its plots to `folder`, from the metadata alone."""
    write_plots(folder, metadata.metrics)
    (folder / CARD_FILE).write_text(model_card(metadata), encoding="utf-8")


def model_card(metadata: Metadata) -> str:
    """The card as Markdown."""
    data, metrics, settings = metadata.data, metadata.metrics, metadata.hyperparameters
    order = metrics["order"]
    chosen = settings["ranking"]
    values = "counts" if data["scale"] is None else "ratings from {:g} to {:g}".format(*data["scale"])
    sections = [
        f"# Model card: film recommender {metadata.short_version}",
        f"**Order** of the films: {label(chosen['ranker'])} ({_settings(chosen['settings'])}), the best of "
        f"{order['splits'][0]['tried']} fits by NDCG@10 on validation ratings. {_stars_model(metadata)}",
        "## Intended use",
        "Top-10 film recommendations for users in the training data"
        + (", and approximate predictions of single ratings" if "test" in metrics else "")
        + ". For new users: popular films, or recommendations from a few ratings (fold-in). Not intended to assess "
        "people or films, nor for consequential decisions.",
        "## Data",
        f"{data['source']}: {data['ratings']:,} {values} of {data['items']:,} films by {data['users']:,} users"
        f"{_seen_not_rated(data)}{_unrated(data)}.{_input(data)}"
        f"\n\nFingerprint (SHA-256): `{data['fingerprint']}`\n\n{_splits(order)} A tenth of the rest is for "
        "validation (rankers, hyperparameters, number of epochs). The metrics are those of models trained without the "
        "test ratings; those in this folder are trained on all ratings with the same hyperparameters.",
        "## Metrics",
        _definitions(order),
        markdown_tables(metrics),
        "\n".join(f"- {verdict}" for verdict in verdicts(metrics)),
        _candidates(order["splits"][0]),
        *_stars_sections(metrics),
        "\n\n".join(f"![{title}]({file})" for file, title in plots(metrics).items()),
        "## Limitations",
        _limitations(metadata),
        "## Reproduction",
        f"```\n{command(metadata)}\n```\n\nThe same data, hyperparameters and library versions give the same model "
        "version on the same kind of machine. On other processors or a GPU, sums differ in their last bits.",
        "## Versions",
        "\n".join(f"- {name} {version}" for name, version in sorted(metadata.libraries.items())),
        f"Model version: `{metadata.model_version}`",
    ]
    return "\n\n".join(sections) + "\n"


def _seen_not_rated(data: Mapping[str, Any]) -> str:
    if not data["seen_not_rated"]:
        return ""
    return (
        f", {data['seen_not_rated']:,} of them without a number: films that were watched and not rated count like a "
        "typical rating for the order, and not for the stars"
    )


def _unrated(data: Mapping[str, Any]) -> str:
    if not data["unrated"]:
        return ""
    return f"; {data['unrated']:,} more films without a rating, whose vectors are predicted from genres and year"


def _input(data: Mapping[str, Any]) -> str:
    """What was read, and what became of each row; empty for ratings that were not read from files."""
    read = data.get("input")
    if not read:
        return ""
    rows = read["rows"]
    parts = [f"{rows['kept']:,} kept"]
    if rows["merged"]:
        parts.append(f"{rows['merged']:,} merged with others of the same user and item ({rows['duplicates']})")
    parts += [f"{count:,} left out ({clause})" for clause, count in rows["skipped"].items()]
    files = "; ".join(f"`{file['name']}` ({file['read_as']})" for file in read["files"][:_SHOWN_FILES])
    more = f" and {len(read['files']) - _SHOWN_FILES} more" if len(read["files"]) > _SHOWN_FILES else ""
    span = f" Times from {read['span'][0]} to {read['span'][1]}." if read["span"] else ""
    tail = (
        f" The most rated tenth of the films has {read['top_tenth_of_items']:.0%} of the ratings; density "
        f"{read['density']:.3%}."
    )
    warnings = "".join(f"\n- {warning}" for warning in read["warnings"])
    text = f"\n\nRead from {files}{more}: {read['values']}. {rows['read']:,} rows: {', '.join(parts)}.{span}{tail}"
    return text + (f"\n{warnings}" if warnings else "")


def _stars_model(metadata: Metadata) -> str:
    settings = metadata.hyperparameters
    if "test" not in metadata.metrics:
        return "The data has no **stars** to predict."
    return (
        "**Stars**: matrix factorisation with biases, r̂(u, i) = μ + b_u + b_i + p_u · q_i with "
        f"{settings['factors']} factors, trained by {load_trainer(settings['method']).DESCRIPTION}."
    )


def _settings(settings: Mapping[str, Any]) -> str:
    return ", ".join(f"{name} {value}" for name, value in settings.items()) or "no settings"


def _splits(order: Mapping[str, Any]) -> str:
    titles = [split_title(split) for split in order["splits"]]
    if len(titles) == 1:
        return f"Test ratings: {titles[0]}."
    return f"Test ratings: {titles[0]}, which decide; also measured: {'; '.join(titles[1:])}."


def _definitions(order: Mapping[str, Any]) -> str:
    liked = order["liked_from"]
    hits = "every test film is a hit" if liked is None else f"hits are the test films rated at least {liked:g}"
    return (
        f"Order: all films without a training rating of the user are ranked, {hits}; a film that the user never rated "
        "counts as a miss, which favours popularity. Intervals: 95 %, bootstrap over users. Coverage: share of the "
        "films on any list. Novelty: mean of -log2 of the share of users who rated a listed film, in bits. Gini: "
        "inequality of the films' places on lists."
    )


def _candidates(split: Mapping[str, Any]) -> str:
    rows = [
        f"| {label(found['ranker'])} | {_settings(found['settings'])} | {found['validation_ndcg']:.4f} |"
        for found in split["candidates"]
    ]
    return "\n".join(["| ranker | best settings | validation NDCG@10 |", "| --- | --- | ---: |", *rows])


def _stars_sections(metrics: Mapping[str, Any]) -> list[str]:
    if "test" not in metrics:
        return []
    served = metrics["served_scores"]
    return [
        f"Stars: RMSE and MAE on {metrics['test_ratings']:,} test ratings; NDCG@10 of a user's test films ordered by "
        f"stars. Calibration error over deciles: {metrics['calibration']['error']:.3f} stars. Stars of the top-10 "
        f"lists: {served['mean']:.3f} ± {served['std']:.3f} ({served['users']:,} users), the reference for drift "
        "monitoring."
    ]


def command(metadata: Metadata) -> str:
    """The command line that trains this model."""
    settings = {name: value for name, value in metadata.hyperparameters.items() if name != "ranking"}
    split = metadata.metrics["order"]["splits"][0]["split"]
    settings |= {"ranker": metadata.hyperparameters["ranking"]["ranker"], "split": split}
    flags = [f"--{name.replace('_', '-')} {value}" for name, value in sorted(settings.items())]
    data = []
    if not metadata.data["source"].startswith("synthetic"):
        data = ["--data PATH", *map(shlex.quote, metadata.data.get("input", {}).get("options", ()))]
    return " ".join(["python -m model_service.training", *data, *flags])


def _limitations(metadata: Metadata) -> str:
    limits = [
        "Selection bias: users chose what to rate, so films that they would never watch are missing from the data.",
        "The order is learned from what people watched: a low rating counts less than a high one, not against a film.",
        "New films are placed by their genres and year alone until they are rated and the model is trained again.",
        "Long tail: films with few ratings are rarely recommended.",
        "Users who rate most have the largest influence on what is recommended.",
    ]
    if metadata.data["source"].startswith("synthetic"):
        limits.insert(
            0,
            "Synthetic data: ratings, titles and genres are invented. The metrics show how well the method recovers "
            "the generated structure, not how well it serves users.",
        )
    return "\n".join(f"- {limit}" for limit in limits)
