"""``python -m catalogue_service``: take changes of the catalogue until SIGTERM."""

import sys

from catalogue_service.app import create_app
from catalogue_service.settings import CatalogueSettings
from schema.http.server import main

if __name__ == "__main__":
    sys.exit(main("catalogue", CatalogueSettings, create_app))
