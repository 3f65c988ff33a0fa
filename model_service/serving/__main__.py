"""`python -m model_service.serving`: the HTTP service, with its settings from the environment."""

import os
import sys

from model_service.serving.settings import Settings, SettingsError


def main() -> int:
    """Serve until told to stop; returns 2 for a setting that cannot be used, 1 when the service failed."""
    try:
        settings = Settings.from_environment(os.environ)
    except SettingsError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    from model_service.serving.loading import Loading

    loading = Loading(settings.artifact_dir)  # reads and checks files while the rest is imported
    from model_service.serving.server import serve
    from model_service.serving.telemetry.logs import configure_logging

    configure_logging(settings.log_level)
    return serve(settings, loading)


if __name__ == "__main__":
    sys.exit(main())
