"""``python -m catalogue_service``: serve the catalogue over HTTP until SIGTERM."""

import sys

from catalogue_service.app import create_app
from catalogue_service.settings import CatalogueSettings
from web.service import main

if __name__ == "__main__":
    sys.exit(main("catalogue", CatalogueSettings, create_app))
