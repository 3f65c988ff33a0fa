"""The hyperparameters of the stars, chosen by validation RMSE."""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from model_service.data.ratings import Ratings
from model_service.training.baseline import descend
from model_service.training.config import TrainConfig
from model_service.training.early_stopping import FitResult
from model_service.training.split import Split
from model_service.training.trainers import fit

_AXES: Sequence[tuple[str, Sequence[Any]]] = (
    ("reg_factors", (0.04, 0.08)),
    ("factors", (20,)),
    ("shrinkage", (20.0,)),
    ("reg_bias", (0.02,)),
)
TUNED = tuple(name for name, _ in _AXES)
"""The fields of TrainConfig that are chosen unless they are given."""
_MANY = 2_000_000  # ratings; above, a training takes minutes, and only the first of them is chosen
_SEARCH_METHOD = "als"  # minimises what every method minimises, in the least time


@dataclass(frozen=True, kw_only=True)
class StarsChoice:
    """The chosen hyperparameters, and the training that chose the number of epochs."""

    config: TrainConfig
    search: FitResult


def choose_stars(ratings: Ratings, split: Split, config: TrainConfig, *, given: Collection[str]) -> StarsChoice:
    """Try a few values of each of TUNED that is not `given`, then find the number of epochs with `config.method`.

    split: of ratings only, see `Split.rated`.
    """

    def search(settings: Mapping[str, Any], method: str, label: str) -> FitResult:
        chosen = replace(config, method=method, **settings)
        return fit(ratings, train=split.train, validation=split.validation, config=chosen, label=label)

    axes = [(name, values) for name, values in _AXES if name not in given]
    axes = axes if len(ratings.given) <= _MANY else axes[:1]
    start = {name: getattr(config, name) for name in TUNED}
    method = config.method if not axes or {"reg_factors", "reg_bias"} & {*given} else _SEARCH_METHOD
    best = descend(
        lambda settings: min(search(settings, method, "").validation_rmse), start, axes, label="tuning the stars"
    )
    found = search(best, config.method, "finding epochs")
    return StarsChoice(config=replace(config, **best), search=found)
