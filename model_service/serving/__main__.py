"""`python -m model_service.serving`: the HTTP service, configured by environment variables."""

import gc
import sys

from model_service.artifact import ArtifactLoader, artifact_folder


def main() -> int:
    """Serve until stopped; returns 2 for an invalid setting, 1 when the service failed."""
    gc.disable()  # nothing to collect during the imports: a tenth of the start
    loader = ArtifactLoader(artifact_folder())  # reads and verifies files while the rest is imported
    from model_service.serving.settings import Settings, SettingsError

    try:
        settings = Settings.from_environment()
    except SettingsError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    from model_service.serving.server import serve
    from model_service.serving.telemetry.logs import configure_logging

    configure_logging(settings.log_level)
    return serve(settings, loader)


if __name__ == "__main__":
    sys.exit(main())
