"""The training pipeline: choose rankers and hyperparameters, evaluate, train on all ratings, write the artifact."""

import platform
from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np

from model_service.artifact import write_artifact
from model_service.data.ratings import Ratings
from model_service.metadata import Metadata
from model_service.training.baseline import train_baselines
from model_service.training.config import TrainConfig
from model_service.training.epochs import threads
from model_service.training.evaluation import (
    evaluate_long_tail,
    evaluate_new_users,
    evaluate_order,
    evaluate_stars,
    served_scores,
)
from model_service.training.factors import Factors
from model_service.training.interactions import (
    Interactions,
    liked_from,
    log_mean,
    relevance_threshold,
    typical_value,
)
from model_service.training.model_card import write_model_card
from model_service.training.ranker_search import POPULARITY, Candidate, Choice, choose_ranker, fit_ranker
from model_service.training.rankers import RankingModel, load_ranker
from model_service.training.report import failed_gates
from model_service.training.split import Split, available_splits, split_ratings
from model_service.training.stars import StarsChoice, choose_stars
from model_service.training.to_weights import to_weights
from model_service.training.trainers import fit

_LIBRARIES = ("torch", "scikit-surprise", "scipy", "numpy", "safetensors")
_READERS = ("pyarrow",)  # not installed where only generated ratings are trained on
_MAX_EVERY_SPLIT = 2_000_000  # ratings; above, only the split that decides is evaluated
_EMBEDDING = "ials"  # the ranker whose item vectors tell similar items where the winner has none


class GateError(Exception):
    """The trained model is worse than a simple one, and nothing was written; `metrics` are those of the artifact."""

    def __init__(self, problems: list[str], metrics: Mapping[str, Any]) -> None:
        super().__init__("; ".join(problems))
        self.metrics = metrics


@dataclass(frozen=True, kw_only=True)
class TrainOptions:
    """What is trained and checked, beside the hyperparameters.

    given: fields of TrainConfig that are not tuned. ranker: a name, None: the best on the validation ratings.
    split: of `SPLITS`, None: by time where there are times. gate: refuse a model that is worse than a simple one.
    report: of reading the ratings, for the metadata.
    """

    given: Collection[str] = ()
    ranker: str | None = None
    split: str | None = None
    gate: bool = True
    report: Mapping[str, Any] | None = None


def train(ratings: Ratings, *, config: TrainConfig, out: Path, options: TrainOptions | None = None) -> Metadata:
    """Train and write the artifact to `out`; returns its metadata with the metrics of the model and the baselines.

    Rankers and hyperparameters are chosen on the validation ratings, the metrics are those of models trained without
    the test ratings, and the written models are trained on all ratings. Raises GateError, and leaves `out` as it is,
    when the test ratings show that the top ten are worse than popularity, or the stars worse than biases only.
    """
    options = options or TrainOptions()
    with threads(1):  # the order is trained by threads of its own, and those of PyTorch wait in loops
        return _train(ratings, config, out, options)


def _train(ratings: Ratings, config: TrainConfig, out: Path, options: TrainOptions) -> Metadata:
    seed = config.seed
    names = [options.split] if options.split else available_splits(ratings)
    splits = [split_ratings(ratings, name=name, seed=seed) for name in names]
    choice = choose_ranker(ratings, splits[0], ranker=options.ranker, seed=seed)
    rated = splits[0].rated(ratings) if ratings.has_stars else None
    stars = None if rated is None else choose_stars(ratings, rated, config, given=options.given)
    metrics = _evaluate(ratings, splits, choice, rated, stars, options, seed=seed)
    problems = failed_gates(metrics)
    if problems and options.gate:
        raise GateError(problems, metrics)
    everything = np.arange(len(ratings))
    data = Interactions.of(ratings, everything)
    ranking = _fit_final_ranking(choice, data, seed)
    final = None
    if stars is not None:
        final = _fit_stars(ratings, everything[ratings.is_rated], stars, label="training on all")
        metrics["served_scores"] = served_scores(ranking, final, ratings, seed=seed)
    prior = metrics["order"]["new_users"]["prior"]
    fold_in = ranking.new_users(prior)
    popular = _popularity(choice)
    weights, items = to_weights(
        ratings, ranking, fold_in, final, popularity=data.popularity(popular.settings["half_life_days"])
    )
    return write_artifact(
        out,
        weights=weights,
        items=items,
        data={**ratings.describe(), **({"input": options.report} if options.report else {})},
        hyperparameters={
            **(stars.config if stars else config).to_metadata(),
            "ranking": {
                "ranker": choice.winner.ranker,
                "settings": dict(choice.winner.settings),
                "fold_in_prior": prior,
                "fold_in_ridge": fold_in.ridge,
                "fold_in_shift": fold_in.shift,
                "lowest_rating": None if ratings.scale is None else ratings.scale[0],
                "highest_rating": None if ratings.scale is None else ratings.scale[1],
                "log_mean": log_mean(ratings),
                "typical_value": typical_value(ratings),
            },
        },
        metrics=metrics,
        libraries={"python": platform.python_version(), **_versions()},
        attach=write_model_card,
    )


def _evaluate(
    ratings: Ratings,
    splits: list[Split],
    choice: Choice,
    rated: Split | None,
    stars: StarsChoice | None,
    options: TrainOptions,
    *,
    seed: int,
) -> dict[str, Any]:
    """The metrics of the artifact but for the scores of the final model; `rated`: the ratings in the first split."""
    first = splits[0]
    metrics: dict[str, Any] = {"nothing_to_learn": _nothing_to_learn(ratings, rated)}
    others: dict[str, Any] = {}
    model = None
    if rated is not None and stars is not None:
        model = _fit_stars(ratings, rated.train_and_validation, stars, label="training to evaluate")
        baselines = train_baselines(ratings, rated, seed=seed)
        metrics |= {
            "best_epoch": stars.search.epochs,
            "validation_rmse": [round(value, 5) for value in stars.search.validation_rmse],
            "train_rmse": [round(value, 5) for value in stars.search.train_rmse],
            **evaluate_stars(model, baselines, ratings, rated),
        }
        others = {"by_stars": model.scores}
        others |= {name: factors.scores for name, factors in baselines.models.items() if name != "biases_only"}
    if ratings.oracle is not None:
        others["oracle"] = ratings.oracle
    order = evaluate_order(ratings, first, choice, others=others, seed=seed)
    evaluated = [order.metrics]
    if len(ratings) <= _MAX_EVERY_SPLIT:
        for split in splits[1:]:
            own_choice = choose_ranker(ratings, split, ranker=options.ranker, seed=seed)
            evaluated.append(evaluate_order(ratings, split, own_choice, others={}, seed=seed).metrics)
    metrics["order"] = {
        "length": 10,
        "liked_from": liked_from(ratings),
        "too_few_liked": _too_few_liked(ratings),
        "splits": evaluated,
        "new_users": evaluate_new_users(ratings, first, choice.winner, seed=seed),
    }
    metrics["long_tail"] = evaluate_long_tail(order.lists, model, ratings, first, rated)
    return metrics


def _too_few_liked(ratings: Ratings) -> dict[str, float] | None:
    """The lowest rating of a liked item and the number of such ratings, where all that was watched counts as liked."""
    if ratings.scale is None or liked_from(ratings) is not None:
        return None
    least = relevance_threshold(ratings.scale)
    return {"from": least, "ratings": int((ratings.values >= least).sum())}


def _nothing_to_learn(ratings: Ratings, rated: Split | None) -> list[str]:
    reasons = []
    if len(ratings.item_ids) == 1:
        reasons.append("there is one film only")
    if len(ratings.user_ids) == 1:
        reasons.append("there is one user only")
    if ratings.scale is not None and not len(ratings.given):
        reasons.append("no film was rated, only watched, so there are no stars to predict")
    elif ratings.scale is not None and not ratings.has_stars:
        reasons.append(f"all ratings are {ratings.given[0]:g}, so there are no stars to predict")
    elif ratings.scale is not None and rated is None:
        reasons.append(f"{len(ratings.given):,} films that were rated are too few to train and test the stars")
    return reasons


def _fit_stars(ratings: Ratings, positions: "np.ndarray[Any, Any]", stars: StarsChoice, *, label: str) -> Factors:
    config = replace(stars.config, epochs=stars.search.epochs)
    return Factors.of(fit(ratings, train=positions, validation=None, config=config, label=label).model)


def _fit_final_ranking(choice: Choice, data: Interactions, seed: int) -> RankingModel:
    """The winner; popularity has no vectors, and takes those of implicit ALS for similar items."""
    ranking = fit_ranker(choice.winner, data, seed=seed)
    if choice.winner.ranker != POPULARITY:
        return ranking
    settings = next((found.settings for found in choice.best if found.ranker == _EMBEDDING), None)
    settings = settings or load_ranker(_EMBEDDING).search_space(data)[0]
    vectors = fit_ranker(Candidate(ranker=_EMBEDDING, settings=settings, ndcg=0.0), data, seed=seed).item_factors
    return ranking.with_items(vectors)


def _popularity(choice: Choice) -> Candidate:
    return next(
        (found for found in choice.best if found.ranker == POPULARITY),
        Candidate(ranker=POPULARITY, settings={"half_life_days": None}, ndcg=0.0),
    )


def _versions() -> dict[str, str]:
    return {name: version(name) for name in (*_LIBRARIES, *(name for name in _READERS if find_spec(name)))}
