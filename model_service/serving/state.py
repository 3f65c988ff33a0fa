"""What the service knows about its model, and whether it should get traffic."""

import logging
import time
from dataclasses import dataclass

from model_service.artifact import ArtifactError, load_artifact
from model_service.serving.errors import RequestError
from model_service.serving.recommender import Recommender
from model_service.serving.settings import Settings

_log = logging.getLogger(__name__)


@dataclass(kw_only=True)
class ServiceState:
    """The loaded model, or the problem that kept it from being loaded; `draining` once the end was asked for."""

    recommender: Recommender | None = None
    problem: str = "the model is not loaded yet"
    draining: bool = False

    @property
    def version(self) -> str:
        """The model's version as people see it, `none` without a model."""
        return self.recommender.version if self.recommender else "none"

    def load(self, settings: Settings) -> None:
        """Load and verify the artifact; a problem is kept and logged, not raised, so that the process stays up."""
        started = time.perf_counter()
        try:
            artifact = load_artifact(settings.artifact_dir)
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
        self.recommender = Recommender(artifact)
        milliseconds = round((time.perf_counter() - started) * 1000)
        _log.info("model loaded", extra={"model_version": self.version, "load_milliseconds": milliseconds})

    def ready(self) -> Recommender:
        """The model, when requests should be sent here; raises RequestError 503 with the reason otherwise."""
        if self.draining:
            raise RequestError(503, "not ready: the service is shutting down")
        return self.loaded()

    def loaded(self) -> Recommender:
        """The model; raises RequestError 503 with the reason when there is none."""
        if self.recommender is None:
            raise RequestError(503, f"not ready: {self.problem}")
        return self.recommender

    def _refuse(self, problem: str) -> None:
        self.problem = problem
        _log.error("no model, not ready", extra={"problem": problem})
