"""The interface between the infrastructure and the model service's image."""

from typing import Any, Final

CONTAINER_NAME: Final = "model"
CONTAINER_PORT: Final = 8080
CONTAINER_USER: Final = "10001:10001"
READY_PATH: Final = "/ready"
HEALTH_COMMAND: Final = ("CMD", "python3", "-S", "-m", "model_service.serving.healthcheck")
TARGET_ARGS: Final[dict[str, Any]] = {"container_port": CONTAINER_PORT, "health_check_path": READY_PATH}
"""Arguments of the load balancer's targets."""
CONTAINER_ARGS: Final[dict[str, Any]] = {
    "container_name": CONTAINER_NAME,
    "container_port": CONTAINER_PORT,
    "health_command": HEALTH_COMMAND,
    "user": CONTAINER_USER,
}
"""Arguments of the service's container."""
ARTIFACT_FOLDER: Final = "artifact"
METRICS_NAMESPACE: Final = "Recommender"
"""CloudWatch namespace of the metrics in the service's log; dimensions Service and ModelVersion."""
RESERVED_ENVIRONMENT: Final = frozenset(
    {
        "ANN_MIN_ITEMS",
        "CORS_ORIGINS",
        "LOG_LEVEL",
        "METRICS_NAMESPACE",
        "MODEL_VERSION",
        "PORT",
        "ROOT_PATH",
        "SERVICE_NAME",
    }
)
"""Environment variables that the program sets."""
