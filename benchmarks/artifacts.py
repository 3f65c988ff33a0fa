"""Artifacts of any size with random factors: what serving costs does not depend on what was learnt.

Popularity follows Zipf's law, what users have seen follows popularity, well-known films are liked a little more and
have longer factors (training shrinks those of the others). Films are ranked by the same numbers as their stars, as
the other contenders rank them. The spread of the scores narrows with the number of films
so that the best ten stay within the scale and the answers can be compared by score.
"""

import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.paths import ARTIFACTS
from benchmarks.sizes import Size
from model_service.artifact import Weights, write_artifact
from model_service.catalogue import Item
from model_service.data.titles import invent_titles

SEED = 20
_REVISION = 4  # of what this module makes: a new number makes every artifact anew
_MEAN = 3.2  # stars


def ensure_artifact(size: Size) -> Path:
    """The folder of the artifact of `size`, made when it is not there: seconds for a million films."""
    folder = ARTIFACTS / size.name
    mark = ARTIFACTS / f"{size.name}.json"
    made = {"size": size.name, "users": size.users, "factors": size.factors, "seed": SEED, "revision": _REVISION}
    if mark.is_file() and json.loads(mark.read_text()) == made and (folder / "metadata.json").is_file():
        return folder
    ARTIFACTS.mkdir(parents=True, exist_ok=True)
    mark.unlink(missing_ok=True)
    write_artifact(
        folder,
        weights=random_weights(size),
        items=films(size),
        data={"source": "random factors", "scale": [1.0, 5.0], "seed": SEED},
        hyperparameters={"factors": size.factors},
        metrics={},
        libraries={"numpy": np.__version__},
    )
    mark.write_text(json.dumps(made))
    return folder


def films(size: Size) -> list[Item]:
    """Seeded films of `size`, the same each time."""
    titles = invent_titles(size.films, np.random.default_rng(SEED))
    years = [1930 + row % 95 for row in range(size.films)]
    return [
        Item(id=str(row + 1), title=f"{title} ({year})", genres=("Drama",), year=year)
        for row, (title, year) in enumerate(zip(titles, years, strict=True))
    ]


def random_weights(size: Size) -> Weights:
    """Seeded arrays of `size`, the same each time."""
    generator = np.random.default_rng([SEED, size.films])
    seen = _seen(size, generator)
    counts = np.bincount(np.concatenate(seen), minlength=size.films).astype(np.int32)
    known = np.sqrt((counts + 1.0) / (counts + 11.0))  # (I,) near 1 for films with many ratings
    spread = 1.3 / np.sqrt(2 * np.log(size.films))  # the best of I normal scores is about 1.3 stars above the mean
    item_factors = generator.normal(size=(size.films, size.factors)).astype(np.float32)
    item_factors *= (0.8 * spread / size.factors**0.25 * known[:, None]).astype(np.float32)
    user_factors = generator.normal(size=(size.users, size.factors)) / size.factors**0.25
    bias = 0.6 * spread * generator.normal(size=size.films) * known + 0.02 * np.log1p(counts)
    seen_indices = np.concatenate(seen).astype(np.int32)
    return Weights(
        user_factors=user_factors.astype(np.float32),
        item_factors=item_factors,
        item_bias=bias.astype(np.float32),
        fold_in_rhs=np.zeros(size.factors),
        fold_in_base=np.eye(size.factors),
        star_user_factors=user_factors.astype(np.float32),
        star_item_factors=item_factors,
        star_user_bias=(0.1 * generator.normal(size=size.users)).astype(np.float32),
        star_item_bias=bias.astype(np.float32),
        global_mean=np.array([_MEAN], np.float32),
        user_ids=np.arange(1, size.users + 1, dtype=np.int64),
        item_ids=np.arange(1, size.films + 1, dtype=np.int64),
        seen_indptr=np.concatenate(([0], np.cumsum([len(rows) for rows in seen]))).astype(np.int64),
        seen_indices=seen_indices,
        seen_values=np.full(len(seen_indices), 4.0, np.float32),
        item_counts=counts,
        popularity=counts.astype(np.float32),
    )


def _seen(size: Size, generator: np.random.Generator) -> list[NDArray[np.int64]]:
    """For each user the increasing rows of the films seen, drawn by popularity; no film of a small catalogue unseen."""
    popularity = np.cumsum(1.0 / np.arange(10, size.films + 10))
    rows_by_rank = generator.permutation(size.films)
    draws = generator.random((size.users, size.seen + size.seen // 3)) * popularity[-1]
    chosen = rows_by_rank[np.minimum(np.searchsorted(popularity, draws), size.films - 1)]
    seen = [np.unique(rows)[: size.seen] if size.films > 10 * size.seen else np.unique(rows) for rows in chosen]
    if size.films <= size.users * size.seen // 4:
        owner = generator.integers(size.users, size=size.films)  # one viewer for each film
        seen = [np.union1d(rows, np.flatnonzero(owner == user)) for user, rows in enumerate(seen)]
    return seen
