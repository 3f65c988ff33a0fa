"""What a training run can be told; no torch, so that the command line can show its defaults at once."""

from dataclasses import dataclass, field

from model_service.data.ratings import Ratings


@dataclass(frozen=True, kw_only=True)
class ModelConfig:
    """Size and regularisation of the model; raises ValueError for numbers that make no model.

    factors: length k of a user's and of a film's vector.
    c_vector, c_bias: weights of the squared vectors and of the squared biases in the loss.
    """

    users: int
    items: int
    factors: int = 10
    c_vector: float = 0.1
    c_bias: float = 0.02

    def __post_init__(self) -> None:
        if min(self.users, self.items, self.factors) < 1:
            raise ValueError("users, items and factors have to be at least 1")
        if min(self.c_vector, self.c_bias) < 0:
            raise ValueError("c_vector and c_bias cannot be negative")


@dataclass(frozen=True, kw_only=True)
class FitConfig:
    """How to train; raises ValueError for numbers that train nothing.

    epochs: passes over the ratings, at most. patience: epochs without a better validation error before stopping.
    batch_size: ratings a step. learning_rate: Adam's step size.
    """

    epochs: int = 60
    patience: int = 3
    batch_size: int = 2048
    learning_rate: float = 0.01
    seed: int = 0

    def __post_init__(self) -> None:
        if min(self.epochs, self.patience, self.batch_size) < 1:
            raise ValueError("epochs, patience and batch_size have to be at least 1")
        if self.learning_rate <= 0:
            raise ValueError("learning_rate has to be greater than 0")


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """Everything that decides which model the ratings give; see ModelConfig and FitConfig for the meaning."""

    factors: int = ModelConfig.factors
    c_vector: float = ModelConfig.c_vector
    c_bias: float = ModelConfig.c_bias
    fit: FitConfig = field(default_factory=FitConfig)

    def model_config(self, ratings: Ratings) -> ModelConfig:
        """The sizes of a model for `ratings`."""
        return ModelConfig(
            users=len(ratings.user_ids),
            items=len(ratings.item_ids),
            factors=self.factors,
            c_vector=self.c_vector,
            c_bias=self.c_bias,
        )
