"""What a training run can be told; no torch, so that the command line can show its defaults at once."""

from dataclasses import dataclass, field

from model_service.data.ratings import Ratings

METHODS = ("als", "sgd")
MIN_ALS_REG = 1e-4


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """Size and regularisation of the model; raises ValueError for numbers that make no model.

    factors: length k of a user's and of a film's vector.
    reg_factors, reg_bias: weights of the squared vectors and of the squared biases in the loss, for each rating.
    shrinkage: a row is held to zero as if it had this many more ratings than it has. Without it, the one film that
        a single person loved gets a bias of more than a star and leads the lists of all.
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
    """How to train; raises ValueError for numbers that train nothing.

    method: `als`, alternating least squares, or `sgd`, minibatches with Adam; batch_size and learning_rate are `sgd`'s.
        Their errors are the same within 0.002 stars, `als` takes a ninth of the time (benchmarks/training.md).
    epochs: passes over the ratings, at most. patience: epochs without a better validation error before stopping.
    batch_size: ratings a step. learning_rate: Adam's step size.
    """

    method: str = "als"
    epochs: int = 60
    patience: int = 3
    batch_size: int = 2048
    learning_rate: float = 0.01
    seed: int = 0

    def __post_init__(self) -> None:
        if self.method not in METHODS:
            raise ValueError(f"method is {self.method!r}; it has to be one of {', '.join(METHODS)}")
        if min(self.epochs, self.patience, self.batch_size) < 1:
            raise ValueError("epochs, patience and batch_size have to be at least 1")
        if self.learning_rate <= 0:
            raise ValueError("learning_rate has to be greater than 0")


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """Everything that decides which model the ratings give; see ModelConfig and FitConfig for the meaning."""

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
