"""A model that is small and real: what a training would write, without one."""

from pathlib import Path

import numpy as np

from model_service.artifact import write_artifact
from model_service.data.items import Item
from tests.model_service.make import make_weights

USERS, FILMS, FACTORS = 900, 60, 8


def write_model(folder: Path, *, seed: int) -> str:
    """Write an artifact of random vectors; returns the model's version, which depends on the seed."""
    generator = np.random.default_rng(seed)
    users, films = (generator.normal(size=(rows, FACTORS)).astype(np.float32) for rows in (USERS, FILMS))
    seen = [[user % FILMS, (user + 7) % FILMS] for user in range(USERS)]
    weights = make_weights(users, films, [sorted(rows) for rows in seen])
    ranking = {"ranker": "ials", "fold_in_prior": 0.1, "fold_in_ridge": 0.1, "fold_in_shift": 1.0}
    ranking |= {"lowest_rating": 1.0, "highest_rating": 5.0, "log_mean": 1.0, "typical_value": 4.0}
    metadata = write_artifact(
        folder,
        weights=weights,
        items=[Item(id=id_, title=f"Film {id_} (1999)", genres=("Drama",), year=1999) for id_ in weights.items],
        data={"source": "made", "fingerprint": "0" * 64, "scale": [1.0, 5.0], "times": False},
        hyperparameters={"c_vector": 0.1, "c_bias": 0.1, "shrinkage": 1.0, "ranking": ranking},
        metrics={"served_scores": {"mean": 4.2, "spread": [0.1, 0.2]}, "order": {"length": 10}},
        libraries={"python": "3.12"},
    )
    return str(metadata.short_version)
