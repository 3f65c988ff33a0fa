"""The recommender as a service: the loaded model, readiness, and recommendations through cache and batcher."""

import logging
import re
import time
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

import orjson

from model_service.ann_index import AnnIndex, AnnIndexError, read_index
from model_service.artifact import Artifact, ArtifactError, ArtifactLoader
from model_service.ids import Ids
from model_service.serving.batching import MicroBatcher
from model_service.serving.cache import EncodedResponse, ResponseCache, encode_response
from model_service.serving.cross_origin import CrossOrigin
from model_service.serving.errors import RequestError, quoted
from model_service.serving.executor import BoundedExecutor
from model_service.serving.ranking.stars import star_width
from model_service.serving.recommender import Recommendations, Recommender, RecommendRequest
from model_service.serving.settings import Settings
from model_service.serving.telemetry.metrics import Metrics
from model_service.serving.telemetry.recorder import RequestRecorder

_WARM_UP_USERS: Final = 32
_MAX_NAMED: Final = 5  # films of one title that a message names
_FIND: Final = "GET /items?q= finds films by title"
_WHOLE_NUMBER: Final = re.compile("-?[0-9]+")
_log = logging.getLogger(__name__)


@dataclass(frozen=True, kw_only=True)
class LoadedModel:
    """A verified model with its recommender, response cache and batcher."""

    artifact: Artifact
    recommender: Recommender
    cache: ResponseCache
    batcher: MicroBatcher
    index: AnnIndex | None

    @property
    def version(self) -> str:
        """The short version, 12 hex digits."""
        return self.recommender.version

    @property
    def user_numbers(self) -> bool:
        """Whether all user ids are whole numbers."""
        return self.artifact.weights.users.are_numbers

    def check_user(self, uid: str, name: str = "uid", example: str = "/?uid=20") -> str:
        """`uid`; raises RequestError 422 for a text that is no whole number where all user ids are."""
        return _check_id(self.artifact.weights.users, uid, name, example)

    def check_item(self, id_: str, name: str = "id", example: str = "/items/1") -> str:
        """`id_`; raises RequestError 422 for a text that is no whole number where all item ids are."""
        return _check_id(self.artifact.weights.items, id_, name, example)

    def item_row(self, id_: str, *, status: int = 422) -> int:
        """The row of the item with this id; raises RequestError with `status` when there is none."""
        row = self.recommender.item_row(id_)
        if row is None:
            raise RequestError(status, f"no film has the id {quoted(id_)}; {_FIND}")
        return row

    def titled_row(self, title: str) -> int:
        """The row of the item with this title; raises RequestError 422 where there is none, or more than one."""
        rows = self.recommender.catalogue.rows_by_title(title)
        if not rows:
            raise RequestError(422, f"no film has the title {quoted(title)}; {_FIND}")
        if len(rows) > 1:
            items = [self.recommender.items[row] for row in sorted(rows)[:_MAX_NAMED]]
            kinds = [[*item.genres, *([] if item.year is None else [str(item.year)])] for item in items]
            same = len({tuple(kind) for kind in kinds}) == 1
            named = [
                item.id if same or not kind else f"{item.id} ({', '.join(kind)})"
                for item, kind in zip(items, kinds, strict=True)
            ]
            more = ", …" if len(rows) > len(items) else ""
            raise RequestError(
                422,
                f"{len(rows)} films have the title {quoted(title)}: give the id, one of {', '.join(named)}{more}",
            )
        return rows[0]

    def named_row(self, reference: str) -> int:
        """The row of the item with this id or, without one, this title; raises RequestError 422 as `titled_row`."""
        row = self.recommender.item_row(reference)
        return self.titled_row(reference) if row is None else row


class RecommenderService:
    """The state of one process: the loaded model, or the reason why there is none, and whether it is draining."""

    def __init__(self, settings: Settings, metrics: Metrics | None = None) -> None:
        self.settings = settings
        self.metrics = metrics or Metrics()
        self.recorder = RequestRecorder(self.metrics.row(), sample_every=settings.access_log_sample_every)
        self.executor = BoundedExecutor(self.recorder)
        self.cross_origin = CrossOrigin(settings.cors_origins)
        self.model: LoadedModel | None = None
        self.draining = False
        self._problem = "the model is not loaded yet"

    @property
    def version(self) -> str:
        """The model's short version, `none` without a model."""
        return self.model.version if self.model else "none"

    @property
    def expected_score(self) -> float | None:
        """The mean predicted rating, in stars, of the recommendations at training; None when it was not recorded."""
        served = self.model.artifact.metadata.metrics.get("served_scores", {}) if self.model else {}
        mean = served.get("mean") if isinstance(served, dict) else None
        return float(mean) if isinstance(mean, int | float) else None

    @property
    def star_width(self) -> float:
        """What a star of five is on the scale of the ratings, for the drift; 1 without a model."""
        return star_width(self.model.artifact.scale) if self.model else 1.0

    def load(self, loader: ArtifactLoader | None = None, *, threads: int = 1) -> None:
        """Load and verify the artifact, by `loader` where one is under way; rank with `threads` threads.

        A failure is logged and becomes the reason for not being ready; the process stays up.
        """
        started = time.perf_counter()
        try:
            artifact = (loader or ArtifactLoader(self.settings.artifact_dir)).wait()
            self._check_version(artifact)
            index = self._read_index(artifact)
        except (ArtifactError, AnnIndexError) as error:
            self._problem = str(error)
            _log.error("no model, not ready", extra={"problem": self._problem})
            return
        recommender = Recommender(artifact, index, threads=threads)
        cache = ResponseCache(self.settings.response_cache_mib * 2**20)
        batcher = MicroBatcher(
            lambda requests: _compute(recommender, requests),
            cache,
            self.recorder,
            max_queue_size=self.settings.max_queue_size,
        )
        batcher.warm_up([RecommendRequest(uid) for uid in artifact.weights.users[:_WARM_UP_USERS]])
        self.model = LoadedModel(artifact=artifact, recommender=recommender, cache=cache, batcher=batcher, index=index)
        milliseconds = round((time.perf_counter() - started) * 1000)
        extra = {"model_version": self.version, "load_milliseconds": milliseconds, "engine": recommender.engine}
        _log.info("model loaded", extra=extra)

    def require_ready(self) -> LoadedModel:
        """The model, if the service accepts traffic; raises RequestError 503 with the reason otherwise."""
        if self.draining:
            raise RequestError(503, "not ready: the service is shutting down")
        return self.require_model()

    def require_model(self) -> LoadedModel:
        """The model; raises RequestError 503 with the reason when there is none."""
        if self.model is None:
            raise RequestError(503, f"not ready: {self._problem}")
        return self.model

    async def check_genre(self, model: LoadedModel, genre: str | None) -> str | None:
        """`genre` case-folded; raises RequestError 422 with the known genres for one that no item has."""
        if genre is None:
            return None
        known = await self.executor.run(model.recommender.catalogue.genres)
        if genre.casefold() not in {name.casefold() for name in known}:
            raise RequestError(422, f"no film is of the genre {quoted(genre)}; there are {', '.join(known)[:200]}")
        return genre.casefold()

    def _check_version(self, artifact: Artifact) -> None:
        required = self.settings.model_version
        if required and not artifact.metadata.model_version.startswith(required):
            raise ArtifactError(
                f"MODEL_VERSION asks for {required}, the artifact in {self.settings.artifact_dir} is "
                f"{artifact.metadata.short_version}; build the image with that artifact or change MODEL_VERSION"
            )

    def _read_index(self, artifact: Artifact) -> AnnIndex | None:
        """The ANN index where the catalogue is large enough to use it; None for exact ranking."""
        items, factors = artifact.weights.item_factors.shape
        if not 0 < self.settings.ann_min_items <= items:
            return None
        version = artifact.metadata.model_version
        return read_index(self.settings.artifact_dir, model_version=version, items=items, factors=factors)


def _check_id(ids: Ids, id_: str, name: str, example: str) -> str:
    if ids.are_numbers and not _WHOLE_NUMBER.fullmatch(id_):
        raise RequestError(422, f"{name} has to be a whole number, as in {example}; it is {quoted(id_)}")
    return id_


def _compute(recommender: Recommender, requests: Sequence[RecommendRequest]) -> list[EncodedResponse]:
    results = recommender.recommend_many(requests)
    return [_encode(recommender, request, result) for request, result in zip(requests, results, strict=True)]


def _encode(recommender: Recommender, request: RecommendRequest, result: Recommendations) -> EncodedResponse:
    body: dict[str, Any] = {"success": True, "response": result.ranked}
    if result.cold_start:
        body["cold_start"] = True
        body["reason"] = f"user {request.user} is not in the model's data: these are popular films"
    if request.ids is not None:
        body["ids"] = [recommender.item_id(row, request.ids) for row in result.rows]
    stars = [] if recommender.stars is None else [stars for _, stars in result.ranked if stars is not None]
    empty = not result.rows
    return encode_response(orjson.dumps(body), recommender.version, stars, cold_start=result.cold_start, empty=empty)
