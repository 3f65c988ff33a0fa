"""Settings of a training run; imports no torch, so that the command line shows its defaults at once."""

import pkgutil
from collections.abc import Sequence
from dataclasses import dataclass, field

from model_service.data.ratings import Ratings
from model_service.training import trainers

MIN_ALS_REG = 1e-4


def methods() -> Sequence[str]:
    """The names of the trainers: the modules of `trainers`."""
    return sorted(module.name for module in pkgutil.iter_modules(trainers.__path__))


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """Size and regularisation of the model; raises ValueError for values out of range.

    factors: length k of a user's and of an item's vector.
    reg_factors, reg_bias: L2 weights of the vectors and of the biases, per rating.
    shrinkage: a row is regularised as if it had this many more ratings. Without it, an item with a single high
        rating gets a bias of more than a star and leads every list.
    """

    users: int
    items: int
    factors: int = 10
    reg_factors: float = 0.06
    reg_bias: float = 0.05
    shrinkage: float = 50.0

    def __post_init__(self) -> None:
        if min(self.users, self.items, self.factors) < 1:
            raise ValueError("users, items and factors have to be at least 1")
        if min(self.reg_factors, self.reg_bias, self.shrinkage) < 0:
            raise ValueError("reg_factors, reg_bias and shrinkage cannot be negative")


@dataclass(frozen=True, kw_only=True)
class FitConfig:
    """Settings of the optimisation; raises ValueError for values out of range.

    method: a trainer. `als`: alternating least squares; `sgd`: minibatches with Adam, which alone uses batch_size and
        learning_rate. Their errors differ by less than 0.002 stars; `als` takes a ninth of the time
        (benchmarks/training.md).
    epochs: maximum number of passes over the ratings. patience: epochs without a lower validation error before
        stopping.
    batch_size: ratings per step. learning_rate: Adam's step size.
    """

    method: str = "als"
    epochs: int = 60
    patience: int = 3
    batch_size: int = 2048
    learning_rate: float = 0.01
    seed: int = 0

    def __post_init__(self) -> None:
        if self.method not in methods():
            raise ValueError(f"method is {self.method!r}; it has to be one of {', '.join(methods())}")
        if min(self.epochs, self.patience, self.batch_size) < 1:
            raise ValueError("epochs, patience and batch_size have to be at least 1")
        if self.learning_rate <= 0:
            raise ValueError("learning_rate has to be greater than 0")


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """All settings of a training run; see ModelConfig and FitConfig."""

    factors: int = ModelConfig.factors
    reg_factors: float = ModelConfig.reg_factors
    reg_bias: float = ModelConfig.reg_bias
    shrinkage: float = ModelConfig.shrinkage
    fit: FitConfig = field(default_factory=FitConfig)

    def __post_init__(self) -> None:
        if self.fit.method == "als" and min(self.reg_factors, self.reg_bias) < MIN_ALS_REG:
            raise ValueError(
                f"reg_factors is {self.reg_factors:g} and reg_bias {self.reg_bias:g}; method als needs at least "
                f"{MIN_ALS_REG:g} for each, or a user with few ratings has no single best vector. "
                "Use --method sgd for less"
            )

    def model_config(self, ratings: Ratings) -> ModelConfig:
        """The sizes of a model for `ratings`."""
        return ModelConfig(
            users=len(ratings.user_ids),
            items=len(ratings.item_ids),
            factors=self.factors,
            reg_factors=self.reg_factors,
            reg_bias=self.reg_bias,
            shrinkage=self.shrinkage,
        )
