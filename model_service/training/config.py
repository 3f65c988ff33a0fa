"""Hyperparameters of a training run; imports no PyTorch, so that the command line prints its help at once."""

from dataclasses import dataclass, field, fields
from typing import Any

from model_service.training.trainers import load_trainer, methods


def _option(default: Any, minimum: float, help: str, alias: str | None = None) -> Any:
    return field(default=default, metadata={"minimum": minimum, "help": help, "alias": alias})


@dataclass(frozen=True, kw_only=True)
class TrainConfig:
    """Hyperparameters; the only declaration of their defaults, minima and command-line help.

    Raises ValueError for a value below its minimum, an unknown method, or weights too small for the method.
    An alias is the option's second name on the command line and its key in the artifact's metadata.
    """

    factors: int = _option(10, 1, "length k of the user and item vectors")
    reg_factors: float = _option(0.06, 0.0, "L2 weight of the vectors, per rating", alias="c_vector")
    reg_bias: float = _option(0.05, 0.0, "L2 weight of the biases, per rating", alias="c_bias")
    # Without shrinkage, a film that one user rated 5 gets a bias above a star and tops everybody's list.
    shrinkage: float = _option(50.0, 0.0, "ratings added to those of each user and film in the L2 penalty")
    # als and sgd minimise the same objective, with errors within 0.002 stars; als takes a ninth of the time
    # (benchmarks/training.md).
    method: str = "als"
    epochs: int = _option(60, 1, "maximum passes over the ratings")
    patience: int = _option(3, 1, "epochs without a better validation error before stopping")
    batch_size: int = _option(2048, 1, "ratings per step of sgd")
    learning_rate: float = _option(0.01, 1e-6, "Adam's step size in sgd")
    seed: int = _option(0, 0, "seed of synthetic data, split and initial weights")

    def __post_init__(self) -> None:
        needed = _min_reg(self.method)
        for option in fields(self):
            minimum, value = option.metadata.get("minimum"), getattr(self, option.name)
            if minimum is not None and not value >= minimum:
                raise ValueError(f"{option.name} is {value:g}; allowed: at least {minimum:g}")
        reg = min(self.reg_factors, self.reg_bias)
        if reg < needed:
            others = " or ".join(method for method in methods() if _min_reg(method) <= reg)
            raise ValueError(
                f"reg_factors is {self.reg_factors:g} and reg_bias {self.reg_bias:g}; method {self.method} needs at "
                f"least {needed:g} for each. To fix it: raise them, or use --method {others}"
            )

    def to_metadata(self) -> dict[str, Any]:
        """The hyperparameters that `method` reads, by their keys in the artifact's metadata."""
        optional = {name for method in methods() for name in load_trainer(method).SETTINGS}
        unused = optional - {*load_trainer(self.method).SETTINGS}
        return {
            option.metadata.get("alias") or option.name: getattr(self, option.name)
            for option in fields(self)
            if option.name not in unused
        }


def _min_reg(method: str) -> float:
    return float(getattr(load_trainer(method), "MIN_REG", 0.0))
