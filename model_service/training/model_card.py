"""The model card: intended use, data, metrics, limitations, and the command that reproduces the model.

Source: Mitchell et al., "Model Cards for Model Reporting", 2019 (the sections).
"""

from pathlib import Path

from model_service.metadata import Metadata
from model_service.training.plots import write_plots
from model_service.training.report import markdown_table, verdicts
from model_service.training.trainers import load_trainer

CARD_FILE = "MODEL_CARD.md"


def write_model_card(folder: Path, metadata: Metadata) -> None:
    """Write MODEL_CARD.md and its plots to `folder`, from the metadata alone."""
    write_plots(folder, metadata.metrics)
    (folder / CARD_FILE).write_text(model_card(metadata), encoding="utf-8")


def model_card(metadata: Metadata) -> str:
    """The card as Markdown."""
    data, metrics, settings = metadata.data, metadata.metrics, metadata.hyperparameters
    low, high = data["scale"]
    ranking, served = metrics["ranking"], metrics["served_scores"]
    sections = [
        f"# Model card: film recommender {metadata.short_version}",
        "Matrix factorisation with biases, r̂(u, i) = μ + b_u + b_i + p_u · q_i with "
        f"{settings['factors']} factors, trained by {load_trainer(settings['method']).DESCRIPTION}.",
        "## Intended use",
        "Top-10 film recommendations for users in the training data, and approximate predictions of single ratings. "
        "For new users: popular films, or recommendations from a few ratings (fold-in). Not intended to assess people "
        "or films, nor for consequential decisions.",
        "## Data",
        f"{data['source']}: {data['ratings']:,} ratings from {low:g} to {high:g} of {data['items']:,} films by "
        f"{data['users']:,} users.\n\nFingerprint (SHA-256): `{data['fingerprint']}`\n\n"
        "Random split: 81 % training, 9 % validation (number of epochs), 10 % test. The metrics are those of a model "
        "trained on the first two; the model in this folder is trained on all ratings with the same hyperparameters.",
        "## Metrics",
        f"On {metrics['test_ratings']:,} test ratings; ranking for the {ranking['users']:,} users with a relevant film "
        f"(rated at least {ranking['liked_from']:g}) among them:",
        markdown_table(metrics),
        "RMSE and MAE in stars. NDCG, precision and recall at 10 rank the user's held-out films. Unseen NDCG ranks all "
        "films without a training rating of the user; films that the user never rated count as not relevant, which "
        "favours popularity. Coverage: share of films on any list.",
        "\n".join(f"- {verdict}" for verdict in verdicts(metrics)),
        f"Calibration error over deciles: {metrics['calibration']['error']:.3f} stars. Scores of the top-10 lists: "
        f"{served['mean']:.3f} ± {served['std']:.3f} stars ({served['users']:,} users), the reference for drift "
        "monitoring.",
        "![learning curves](curves.png)\n\n![calibration](calibration.png)\n\n![long tail](long_tail.png)",
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


def command(metadata: Metadata) -> str:
    """The command line that trains this model."""
    flags = [f"--{name.replace('_', '-')} {value}" for name, value in sorted(metadata.hyperparameters.items())]
    data = [] if metadata.data["source"].startswith("synthetic") else ["--data FOLDER"]
    return " ".join(["python -m model_service.training", *data, *flags])


def _limitations(metadata: Metadata) -> str:
    limits = [
        "Selection bias: users chose what to rate, so films that they would never watch are missing from the data.",
        "No time: old ratings weigh as much as new ones; new films need a new training.",
        "Long tail: films with few ratings are shrunk towards the average and rarely recommended.",
        "Users who rate most have the largest influence on what is recommended.",
    ]
    if metadata.data["source"].startswith("synthetic"):
        limits.insert(
            0,
            "Synthetic data: ratings, titles and genres are invented. The metrics show how well the method recovers "
            "the generated structure, not how well it serves users.",
        )
    return "\n".join(f"- {limit}" for limit in limits)
