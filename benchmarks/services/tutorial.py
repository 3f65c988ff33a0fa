"""The service that the tutorials build, in our words: Flask, scikit-surprise's SVD, an anti-testset.

Once: the anti-testset, every pair of a user and a film that the user has not rated. For each request it is walked with
`filter` for the user's pairs, as Surprise's users commonly write it, these go through `test`, and what comes back is
sorted. As written, every prediction also looks its title
up in a data frame, and Flask's own server is used. At its best the titles are looked up for the ten that are returned,
in a dictionary, and gunicorn runs two workers.

`python -m benchmarks.services.tutorial` runs it as written, `gunicorn benchmarks.services.tutorial:at_its_best()`
at its best. The trained arrays are those of the artifact, put in the place of what `fit` would have learnt.
"""

import os
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import pandas
from flask import Flask, jsonify, request
from surprise import SVD, Dataset, Reader, Trainset

from benchmarks.services.numpy_baseline import star_arrays
from model_service.artifact import Artifact, load_artifact

TOP = 10
Lookup = Callable[[list[tuple[str, float]]], list[tuple[str, float]]]


class _Ratings:
    """The seen pairs as what Surprise reads a data frame with; the rating's value is of no account here."""

    def __init__(self, artifact: Artifact) -> None:
        weights = artifact.weights
        users = np.repeat(weights.user_ids, np.diff(weights.seen_indptr))
        items = weights.item_ids[weights.seen_indices]
        texts = map(str, users.tolist()), map(str, items.tolist())  # ids are texts where Surprise reads files
        self._pairs = [(user, item, 3.0) for user, item in zip(*texts, strict=True)]

    def itertuples(self, index: bool) -> Iterator[tuple[str, str, float]]:
        """The ratings, one by one."""
        return iter(self._pairs)


def trained(artifact: Artifact) -> tuple[SVD, Trainset]:
    """Surprise's SVD with the artifact's arrays, in the order of its own ids."""
    weights = artifact.weights
    user_factors, item_factors, user_bias, item_bias, mean = star_arrays(weights)
    trainset = Dataset.load_from_df(_Ratings(artifact), Reader(rating_scale=artifact.scale)).build_full_trainset()
    users = np.searchsorted(weights.user_ids, [int(trainset.to_raw_uid(inner)) for inner in trainset.all_users()])
    items = np.searchsorted(weights.item_ids, [int(trainset.to_raw_iid(inner)) for inner in trainset.all_items()])
    model = SVD(n_factors=item_factors.shape[1])
    model.trainset = trainset
    trainset._global_mean = mean
    model.bu, model.bi = user_bias[users].astype(float), item_bias[items].astype(float)
    model.pu, model.qi = user_factors[users].astype(float), item_factors[items].astype(float)
    return model, trainset


def _application(make_lookup: Callable[[Artifact], Lookup]) -> Flask:
    artifact = load_artifact(os.environ["ARTIFACT_DIR"])
    model, trainset = trained(artifact)
    pairs = trainset.build_anti_testset()
    titled = make_lookup(artifact)
    app = Flask(__name__)

    @app.get("/")
    def recommend() -> Any:
        uid = request.args["uid"]
        predictions = model.test(filter(lambda pair: pair[0] == uid, pairs))
        return jsonify(success=True, response=titled([(found.iid, found.est) for found in predictions]))

    return app


def _best(found: list[tuple[Any, float]]) -> list[tuple[Any, float]]:
    return sorted(found, key=lambda one: one[1], reverse=True)[:TOP]


def as_written() -> Flask:
    """Each prediction's title is looked up before the ten best are taken."""

    def make_lookup(artifact: Artifact) -> Lookup:
        films = pandas.DataFrame(
            {"id": [str(item.id) for item in artifact.items], "title": [i.title for i in artifact.items]}
        )
        return lambda found: _best([(films.loc[films["id"] == iid, "title"].iloc[0], score) for iid, score in found])

    return _application(make_lookup)


def at_its_best() -> Flask:
    """Only the ten best get their titles."""

    def make_lookup(artifact: Artifact) -> Lookup:
        titles = {str(item.id): item.title for item in artifact.items}
        return lambda found: [(titles[iid], score) for iid, score in _best(found)]

    return _application(make_lookup)


if __name__ == "__main__":
    as_written().run(host="127.0.0.1", port=int(os.environ["PORT"]))
