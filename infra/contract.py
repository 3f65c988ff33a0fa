"""What the infrastructure knows of the image's inside: the one place where the two agree."""

from typing import Final

CONTAINER_NAME: Final = "model"
CONTAINER_PORT: Final = 8080
CONTAINER_USER: Final = "10001:10001"
READY_PATH: Final = "/ready"
HEALTH_COMMAND: Final = ("CMD", "python3", "-S", "-m", "model_service.serving.healthcheck")
ARTIFACT_FOLDER: Final = "artifact"
METRICS_NAMESPACE: Final = "Recommender"
"""Of the metrics that the model writes into its log, by the dimensions Service and ModelVersion."""
RESERVED_ENVIRONMENT: Final = frozenset(
    {"APPROXIMATE_ABOVE", "LOG_LEVEL", "METRICS_NAMESPACE", "MODEL_VERSION", "PORT", "SERVICE_NAME"}
)
"""Variables that the program sets itself."""
