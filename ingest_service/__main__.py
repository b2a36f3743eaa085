"""``python -m ingest_service``: accept events over HTTP until SIGTERM."""

import gc
import sys

from ingest_service.app import create_app
from ingest_service.settings import IngestSettings
from schema.errors import SetupError
from schema.server import run
from schema.telemetry import configure_logging


def main() -> int:
    """Run the service; the exit codes are those of the command line."""
    try:
        settings = IngestSettings.load()
        configure_logging("ingest", settings.log_level)
        app, publisher = create_app(settings)
    except SetupError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 2
    gc.freeze()
    run(app, settings, publisher.not_ready)
    return 0


if __name__ == "__main__":
    sys.exit(main())
