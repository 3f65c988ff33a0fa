"""The model as a BentoML service with one worker; logs of requests, metrics and tracing off."""

from typing import Any

import bentoml

from benchmarks.services.numpy_baseline import baseline_from_environment


@bentoml.service(
    workers=1,
    traffic={"timeout": 60},
    metrics={"enabled": False},
    logging={"access": {"enabled": False}},
)
class Recommender:
    """`{"uid": 20}` to /recommend, the answer back."""

    def __init__(self) -> None:
        self._model = baseline_from_environment()

    @bentoml.api
    async def recommend(self, uid: int) -> dict[str, Any]:
        """The answer; async, so that no thread is switched to for a computation this short."""
        return self._model.answer(uid)
