"""The stars: predicted ratings of listed items, μ + b_u + b_i + p_u · q_i, clipped to the scale."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from model_service.serving.ranking.fold_in import fold_in_stars
from model_service.serving.ranking.top_k import Rows, UserVector
from model_service.weights import Weights

DECIMALS = 6
_FIVE_STARS = 3.5, 5.0  # from the lowest to the highest rating of the scales of five stars: 0.5 to 4, 1 to 5, 0.5 to 5


class Stars:
    """Predicts ratings with the star arrays of `weights`, which have to be there."""

    def __init__(
        self, weights: Weights, *, scale: tuple[float, float], regularisation: tuple[float, float, float]
    ) -> None:
        """regularisation: of the vectors, of the bias, and the shrinkage, as in training; for the fold-in."""
        assert weights.star_item_factors is not None  # noqa: S101 the caller's contract
        assert weights.star_item_bias is not None  # noqa: S101
        assert weights.global_mean is not None  # noqa: S101
        self.mean = float(weights.global_mean[0])
        self._factors = weights.star_item_factors
        self._base = weights.star_item_bias.astype(np.float64) + self.mean
        self._low, self._high = scale
        self._regularisation = regularisation
        self._unknown = np.zeros(self._factors.shape[1], np.float32)

    def predict(self, users: Sequence[UserVector], lengths: Sequence[int], rows: Rows) -> list[float]:
        """One number of stars for each of `rows` (m,): the first of `lengths` are of the first user, and so on."""
        vectors = [self._unknown if user.star_vector is None else user.star_vector for user in users]
        factors, stars = self._factors.take(rows, axis=0), self._base.take(rows)
        if len(users) == 1:
            factors *= vectors[0]
            stars += users[0].star_bias
        else:
            factors *= np.array(vectors).repeat(lengths, axis=0)
            stars += np.array([user.star_bias for user in users]).repeat(lengths)
        stars += np.add.reduce(factors, axis=1)
        np.maximum(stars, self._low, out=stars)
        np.minimum(stars, self._high, out=stars)
        clipped: list[float] = stars.round(DECIMALS).tolist()
        return clipped

    def predict_block(
        self,
        vectors: NDArray[np.float32],
        biases: NDArray[np.float32],
        lengths: NDArray[np.int64],
        rows: Rows,
    ) -> NDArray[np.float64]:
        """(m,) the same numbers as `predict`, for users with `vectors` (B, s) and `biases` (B,), as arrays."""
        factors, stars = self._factors.take(rows, axis=0), self._base.take(rows)
        each = lengths[0] if len(lengths) else 0
        if (lengths == each).all():  # no copies of the vectors
            by_user = factors.reshape(len(vectors), each, vectors.shape[1])
            by_user *= vectors[:, None, :]
        else:
            factors *= vectors.repeat(lengths, axis=0)
        stars += biases.astype(np.float64).repeat(lengths)
        stars += np.add.reduce(factors, axis=1)
        np.maximum(stars, self._low, out=stars)
        np.minimum(stars, self._high, out=stars)
        rounded: NDArray[np.float64] = stars.round(DECIMALS)
        return rounded

    def fold_in(self, rows: Rows, stars: NDArray[np.float64]) -> tuple[NDArray[np.float32], float]:
        """The vector (s,) and the bias of a new user who rated the items `rows` (m,) with `stars` (m,)."""
        reg_factors, reg_bias, shrinkage = self._regularisation
        vector, bias = fold_in_stars(
            stars - self._base[rows],
            self._factors[rows],
            reg_factors=reg_factors,
            reg_bias=reg_bias,
            shrinkage=shrinkage,
        )
        return vector, float(bias)


def star_width(scale: tuple[float, float] | None) -> float:
    """What a star of five is on `scale`, a quarter of it; 1 on the scales of five stars themselves, and for counts.

    What was found on five stars, such as a threshold of errors, is multiplied by it on other scales.
    """
    if scale is None:
        return 1.0
    length = scale[1] - scale[0]
    return 1.0 if _FIVE_STARS[0] <= length <= _FIVE_STARS[1] else length / 4
