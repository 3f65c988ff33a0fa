"""What the service knows about its model, and whether it should get traffic."""

import dataclasses
import logging
import time
from dataclasses import dataclass, field

from model_service.ann_index import AnnIndex, AnnIndexError, read_index
from model_service.artifact import Artifact, ArtifactError
from model_service.serving.answers import Answers
from model_service.serving.batching import RecommendRequest
from model_service.serving.errors import RequestError
from model_service.serving.executor import BoundedExecutor
from model_service.serving.loading import Loading
from model_service.serving.recommender import Recommender
from model_service.serving.search import TitleIndex
from model_service.serving.settings import Settings
from model_service.serving.telemetry.metrics import Counters, Metrics
from model_service.serving.titles import cache_items

_WARM_UP_USERS = 32
_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class Model:
    """A verified model and what answers with it."""

    artifact: Artifact
    recommender: Recommender
    titles: TitleIndex
    answers: Answers
    index: AnnIndex | None = None

    @property
    def version(self) -> str:
        """The version as people see it."""
        return self.recommender.version


@dataclass(kw_only=True)
class ServiceState:
    """The loaded model, or the problem that kept it from being loaded; `draining` once the end was asked for."""

    metrics: Metrics = field(default_factory=Metrics)
    counters: Counters = field(init=False)
    model: Model | None = None
    problem: str = ""
    draining: bool = False
    aside: BoundedExecutor = field(init=False)

    def __post_init__(self) -> None:
        self.counters = self.metrics.counters()
        self.aside = BoundedExecutor(self.counters)

    @property
    def version(self) -> str:
        """The model's version as people see it, `none` without a model."""
        return self.model.version if self.model else "none"

    @property
    def expected_score(self) -> float | None:
        """The mean predicted rating, in stars, of what training recommended; None when it did not say."""
        served = self.model.artifact.metadata.metrics.get("served_scores", {}) if self.model else {}
        value = served.get("mean") if isinstance(served, dict) else None
        return float(value) if isinstance(value, int | float) else None

    def use_worker_counters(self, worker: int) -> None:
        """Count as the worker with this number, from 0."""
        self.counters.become(self.metrics.counters(worker))

    def load(self, settings: Settings, loading: Loading | None = None, *, threads: int = 1) -> None:
        """Load and verify the artifact, or take the one that is `loading` since earlier; score with `threads`.

        A problem is kept and logged, not raised, so that the process stays up.
        """
        started = time.perf_counter()
        try:
            artifact = (loading or Loading(settings.artifact_dir)).wait()
        except ArtifactError as error:
            self._refuse(str(error))
            return
        found = artifact.metadata.model_version
        if settings.model_version and not found.startswith(settings.model_version):
            self._refuse(
                f"MODEL_VERSION asks for {settings.model_version}, the artifact in {settings.artifact_dir} is "
                f"{artifact.metadata.short_version}; build the image with that artifact or change MODEL_VERSION"
            )
            return
        try:
            index = _index(artifact, settings)
        except AnnIndexError as error:
            self._refuse(str(error))
            return
        kept = dataclasses.replace(artifact, items=cache_items(artifact.items))
        recommender = Recommender(kept, index, threads=threads)
        titles = TitleIndex(artifact.items, artifact.weights.item_counts)
        answers = Answers(
            recommender,
            titles,
            self.counters,
            keep_bytes=settings.keep_mib * 2**20,
            most_waiting=settings.most_waiting,
        )
        answers.batcher.warm_up([RecommendRequest(int(uid), 10) for uid in artifact.weights.user_ids[:_WARM_UP_USERS]])
        self.model = Model(artifact=artifact, recommender=recommender, titles=titles, answers=answers, index=index)
        milliseconds = round((time.perf_counter() - started) * 1000)
        extra = {"model_version": self.version, "load_milliseconds": milliseconds, "engine": recommender.engine}
        _log.info("model loaded", extra=extra)

    def ready(self) -> Model:
        """The model, when requests should be sent here; raises RequestError 503 with the reason otherwise."""
        if self.draining:
            raise RequestError(503, "not ready: the service is shutting down")
        return self.loaded()

    def loaded(self) -> Model:
        """The model; raises RequestError 503 with the reason when there is none."""
        if self.model is None:
            raise RequestError(503, f"not ready: {self.problem or 'the model is not loaded yet'}")
        return self.model

    def _refuse(self, problem: str) -> None:
        self.problem = problem
        _log.error("no model, not ready", extra={"problem": problem})


def _index(artifact: Artifact, settings: Settings) -> AnnIndex | None:
    """The approximate index, None where answers are exact; raises AnnIndexError where it is wanted and not usable."""
    films, factors = artifact.weights.item_factors.shape
    if not 0 < settings.approximate_above < films:
        return None
    version = artifact.metadata.model_version
    return read_index(settings.artifact_dir, model_version=version, films=films, factors=factors)
