"""Alternating least squares: its optimum, and the objective shared with gradient descent."""

from dataclasses import replace

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from model_service.data.ratings import Ratings
from model_service.data.synthetic import Shape, generate_ratings
from model_service.training.config import TrainConfig
from model_service.training.factors import Factors
from model_service.training.model import MatrixFactorization
from model_service.training.trainers import fit, methods


@pytest.fixture(scope="module")
def ratings() -> Ratings:
    return generate_ratings(seed=4, shape=Shape(users=60, items=80, ratings=1800))


def _learned(ratings: Ratings, method: str, chosen: NDArray[np.int64], epochs: int) -> MatrixFactorization:
    config = TrainConfig(factors=3, method=method, epochs=epochs, batch_size=len(ratings), learning_rate=0.02)
    return fit(ratings, train=chosen, validation=None, config=config, label=method).model


def _objective(model: MatrixFactorization, ratings: Ratings) -> torch.Tensor:
    users, items = torch.from_numpy(ratings.user_rows), torch.from_numpy(ratings.item_rows)
    model.set_weights(torch.bincount(users), torch.bincount(items))
    return model.loss(users, items, torch.from_numpy(ratings.values))


def test_after_many_sweeps_the_gradient_is_zero(ratings: Ratings) -> None:
    model = _learned(ratings, "als", np.arange(len(ratings)), 300)
    _objective(model, ratings).backward()  # type: ignore[no-untyped-call]
    for name, parameter in model.named_parameters():
        assert parameter.grad is not None
        assert parameter.grad.abs().max() < 2e-6, name
    assert model.user_factors.abs().max() > 0.1


def test_the_last_half_sweep_is_the_ridge_solution(ratings: Ratings) -> None:
    chosen = np.arange(0, len(ratings), 2)
    model = _learned(ratings, "als", chosen, 4)
    arrays = Factors.of(model)
    reg_factors, reg_bias, shrinkage = (
        getattr(model.config, name) for name in ("reg_factors", "reg_bias", "shrinkage")
    )
    for item in (0, 7, 79):
        own = chosen[ratings.item_rows[chosen] == item]
        users = ratings.user_rows[own]
        z = np.column_stack((arrays.users[users], np.ones(len(own)))).astype(np.float64)
        target = ratings.values[own].astype(np.float64) - arrays.mean - arrays.user_bias[users]
        penalty = (len(own) + shrinkage) * np.diag([reg_factors] * 3 + [reg_bias])
        solution = np.linalg.solve(z.T @ z + penalty, z.T @ target)
        np.testing.assert_allclose([*arrays.items[item], arrays.item_bias[item]], solution, atol=2e-5)


def test_gradient_descent_reaches_no_lower_objective(ratings: Ratings) -> None:
    everything = np.arange(len(ratings))
    exact = _objective(_learned(ratings, "als", everything, 200), ratings).item()
    steps = _objective(_learned(ratings, "sgd", everything, 600), ratings).item()
    assert exact == pytest.approx(steps, rel=0.02)
    assert exact < steps * 1.005


def test_rows_without_a_rating_get_zeros(ratings: Ratings) -> None:
    chosen = np.flatnonzero((ratings.user_rows != 11) & (ratings.item_rows != 5))
    arrays = Factors.of(_learned(ratings, "als", chosen, 3))
    assert not arrays.users[11].any()
    assert not arrays.items[5].any()
    assert arrays.user_bias[11] == arrays.item_bias[5] == 0
    assert np.count_nonzero(arrays.user_bias) == 59


def test_shrinkage_keeps_a_film_with_one_rating_near_the_average() -> None:
    shape = Shape(users=60, items=80, ratings=1800)
    base = generate_ratings(seed=4, shape=shape)
    third = base.item_rows == 2
    keep = np.flatnonzero(~third | (base.user_rows == base.user_rows[third][0]))
    values = base.values.copy()
    values[third] = 5.0
    once = Ratings(
        users=base.users.take(keep),
        items=base.items.take(keep),
        values=values[keep],
        catalogue=base.catalogue,
        scale=base.scale,
        source="one rating of film 3",
    )
    everything = np.arange(len(once))
    item = once.item_ids.row("3")
    biases = {}
    for shrinkage in (0.0, 50.0):
        config = TrainConfig(factors=3, shrinkage=shrinkage, epochs=5)
        model = fit(once, train=everything, validation=None, config=config, label="one").model
        biases[shrinkage] = float(Factors.of(model).item_bias[item])
    assert 0 < biases[50.0] < 0.6 * biases[0.0]


def test_regularisation_too_small_for_als_is_refused() -> None:
    with pytest.raises(
        ValueError, match=r"reg_factors is 0 .* method als needs at least 0\.0001 .* --method (.* or )?sgd"
    ):
        TrainConfig(reg_factors=0.0)
    assert TrainConfig(reg_factors=0.0, method="sgd").reg_factors == 0.0


def test_an_unknown_method_is_refused_with_the_known_ones() -> None:
    with pytest.raises(ValueError, match=f"method is 'bayes'; allowed: {', '.join(methods())}"):
        TrainConfig(method="bayes")


@pytest.mark.parametrize(
    ("name", "value", "minimum"),
    [("shrinkage", -1.0, "0"), ("factors", 0, "1"), ("epochs", 0, "1"), ("learning_rate", 0.0, "1e-06")],
)
def test_a_number_below_its_minimum_is_refused_with_the_minimum(name: str, value: float, minimum: str) -> None:
    with pytest.raises(ValueError, match=f"{name} is {value:g}; allowed: at least {minimum}"):
        replace(TrainConfig(), **{name: value})
