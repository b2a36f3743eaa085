"""``python -m catalogue_service``: take changes of the catalogue until SIGTERM."""

import gc
import sys

from catalogue_service.app import create_app
from catalogue_service.settings import CatalogueSettings
from schema.errors import SetupError
from schema.server import run
from schema.telemetry import configure_logging


def main() -> int:
    """Run the service; the exit codes are those of the command line."""
    try:
        settings = CatalogueSettings.load()
        configure_logging("catalogue", settings.log_level)
        app, not_ready = create_app(settings)
    except SetupError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 2
    gc.freeze()
    run(app, settings, not_ready)
    return 0


if __name__ == "__main__":
    sys.exit(main())
