"""What the infrastructure knows of the image's inside: the one place where the two agree."""

from typing import Final

CONTAINER_NAME: Final = "model"
CONTAINER_PORT: Final = 8080
CONTAINER_USER: Final = "10001:10001"
READY_PATH: Final = "/ready"
HEALTH_COMMAND: Final = ("CMD", "python3", "-S", "-m", "model_service.serving.healthcheck")
ARTIFACT_FOLDER: Final = "artifact"
RESERVED_ENVIRONMENT: Final = frozenset({"LOG_LEVEL", "MODEL_VERSION", "PORT"})
"""Variables that the program sets itself."""
