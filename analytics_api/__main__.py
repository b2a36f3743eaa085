"""``python -m analytics_api``: answer reports until SIGTERM."""

import gc
import sys

from analytics_api.app import create_app
from analytics_api.settings import ApiSettings
from schema.errors import SetupError
from schema.server import run
from schema.telemetry import configure_logging


def main() -> int:
    """Run the service; the exit codes are those of the command line."""
    try:
        settings = ApiSettings.load()
        configure_logging("api", settings.log_level)
        app, not_ready = create_app(settings)
    except SetupError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 2
    gc.freeze()
    run(app, settings, not_ready)
    return 0


if __name__ == "__main__":
    sys.exit(main())
