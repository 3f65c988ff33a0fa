"""The model card: what the model is for, how good it is, where it fails, how to make it again.

Source: Mitchell et al., "Model Cards for Model Reporting", 2019 (the sections).
"""

from pathlib import Path

from model_service.metadata import Metadata
from model_service.training.plots import write_plots
from model_service.training.report import markdown_table, verdicts

CARD_FILE = "MODEL_CARD.md"
_METHODS = {"als": "alternating least squares", "sgd": "stochastic gradient descent (Adam)"}


def write_model_card(folder: Path, metadata: Metadata) -> None:
    """Write MODEL_CARD.md and its pictures to `folder`; they follow from the metadata and nothing else."""
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
        f"{settings['factors']} factors, trained by {_METHODS[settings['method']]}.",
        "## Intended use",
        "Ten films, best first, for a person whose ratings were learned from, and rough predictions of single "
        "ratings. For people it does not know it has popular films, or what a few of their ratings tell. It is not "
        "meant to judge people or films, nor for decisions of any weight.",
        "## Data",
        f"{data['source']}: {data['ratings']:,} ratings from {low:g} to {high:g} of {data['items']:,} films by "
        f"{data['users']:,} users.\n\nFingerprint (SHA-256): `{data['fingerprint']}`\n\n"
        "Random split: 10 % for the test, 9 % to choose the number of epochs, 81 % to learn from; tested as trained "
        "on the latter two. The model in this folder then learned from all ratings in the same way.",
        "## Quality",
        f"On {metrics['test_ratings']:,} test ratings, and on lists for {ranking['users']:,} users with a film "
        f"rated {ranking['liked_from']:g} or better among them:",
        markdown_table(metrics),
        "RMSE and MAE in stars. NDCG, precision and recall at 10: the user's held-out films put in order. Unseen "
        "NDCG: ten films picked from all that the user has not rated, where a film that the user never rated is a "
        "miss, however good; this favours popularity. Coverage: films that get onto anybody's list.",
        "\n".join(f"- {verdict}" for verdict in verdicts(metrics)),
        f"Calibration: predictions are off by {metrics['calibration']['error']:.3f} stars on average over tenths of "
        f"the ratings. The ten scores told to a user are {served['mean']:.3f} ± {served['std']:.3f} stars "
        f"({served['users']:,} users); serving that differs much from this has drifted.",
        "![error while learning](curves.png)\n\n![calibration](calibration.png)\n\n![long tail](long_tail.png)",
        "## Limits",
        _limits(metadata),
        "## How to make it again",
        f"```\n{command(metadata)}\n```\n\nThe same data, settings and library versions give the same model version "
        "on the same kind of machine: sums in another order (other processors, a GPU) differ in their last bits.",
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


def _limits(metadata: Metadata) -> str:
    limits = [
        "It learned from ratings that people chose to give; what they would never watch is not in them.",
        "It knows nothing of time: old ratings count as much as new ones, and new films do not occur until the next "
        "training.",
        "Films with few ratings are held near the average, so that they are seldom recommended; see the long tail.",
        "It repeats the tastes of those who rate most, and says nothing of why.",
    ]
    if metadata.data["source"].startswith("synthetic"):
        limits.insert(
            0,
            "The ratings, titles and genres are invented: figures say how well the method finds the "
            "structure that was put in, not how well it serves people.",
        )
    return "\n".join(f"- {limit}" for limit in limits)
