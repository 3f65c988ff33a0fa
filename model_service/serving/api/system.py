"""The service itself: alive, ready, which model, and what it has counted."""

from fastapi import FastAPI, Request, Response

from model_service.serving import responses
from model_service.serving.api.common import json_response
from model_service.serving.errors import RequestError
from model_service.serving.state import Model, ServiceState
from model_service.serving.telemetry import prometheus

_BALANCER_HEADER = "x-forwarded-for"


def add(app: FastAPI, state: ServiceState) -> None:
    """GET /health, /ready, /model and /metrics."""

    @app.get("/health", summary="Is the process alive?", responses=responses.STATUS_RESPONSES)
    async def health() -> Response:
        return json_response({"success": True})

    @app.get("/ready", summary="Is the model loaded and verified?", responses=responses.READY_RESPONSES)
    async def ready() -> Response:
        return json_response({"success": True, "model_version": state.ready().version})

    @app.get(
        "/model",
        summary="Which model answers: its version, its data, its metrics",
        responses=responses.MODEL_RESPONSES,
    )
    async def model() -> Response:
        found = state.loaded()
        metadata, weights = found.artifact.metadata, found.artifact.weights
        users, factors = weights.user_factors.shape
        return json_response(
            {
                "success": True,
                "model_version": metadata.model_version,
                "users": users,
                "items": len(weights.item_ids),
                "factors": factors,
                "scale": found.artifact.scale,
                "data": metadata.data,
                "hyperparameters": metadata.hyperparameters,
                "metrics": metadata.metrics,
                "libraries": metadata.libraries,
                "engine": found.recommender.engine,
                "index": _index(found),
            }
        )

    @app.get(
        "/metrics",
        summary="What was counted, in Prometheus's text format, all workers together",
        description="Not told through a load balancer (a request with X-Forwarded-For): it is for those who reach "
        "the task itself.",
        responses=responses.METRICS_RESPONSES,
        response_class=Response,
    )
    async def metrics(request: Request) -> Response:
        if _BALANCER_HEADER in request.headers:
            raise RequestError(404, "GET /metrics is answered within the network only, not through a load balancer")
        return Response(prometheus.exposition(state.metrics.read(), state.version), media_type=prometheus.CONTENT_TYPE)


def _index(model: Model) -> dict[str, object] | str:
    """Where answers to users come from: "exact", or which index, with its measured recall."""
    if model.index is None:
        return "exact"
    about = model.index.about
    names = ("library", "recall_at_10", "measured_users", "lists", "probes")
    return {name: getattr(about, name) for name in names}
